// SPDX-License-Identifier: Apache-2.0
// A receiver in a process of its own: tells its URL, and when it is asked how long after it happened each record came.
import { decodeLogs } from '../support/otlp-decode.ts';
import { OtlpSink } from '../support/otlp-sink.ts';
import { childArgument } from './child.ts';

/** What its parent gives: the names of events, and of the executables that made them. */
export interface DelayReceiverOptions {
  readonly actors: Readonly<Record<string, string>>;
}

/** Milliseconds from an event to the arrival of its record, by the event's name. */
export type Delays = Record<string, number[]>;

const { actors } = childArgument<DelayReceiverOptions>();
const delays: Delays = {};
const sink = await OtlpSink.start({ counting: true });

sink.respond(({ bytes, signal }) => {
  const now = performance.timeOrigin + performance.now();
  if (signal !== 'logs') return undefined;
  for (const { eventName, timeUnixNano, attributes } of decodeLogs(bytes)) {
    if (attributes['process.executable.name'] === (actors[eventName] ?? ''))
      (delays[eventName] ??= []).push(now - Number(timeUnixNano) / 1e6);
  }
  return undefined;
});
process.once('disconnect', () => process.exit());
process.on('error', () => process.exit());
process.on('message', () => process.send?.(delays));
process.send?.({ url: sink.url });
