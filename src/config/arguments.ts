// SPDX-License-Identifier: Apache-2.0
import { parseArgs } from 'node:util';
import { COMMANDS, type Command } from './option.ts';
import { flagOf, OPTION_NAMES, type OptionName, optionOf } from './options.ts';
import { didYouMean, UsageError } from './usage-error.ts';

const FLAGS: ReadonlyMap<string, OptionName> = new Map(
  OPTION_NAMES.map((name) => [flagOf(name).slice(2), name]),
);

/** A command line in its parts. */
export interface Arguments {
  /** What stood behind each flag: once, or as often as it came where it may come again. */
  readonly flags: ReadonlyMap<OptionName, readonly string[]>;
  readonly words: readonly string[];
}

/**
 * Takes the command line apart: flags with their texts (switches: `true`), and the other words.
 *
 * @throws UsageError
 */
export function readArguments(args: readonly string[]): Arguments {
  const { tokens } = parseArgs({
    args: completeBareFlags(args),
    strict: false, // its errors would name neither the nearest flag nor the way out
    tokens: true,
    options: Object.fromEntries(
      [...FLAGS].map(([flag, name]) => {
        const { value, short } = optionOf(name);
        return [flag, { type: value === undefined ? 'boolean' : 'string', ...(short && { short }) }];
      }),
    ),
  });
  const isKnown = tokens.every((token) => token.kind !== 'option' || FLAGS.has(token.name));
  const flags = new Map<OptionName, string[]>();
  const words: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') words.push(token.value);
    if (token.kind !== 'option') continue;
    const name = FLAGS.get(token.name);
    if (name === undefined) continue;
    const { value, bare } = optionOf(name);
    const text = value === undefined ? 'true' : token.value || (bare ?? '');
    const before = optionOf(name).each ? flags.get(name) : undefined;
    flags.set(name, [...(before ?? []), text]);
  }
  if (flags.has('help') || (flags.has('version') && isKnown)) return { flags, words };
  for (const token of tokens) if (token.kind === 'option') checkFlag(token);
  return { flags, words };
}

/** `--endpoint` alone, before another flag or before a command: what it means alone is put in. */
function completeBareFlags(args: readonly string[]): string[] {
  return args.map((arg, i) => {
    const name = FLAGS.get(arg.replace(/^--/, ''));
    const bare = name === undefined || !arg.startsWith('--') ? undefined : optionOf(name).bare;
    const next = args[i + 1];
    const isBare = next === undefined || next.startsWith('-') || isCommand(next);
    return bare !== undefined && isBare && !args.slice(0, i).includes('--') ? `${arg}=${bare}` : arg;
  });
}

function checkFlag(token: {
  rawName: string;
  name: string;
  value: string | undefined;
  inlineValue?: boolean | undefined;
}): void {
  const name = FLAGS.get(token.name);
  if (name === undefined) {
    const near = didYouMean(
      token.rawName,
      [...FLAGS.keys()].map((flag) => `--${flag}`),
    );
    throw new UsageError(`unknown option ${token.rawName}${near}; see --help`);
  }
  const { value } = optionOf(name);
  if (value === undefined) {
    if (token.value !== undefined) throw new UsageError(`${flagOf(name)} takes no value`);
  } else if (token.value === undefined || (token.inlineValue !== true && token.value.startsWith('-'))) {
    throw new UsageError(`${flagOf(name)} needs a value: ${flagOf(name)} ${value}`);
  }
}

/** Whether a word is a command. */
export function isCommand(word: string | undefined): word is Command {
  return word !== undefined && Object.hasOwn(COMMANDS, word);
}
