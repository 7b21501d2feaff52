// SPDX-License-Identifier: Apache-2.0
import { isCommand, readArguments } from './arguments.ts';
import { COMMANDS, type Command, type EventNames } from './option.ts';
import { flagOf, OPTION_NAMES, type OptionName, type OptionValues, optionOf, variableOf } from './options.ts';
import { didYouMean, UsageError } from './usage-error.ts';
import type { Output } from './values.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Every setting with its final value. */
export interface Settings extends OptionValues {
  readonly output: Output;
  /** Whether records are sent. With no `endpoint` here the OTEL_EXPORTER_OTLP_* variables say where to. */
  readonly exporting: boolean;
}

/** A command line that was understood. */
export interface CommandLine {
  readonly command: Command;
  /** The FILE of `record` and `replay`. */
  readonly file: string | undefined;
  readonly settings: Settings;
  /** One line each: variables that were ignored. */
  readonly warnings: readonly string[];
}

/**
 * Reads the command line: flags win over AGENTSMITH_* variables, those over OTEL_* ones, those over defaults. With
 * `--help` or `--version` nothing else on the line has to be right.
 *
 * @param args without node and script
 * @throws UsageError
 */
export function parseCommandLine(args: readonly string[], env: Environment, events: EventNames): CommandLine {
  const { flags, words } = readArguments(args);
  const asks = flags.has('help') || flags.has('version');
  const command = readCommand(asks && !isCommand(words[0]) ? [] : words);
  const warnings: string[] = [];
  const values: Partial<Record<OptionName, unknown>> = {};
  for (const name of OPTION_NAMES) {
    const option = optionOf(name);
    if (asks) {
      values[name] = flags.has(name) && option.value === undefined;
      continue;
    }
    if (flags.has(name) && !option.commands.includes(command)) {
      throw new UsageError(
        `${flagOf(name)} does not belong to ${command}, only to ${option.commands.join(', ')}`,
      );
    }
    values[name] = settingOf(name, flags, env, events, warnings);
  }
  if (!asks) warnings.push(...unknownVariables(env));
  const file = asks ? undefined : readFile(command, words);
  const exporting = isExporting(values.endpoint !== undefined, env);
  const settings = { ...values, exporting, output: values.output ?? (exporting ? 'none' : 'console') };
  return { command, file, settings: settings as Settings, warnings };
}

function settingOf(
  name: OptionName,
  flags: ReadonlyMap<OptionName, string>,
  env: Environment,
  events: EventNames,
  warnings: string[],
): unknown {
  const { parse, initial, also } = optionOf(name);
  const parseFrom = (source: string, text: string): unknown => {
    try {
      return parse(text, events);
    } catch (error) {
      throw new UsageError(`${source}: ${(error as Error).message}`);
    }
  };
  const given = flags.get(name);
  if (given !== undefined) return parseFrom(flagOf(name), given);
  const variable = variableOf(name);
  // An empty variable is as good as none (OpenTelemetry's rule for its own).
  if (variable !== undefined && env[variable]) return parseFrom(variable, env[variable]);
  if (also !== undefined && env[also.name]) {
    try {
      return parseFrom(also.name, also.toText(env[also.name]!));
    } catch (error) {
      warnings.push(`${(error as Error).message}; ignored`);
    }
  }
  return initial === undefined ? undefined : parse(initial, events);
}

function readCommand(words: readonly string[]): Command {
  const word = words[0];
  if (word === undefined) return 'run';
  if (isCommand(word)) return word;
  const names = Object.keys(COMMANDS);
  throw new UsageError(`unknown command "${word}"${didYouMean(word, names)}; there are ${names.join(', ')}`);
}

function readFile(command: Command, words: readonly string[]): string | undefined {
  const wanted = COMMANDS[command].argument;
  const [, file, ...more] = words;
  if (wanted !== undefined && !file)
    throw new UsageError(`${command} needs a file: agentsmith-otel ${command} ${wanted}`);
  const extra = wanted === undefined ? file : more[0];
  if (extra !== undefined) throw new UsageError(`${command} takes no argument "${extra}"; see --help`);
  return file;
}

/** The standard variables that switch export on or off, where no endpoint of ours is given. */
function isExporting(hasEndpoint: boolean, env: Environment): boolean {
  if (hasEndpoint) return true;
  if (env.OTEL_SDK_DISABLED?.trim().toLowerCase() === 'true') return false;
  const exporters = env.OTEL_LOGS_EXPORTER?.split(',').map((word) => word.trim());
  if (exporters?.some((word) => word !== '')) return exporters.includes('otlp');
  return Boolean(env.OTEL_EXPORTER_OTLP_LOGS_ENDPOINT || env.OTEL_EXPORTER_OTLP_ENDPOINT);
}

function unknownVariables(env: Environment): string[] {
  const known = OPTION_NAMES.map(variableOf).filter((name) => name !== undefined);
  return Object.keys(env)
    .filter((name) => name.startsWith('AGENTSMITH_') && !known.includes(name))
    .map((name) => `${name}: no such setting${didYouMean(name, known)}; ignored`);
}
