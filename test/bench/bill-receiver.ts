// SPDX-License-Identifier: Apache-2.0
// A receiver in a process of its own: tells its URL, and when it is asked how many records of each event came
// from the workload.
import { OtlpSink } from '../support/otlp-sink.ts';
import { childArgument } from './child.ts';

/** What its parent gives: names of events. */
export interface BillReceiverOptions {
  readonly events: readonly string[];
}

const { events } = childArgument<BillReceiverOptions>();
/** LogRecord.event_name: field 12, its length, and itself. */
const marks = events.map((name) => Buffer.from(`\x62${String.fromCharCode(name.length)}${name}`, 'latin1'));
const counts: Record<string, number> = Object.fromEntries(events.map((name) => [name, 0]));
const sink = await OtlpSink.start({ counting: true });
/** A string attribute of that value: the name of the executable, or of the thread. It stands before the event's name. */
const ACTOR = Buffer.from('\x0a\x04bill', 'latin1');

sink.respond(({ bytes, signal }) => {
  if (signal !== 'logs') return undefined;
  const found = marks.flatMap((mark, i) => {
    const places: [number, number][] = [];
    for (let at = bytes.indexOf(mark); at >= 0; at = bytes.indexOf(mark, at + mark.length))
      places.push([at, i]);
    return places;
  });
  let from = 0;
  for (const [at, i] of found.sort(([a], [b]) => a - b)) {
    if (bytes.subarray(from, at).lastIndexOf(ACTOR) >= 0) counts[events[i]!]!++;
    from = at;
  }
  return undefined;
});
process.once('disconnect', () => process.exit());
process.on('error', () => process.exit());
process.on('message', () => process.send?.(counts));
process.send?.({ url: sink.url });
