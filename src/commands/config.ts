// SPDX-License-Identifier: Apache-2.0
import type { CommandLine } from '../config/command-line.ts';
import { effectiveSettings } from '../config/effective.ts';
import { ExitCode } from '../config/exit-codes.ts';

/** `config`: every setting with where it comes from; with `--check FILE` only that the file was understood. */
export function configCommand(line: CommandLine): ExitCode {
  const { check } = line.settings;
  process.stdout.write(
    check === undefined
      ? `${effectiveSettings(line).join('\n')}\n`
      : `${check}: every key and value is right\n`,
  );
  return ExitCode.OK;
}
