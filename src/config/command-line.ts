// SPDX-License-Identifier: Apache-2.0
import { isCommand, readArguments } from './arguments.ts';
import { type Destinations, destinations } from './destinations.ts';
import type { FileSettings, ResourceValue } from './file-settings.ts';
import { COMMANDS, type Command, type EventNames } from './option.ts';
import { flagOf, OPTION_NAMES, type OptionName, type OptionValues, optionOf } from './options.ts';
import {
  type Environment,
  type Named,
  type ReceiverSettings,
  receiverSettings,
} from './receiver-settings.ts';
import { fileReceiver, overrides } from './receivers.ts';
import { resourceAttributes } from './resource-attributes.ts';
import { type Found, foundIn, type Origin, type Sources, winner } from './sources.ts';
import { didYouMean, UsageError } from './usage-error.ts';
import { ignoredVariables, unknownVariables } from './variables.ts';

/** Every setting with its final value. */
export interface Settings extends Omit<OptionValues, 'output' | 'metricsExporter'>, Destinations {
  /** Of what is sent, how; empty where nothing is. */
  readonly receivers: { readonly logs?: ReceiverSettings; readonly metrics?: ReceiverSettings };
  /** Attributes of the Resource that the user gave, by name. */
  readonly attributes: Readonly<Record<string, ResourceValue>>;
}

/** A command line that was understood. */
export interface CommandLine {
  readonly command: Command;
  /** The FILE of `record` and `replay`, the shell of `completion`. */
  readonly file: string | undefined;
  readonly settings: Settings;
  /** Where the value of each option comes from, and that of each attribute of the Resource. */
  readonly origins: ReadonlyMap<OptionName, Origin>;
  readonly attributeOrigins: Readonly<Record<string, string>>;
  /** One line each: variables that were ignored, parts of the configuration file that have no effect. */
  readonly warnings: readonly string[];
}

/** The configuration file that a command line names, before anything else of it is read. @throws UsageError */
export function configFileOf(
  args: readonly string[],
  env: Environment,
  events: EventNames,
): Named<string> | undefined {
  const { flags, words } = readArguments(args);
  if (flags.has('help') || flags.has('version') || isPlain(words[0])) return undefined;
  const sources: Sources = { flags, env, file: undefined, events, warn: () => {} };
  const check = winner('check', sources);
  const isChecked = words[0] === 'config' && check.value !== undefined;
  const { origin, value } = isChecked ? check : winner('config', sources);
  return value === undefined ? undefined : { name: origin.name, value: value as string };
}

/**
 * Reads the command line: flags win over AGENTSMITH_* variables, those over the configuration file, or where there is
 * none over OTEL_* variables, those over defaults. With `--help` or `--version` nothing else on the line has to be right.
 *
 * @param args without node and script
 * @param file what {@link configFileOf} names, read
 * @throws UsageError
 */
export function parseCommandLine(
  args: readonly string[],
  env: Environment,
  events: EventNames,
  file?: FileSettings,
): CommandLine {
  const { flags, words } = readArguments(args);
  const asks = flags.has('help') || flags.has('version');
  const command = readCommand(asks && !isCommand(words[0]) ? [] : words);
  const warnings = new Set<string>();
  const sources: Sources = asks
    ? {
        flags: new Map([...flags].filter(([name]) => name === 'help' || name === 'version')),
        env: {},
        file,
        events,
        warn: () => {},
      }
    : { flags, env: isPlain(command) ? {} : env, file, events, warn: (line) => warnings.add(line) };
  const values: Partial<Record<OptionName, unknown>> = {};
  const origins = new Map<OptionName, Origin>();
  for (const name of OPTION_NAMES) {
    if (!asks) checkBelongs(name, command, flags);
    const { value, origin } = whole(name, sources);
    values[name] = value;
    origins.set(name, origin);
  }
  if (!asks) {
    for (const line of [...ignoredVariables(sources.env, file), ...unknownVariables(sources.env)])
      warnings.add(line);
    for (const note of file?.notes ?? []) warnings.add(`${file!.name}: ${note}`);
    if (flags.get('header')?.some((text) => !/^[^=]*=\s*@/.test(text)))
      warnings.add(
        '--header: its value shows in ps; NAME=@FILE, OTEL_EXPORTER_OTLP_HEADERS or the configuration file keep it hidden',
      );
  }
  const argument = asks ? undefined : readArgument(command, words);
  const options = values as unknown as OptionValues;
  const to = destinations(options, origins, sources);
  const { attributes, attributeOrigins } = resourceAttributes(options, sources);
  const settings: Settings = { ...options, ...to, attributes, receivers: receivers(options, to, sources) };
  return { command, file: argument, settings, origins, attributeOrigins, warnings: [...warnings] };
}

/** Commands that have nothing to do with how an agent is set up. */
const isPlain = (command: string | undefined) => command === 'completion' || command === 'status';

/** The value that counts; of an option that adds, what all sources say. */
function whole(name: OptionName, sources: Sources): Found {
  const { adds, join } = optionOf(name);
  const said = adds ? [...foundIn(name, sources)].filter(({ value }) => value !== undefined) : [];
  const [strongest] = said;
  if (!join || !strongest) return winner(name, sources);
  return { ...strongest, value: join(said.map(({ value }) => value).reverse()) };
}

function checkBelongs(name: OptionName, command: Command, flags: ReadonlyMap<OptionName, unknown>): void {
  const { commands } = optionOf(name);
  if (!flags.has(name) || commands.includes(command) || (command === 'config' && name !== 'fast')) return;
  const others = commands.filter((each) => each !== 'config');
  throw new UsageError(
    `${flagOf(name)} does not belong to ${command}, only to ${(others.length > 0 ? others : commands).join(', ')}`,
  );
}

/** Of both signals, as far as they are sent. */
function receivers(options: OptionValues, to: Destinations, sources: Sources): Settings['receivers'] {
  const { file, warn } = sources;
  const env = file ? {} : sources.env;
  const given = overrides(sources);
  const of = (signal: 'LOGS' | 'METRICS', most: number): ReceiverSettings => {
    const inFile = file && fileReceiver(file, signal);
    const headers = { ...inFile?.headers, ...given.headers };
    const { isSignalEndpoint = false, ...said } = inFile ?? {};
    const settings = receiverSettings(signal, env, { ...said, ...given, headers }, warn);
    return {
      ...settings,
      timeoutMillis: Math.min(settings.timeoutMillis, most),
      isSignalEndpoint: settings.isSignalEndpoint || (isSignalEndpoint && given.endpoint === undefined),
    };
  };
  return {
    ...(to.exporting && { logs: of('LOGS', options.batchTimeout) }),
    ...(to.metrics.includes('otlp') && { metrics: of('METRICS', options.metricsTimeout) }),
  };
}

function readCommand(words: readonly string[]): Command {
  const word = words[0];
  if (word === undefined) return 'run';
  if (isCommand(word)) return word;
  const names = Object.keys(COMMANDS);
  throw new UsageError(`unknown command "${word}"${didYouMean(word, names)}; there are ${names.join(', ')}`);
}

function readArgument(command: Command, words: readonly string[]): string | undefined {
  const wanted = COMMANDS[command].argument;
  const [, given, ...more] = words;
  if (wanted !== undefined && !given) {
    const what = wanted === 'FILE' ? 'a file' : 'a shell';
    throw new UsageError(`${command} needs ${what}: agentsmith-otel ${command} ${wanted}`);
  }
  const extra = wanted === undefined ? given : more[0];
  if (extra !== undefined) throw new UsageError(`${command} takes no argument "${extra}"; see --help`);
  return given;
}
