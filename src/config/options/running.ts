// SPDX-License-Identifier: Apache-2.0
import {
  EVERYWHERE,
  flag,
  KERNEL,
  milliseconds,
  NO_LIMIT,
  optional,
  RECORDS,
  STREAM,
  setting,
} from '../option.ts';
import { count, duration, mebibytes, oneOf, path, powerOfTwoSize, size, time } from '../values.ts';

const MIB = 2 ** 20;

/** How the agent runs: buffers and batches, messages, one call's own switches. */
export const RUNNING = {
  ringSize: setting<number>({
    group: 'Performance',
    commands: KERNEL,
    value: 'SIZE',
    initial: '8MiB',
    help: 'the buffer between kernel and agent: a power of two from 1MiB to 64MiB',
    show: mebibytes,
    parse: (text) => powerOfTwoSize(text, MIB, 64 * MIB),
  }),
  queueSize: setting<number>({
    group: 'Performance',
    commands: RECORDS,
    value: 'SIZE',
    initial: '64MiB',
    help: 'encoded records that wait for the receiver, at most; beyond it they are dropped and counted',
    show: mebibytes,
    parse: (text) => size(text, 4 * MIB, 1024 * MIB),
  }),
  queueRecords: optional<number>({
    group: 'Performance',
    commands: RECORDS,
    value: 'COUNT',
    initially: 'no limit but the size',
    also: [{ name: 'OTEL_BLRP_MAX_QUEUE_SIZE' }],
    place: 'logger_provider.processors[].batch.max_queue_size',
    help: 'the same bound as a number of records',
    parse: (text) => count(text, 1, 2 ** 31 - 1),
  }),
  batchRecords: setting<number>({
    group: 'Performance',
    commands: RECORDS,
    value: 'COUNT',
    initial: '16384',
    also: [{ name: 'OTEL_BLRP_MAX_EXPORT_BATCH_SIZE', toText: atMost(16_384) }],
    place: 'logger_provider.processors[].batch.max_export_batch_size',
    help: 'records of a request, at most; a request is also closed by its size (3.5 MiB) and its age',
    parse: (text) => count(text, 1, 16_384),
  }),
  batchDelay: setting<number>({
    group: 'Performance',
    commands: RECORDS,
    value: 'TIME',
    initial: '200ms',
    also: [milliseconds('OTEL_BLRP_SCHEDULE_DELAY', '1ms')],
    place: 'logger_provider.processors[].batch.schedule_delay',
    help: 'how long a record waits for company, at most; warnings wait 20ms',
    show: time,
    parse: duration,
  }),
  batchTimeout: setting<number>({
    group: 'Performance',
    commands: RECORDS,
    value: 'TIME',
    initial: '30s',
    also: [milliseconds('OTEL_BLRP_EXPORT_TIMEOUT', NO_LIMIT)],
    place: 'logger_provider.processors[].batch.export_timeout',
    help: 'a second bound on the time of one attempt, beside --timeout: the smaller counts',
    show: time,
    parse: duration,
  }),
  fast: flag({
    group: 'Performance',
    commands: ['replay'],
    once: true,
    help: 'replay as fast as possible, not at the speed of the recording',
  }),
  duration: optional<number>({
    group: 'Diagnostics',
    commands: STREAM,
    value: 'TIME',
    initially: 'until stopped',
    once: true,
    help: 'end after this time: 30s, 5m, 1h, or plain seconds',
    show: time,
    parse: duration,
  }),
  check: optional<string>({
    group: 'Diagnostics',
    commands: ['config'],
    value: 'FILE',
    initially: 'none',
    once: true,
    help: 'only say whether this configuration file is right, and what of it is not used',
    parse: path,
  }),
  logLevel: setting<'none' | 'error' | 'warn' | 'info' | 'debug' | 'verbose' | 'all'>({
    group: 'Diagnostics',
    commands: EVERYWHERE,
    value: 'LEVEL',
    initial: 'info',
    also: [{ name: 'OTEL_LOG_LEVEL' }],
    place: 'log_level',
    reloads: true,
    help: "the agent's own messages, on stderr: none, error, warn, info, debug, verbose or all",
    parse: (text) => oneOf(text, ['none', 'error', 'warn', 'info', 'debug', 'verbose', 'all']),
  }),
  bpfObject: optional<string>({
    group: 'Diagnostics',
    commands: KERNEL,
    value: 'FILE',
    initially: 'the built-in one',
    help: 'load the kernel programs from this object file',
    parse: path,
  }),
  noColor: flag({
    group: 'Diagnostics',
    commands: EVERYWHERE,
    // no-color.org: any value that is not empty.
    also: [{ name: 'NO_COLOR', toText: () => 'true' }],
    once: true,
    help: 'no colours on a terminal',
  }),
  version: flag({
    group: 'Diagnostics',
    commands: [...EVERYWHERE, 'completion'],
    short: 'V',
    once: true,
    help: 'print the version',
  }),
  help: flag({
    group: 'Diagnostics',
    commands: [...EVERYWHERE, 'completion'],
    short: 'h',
    once: true,
    help: 'print this text',
  }),
} as const;

/** A number of OpenTelemetry that may be larger than what we take: then the largest of ours. */
function atMost(largest: number): (text: string) => string {
  return (text) => (/^\d+$/.test(text.trim()) ? `${Math.min(Number(text), largest)}` : text);
}
