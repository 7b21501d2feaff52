// SPDX-License-Identifier: Apache-2.0

/**
 * MiB of each half of V8's young generation, 16 unless said: what it once grew to stays resident. The road of frequent
 * events allocates next to nothing, and in turns with 16 neither they nor execs cost more CPU that could be told.
 */
const SEMI_SPACE_MIB = 2;

/**
 * Arguments for a Node that is started again: those that it had, and a small young generation where the user has not
 * chosen another. V8 takes its size only when it starts.
 *
 * @param given `process.execArgv`
 * @param nodeOptions the variable NODE_OPTIONS
 */
export function engineArguments(given: readonly string[], nodeOptions = ''): readonly string[] {
  const isChosen = /semi[-_]space[-_]size/.test([...given, nodeOptions].join(' '));
  return isChosen ? given : [...given, `--max-semi-space-size=${SEMI_SPACE_MIB}`];
}
