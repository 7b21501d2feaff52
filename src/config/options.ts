// SPDX-License-Identifier: Apache-2.0
import { type Command, flag, type Option, optional, setting } from './option.ts';
import {
  count,
  duration,
  eventNames,
  type Output,
  oneOf,
  output,
  ports,
  powerOfTwoSize,
  processId,
  size,
  variableNames,
} from './values.ts';

export type { Command, EventNames } from './option.ts';

const EVERYWHERE: readonly Command[] = ['run', 'doctor', 'record', 'replay'];
const KERNEL: readonly Command[] = ['run', 'doctor', 'record'];
const STREAM: readonly Command[] = ['run', 'record', 'replay'];
const RECORDS: readonly Command[] = ['run', 'replay'];
const MIB = 2 ** 20;

/** Every option: parsing, `--help` and docs/configuration.md are made of this. */
export const OPTIONS = {
  endpoint: optional<string>({
    group: 'Export',
    commands: ['run', 'doctor', 'replay'],
    value: 'URL',
    bare: 'http://localhost:4317',
    initially: 'OTEL_EXPORTER_OTLP_ENDPOINT, else nothing is sent',
    help: 'send logs and metrics there over OTLP/gRPC; without URL to http://localhost:4317',
    parse: (text) => text,
  }),
  output: optional<Output>({
    group: 'Export',
    commands: RECORDS,
    value: 'console|json|none|file:PATH',
    initially: 'console, none when records are sent',
    help: "what to print for each record: a line to read, the whole record as JSON, nothing; or a file in the Collector's format",
    parse: output,
  }),
  outputSize: setting<number>({
    group: 'Export',
    commands: RECORDS,
    value: 'SIZE',
    initial: '100MiB',
    help: 'a file of --output is turned over at this size: PATH becomes PATH.1',
    parse: (text) => size(text, MIB, 64 * 1024 * MIB),
  }),
  outputFiles: setting<number>({
    group: 'Export',
    commands: RECORDS,
    value: 'COUNT',
    initial: '5',
    help: 'full files that are kept: PATH.1 is the newest, the oldest is deleted; 1 to 1000',
    parse: (text) => count(text, 1, 1000),
  }),
  pipeline: setting<'fast' | 'sdk'>({
    group: 'Export',
    commands: RECORDS,
    value: 'fast|sdk',
    initial: 'fast',
    help: 'sdk sends the same records through the stock OpenTelemetry SDK, for its processors and exporters',
    parse: (text) => oneOf(text, ['fast', 'sdk']),
  }),
  metricsInterval: setting<number>({
    group: 'Export',
    commands: RECORDS,
    value: 'TIME',
    initial: '60s',
    also: { name: 'OTEL_METRIC_EXPORT_INTERVAL', toText: (milliseconds) => `${milliseconds}ms` },
    help: "how often the agent's own counters are sent",
    parse: duration,
  }),
  events: setting<readonly string[]>({
    group: 'Events',
    commands: [...KERNEL, 'replay'],
    value: 'NAMES',
    initial: 'default',
    help: 'which events: names divided by commas, with or without "agentsmith.", globs ("process.*"), or all',
    parse: (text, { known, defaults }) => (text === 'default' ? defaults : eventNames(text, known)),
  }),
  detail: setting<'standard' | 'lean' | 'all'>({
    group: 'Events',
    commands: RECORDS,
    value: 'standard|lean|all',
    initial: 'standard',
    help: 'lean: fewer attributes on frequent events; all: also which hook saw the event',
    parse: (text) => oneOf(text, ['standard', 'lean', 'all']),
  }),
  environment: setting<readonly string[]>({
    group: 'Events',
    commands: KERNEL,
    value: 'NAMES',
    initial: 'LD_PRELOAD,SSH_CONNECTION',
    help: 'environment variables to read at exec: up to 8 names of up to 31 letters; "" for none',
    parse: variableNames,
  }),
  dnsPorts: setting<readonly number[]>({
    group: 'Events',
    commands: KERNEL,
    value: 'PORTS',
    initial: '53',
    help: 'ports on which resolvers listen, UDP and TCP: up to 8 numbers divided by commas',
    parse: ports,
  }),
  noRedact: flag({
    group: 'Events',
    commands: RECORDS,
    help: 'show secrets: passwords and tokens in arguments and environment leave this host as they were typed',
  }),
  noBody: flag({ group: 'Events', commands: RECORDS, help: 'leave out the line for people in each record' }),
  tree: optional<number>({
    group: 'Filtering',
    commands: STREAM,
    value: 'PID',
    help: 'only events of this process and its descendants; all others count as filtered',
    parse: processId,
  }),
  ringSize: setting<number>({
    group: 'Performance',
    commands: KERNEL,
    value: 'SIZE',
    initial: '8MiB',
    help: 'the buffer between kernel and agent: a power of two from 1MiB to 64MiB',
    parse: (text) => powerOfTwoSize(text, MIB, 64 * MIB),
  }),
  queueSize: setting<number>({
    group: 'Performance',
    commands: RECORDS,
    value: 'SIZE',
    initial: '64MiB',
    help: 'encoded records that wait for the receiver, at most; beyond it they are dropped and counted',
    parse: (text) => size(text, 4 * MIB, 1024 * MIB),
  }),
  fast: flag({
    group: 'Performance',
    commands: ['replay'],
    help: 'replay as fast as possible, not at the speed of the recording',
  }),
  duration: optional<number>({
    group: 'Diagnostics',
    commands: STREAM,
    value: 'TIME',
    initially: 'until stopped',
    help: 'end after this time: 30s, 5m, 1h, or plain seconds',
    parse: duration,
  }),
  logLevel: setting<'none' | 'error' | 'warn' | 'info' | 'debug' | 'verbose' | 'all'>({
    group: 'Diagnostics',
    commands: EVERYWHERE,
    value: 'LEVEL',
    initial: 'info',
    also: { name: 'OTEL_LOG_LEVEL', toText: (level) => level },
    help: "the agent's own messages, on stderr: none, error, warn, info, debug, verbose or all",
    parse: (text) => oneOf(text, ['none', 'error', 'warn', 'info', 'debug', 'verbose', 'all']),
  }),
  bpfObject: optional<string>({
    group: 'Diagnostics',
    commands: KERNEL,
    value: 'FILE',
    initially: 'the built-in one',
    help: 'load the kernel programs from this object file',
    parse: (text) => text,
  }),
  noColor: flag({
    group: 'Diagnostics',
    commands: EVERYWHERE,
    also: { name: 'NO_COLOR', toText: () => 'true' },
    help: 'no colours on a terminal',
  }),
  version: flag({ group: 'Diagnostics', commands: EVERYWHERE, short: 'V', help: 'print the version' }),
  help: flag({ group: 'Diagnostics', commands: EVERYWHERE, short: 'h', help: 'print this text' }),
} as const;

export type OptionName = keyof typeof OPTIONS;
type Parsed<O> = O extends Option<infer T> ? T : never;

/** The value of every option; `undefined` where it has no default and was not given. Times in ms, sizes in bytes. */
export type OptionValues = { readonly [K in OptionName]: Parsed<(typeof OPTIONS)[K]> };

export const OPTION_NAMES = Object.keys(OPTIONS) as readonly OptionName[];

/** The table's rows without their types of value, for whoever treats all of them alike. */
export const optionOf = (name: OptionName): Option<unknown> => OPTIONS[name];

/** `ringSize` → `--ring-size` */
export const flagOf = (name: OptionName): string =>
  `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** `ringSize` → `AGENTSMITH_RING_SIZE`; help and version have no variable. */
export const variableOf = (name: OptionName): string | undefined =>
  name === 'help' || name === 'version'
    ? undefined
    : `AGENTSMITH_${flagOf(name).slice(2).replaceAll('-', '_').toUpperCase()}`;
