// SPDX-License-Identifier: Apache-2.0
import type { Attributes, LogRecord } from './otlp-decode.ts';
import type { OtlpSink } from './otlp-sink.ts';

export const EXEC = 'agentsmith.process.exec';
export const EXIT = 'agentsmith.process.exit';
export const CONNECT = 'agentsmith.network.connect';
export const GAP = 'agentsmith.sensor.gap';

/** The records of an event that a sink accepted. */
export function named<R extends { readonly eventName: string }>(records: readonly R[], name: string): R[] {
  return records.filter(({ eventName }) => eventName === name);
}

/** The first argument of each `/bin/true N …` that was reported, as numbers in ascending order. */
export function trueNumbers(
  records: readonly { eventName: string; attributes: Readonly<Record<string, unknown>> }[],
): number[] {
  const argv = named(records, EXEC).map(({ attributes }) => attributes['process.command_args'] as string[]);
  return argv
    .filter(([program]) => program === '/bin/true')
    .map((args) => Number(args[1]))
    .sort((a, b) => a - b);
}

/** 0, 1, … count - 1 */
export const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** Newest value of each point of a metric, by the attributes that tell points apart. */
export function latest(sink: OtlpSink, name: string): { attributes: Attributes; value: number }[] {
  const metric = sink.metrics().findLast((each) => each.name === name);
  return (metric?.points ?? []).map(({ attributes, value }) => ({ attributes, value: Number(value) }));
}

/** What the last line of a run says: delivered, filtered, lost, and what waits on disk. */
export function lastLine(stderr: string): {
  delivered: number;
  filtered: number;
  lost: number;
  why: string;
  waiting: number;
} {
  const match = /^(\d+) delivered, (\d+) filtered, (\d+) lost(?: \((.*)\))?(?:; (\d+) wait on disk)?$/m.exec(
    stderr,
  );
  if (!match) throw new Error(`no last line in:\n${stderr}`);
  return {
    delivered: Number(match[1]),
    filtered: Number(match[2]),
    lost: Number(match[3]),
    why: match[4] ?? '',
    waiting: Number(match[5] ?? 0),
  };
}

/** The record without what two runs measure each for itself: the clock, a duration, a number of its own. */
export function comparable(record: LogRecord): object {
  const { eventName, severityNumber, severityText, resource, scope, schemaUrl } = record;
  const body = typeof record.body === 'string' ? record.body.replace(/[\d.]+ (ms|s|min)$/, '') : record.body;
  const attributes = Object.entries(record.attributes).map(([key, value]) => [
    key,
    /duration$|sequence$|creation\.time$/.test(key) ? typeof value : value,
  ]);
  return { eventName, severityNumber, severityText, body, resource, scope, schemaUrl, attributes };
}
