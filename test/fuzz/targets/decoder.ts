// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { EventType } from '../../../src/decode/layout.gen.ts';
import type { ReadableEvent } from '../../../src/events/event.ts';
import { RecordingReader } from '../../../src/sensor/recording.ts';
import { FIXTURE } from '../../support/fixture.ts';
import type { Target } from '../../support/fuzzer.ts';
import { eachEvent, LANES } from '../../support/lanes.ts';
import { batchOf, dnsSegment, OBSERVED } from '../../support/records.ts';

/** One record of each type that a real kernel sent, and the beginning of a batch as it came. */
function recorded(): Buffer[] {
  const reader = new RecordingReader(FIXTURE);
  const found = new Map<number, Buffer>();
  const batches: Buffer[] = [];
  for (let next = reader.next(); next; next = reader.next()) {
    batches.push(Buffer.from(next.batch.bytes.subarray(0, 2048)));
    for (const { type, bytes, at, size } of next.batch)
      if (!found.has(type)) found.set(type, Buffer.from(bytes.subarray(at, at + size)));
  }
  reader.close();
  return [...found.values(), ...batches.slice(0, 4)];
}

function read(input: Buffer, behind: number): { events: ReadableEvent[]; malformed: number } {
  const batch = batchOf([input], 512, behind);
  const events: ReadableEvent[] = [];
  let last = 0;
  eachEvent(batch, LANES[input.length % LANES.length]!, (definition, event, process) => {
    assert.ok(event.at >= last && event.at + event.size <= event.bytes.length, 'a record outside the batch');
    // A message that was put together of segments has bytes of its own.
    last = event.bytes === batch.bytes ? event.at + event.size : last;
    events.push(definition.read(event, process, OBSERVED));
  });
  return { events, malformed: batch.malformed };
}

/** A batch of the ring as any bytes: records and counted malformed ones, nothing read behind them. */
export const decoder: Target = {
  name: 'decoder',
  share: 1_500_000,
  seeds: () => [
    ...recorded(),
    dnsSegment({ flags: 8, message: Buffer.from('\0\x0c\x12\x34\x81\x80\0\0\0\0\0\0\0\0') }),
  ],
  repair(input, random) {
    // Sizes and types as a batch has them, one behind the other: else most of it would be one malformed record.
    for (let at = 0; at + 16 <= input.length; ) {
      const size = Math.min(input.length - at, 48 + 8 * random.below(64)) & ~7;
      input.writeUInt32LE(size, at);
      if (random.below(2) === 0) input.writeUInt16LE(random.below(EventType.TYPES + 2), at + 4);
      at += size;
      if (random.below(2) === 0) return;
    }
  },
  run(input) {
    const { events, malformed } = read(input, 0xff);
    assert.ok(events.length + malformed <= input.length, 'more records than bytes');
    if (input.length % 4 === 0)
      assert.deepEqual(read(input, 0x3d).events, events, 'what lies behind the batch was read');
    const told = new Set(
      events.map(({ eventName, attributes }) => {
        const count = Object.keys(attributes).length;
        return `${eventName.slice('agentsmith.'.length)} ${count >> 3}`;
      }),
    );
    return `${told.size > 1 ? 'many' : [...told]}; ${Math.min(malformed, 2)} malformed`;
  },
};
