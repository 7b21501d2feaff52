// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import type { ReadableEvent } from '../../../src/events/event.ts';
import { GAP_EVENT_NAME } from '../../../src/export/gaps.ts';
import { RecordReader } from '../../../src/library/reader.ts';

const record = (eventName: string): ReadableEvent => ({
  eventName,
  severityNumber: 9,
  time: 1n,
  observed: 2n,
  body: undefined,
  attributes: {},
});

async function rest(reader: RecordReader): Promise<ReadableEvent[]> {
  const records: ReadableEvent[] = [];
  for await (const each of reader) records.push(each);
  return records;
}

describe('a reader of records', () => {
  it('gets all of them in order, those that came before and those it waits for', async () => {
    const reader = new RecordReader();
    reader.push(record('a'));
    const [a, b, c] = [reader.next(), reader.next(), reader.next()];
    reader.push(record('b'));
    reader.end();
    assert.equal((await a).value?.eventName, 'a');
    assert.equal((await b).value?.eventName, 'b');
    assert.deepEqual(await c, { done: true, value: undefined });
    assert.deepEqual(await reader.next(), { done: true, value: undefined });
  });

  it('that is too slow keeps what was first, and reads in its place what is missing', async () => {
    const reader = new RecordReader(3);
    const taken = ['a', 'a', 'b', 'a', 'b', 'a'].map((name) => reader.push(record(name)));
    assert.deepEqual(taken, [true, true, true, false, false, false]);
    assert.equal(reader.missed, 3);
    await reader.next();
    assert.equal(reader.push(record('c')), true);
    reader.end();
    const [a, b, gapOfA, gapOfB, c, ...more] = await rest(reader);
    assert.deepEqual(
      [a, b, c].map((each) => each?.eventName),
      ['a', 'b', 'c'],
    );
    assert.deepEqual(more, []);
    for (const [gap, event, count] of [
      [gapOfA, 'a', 2],
      [gapOfB, 'b', 1],
    ] as const) {
      assert.equal(gap?.eventName, GAP_EVENT_NAME);
      assert.equal(gap.attributes['agentsmith.gap.event'], event);
      assert.equal(gap.attributes['agentsmith.gap.count'], count);
      assert.equal(gap.attributes['agentsmith.gap.reason'], 'slow_reader');
    }
  });

  it('learns at the end what it missed last', async () => {
    const reader = new RecordReader(1);
    reader.push(record('a'));
    reader.push(record('b'));
    reader.end();
    assert.deepEqual(
      (await rest(reader)).map(({ eventName }) => eventName),
      ['a', GAP_EVENT_NAME],
    );
    assert.equal(reader.push(record('c')), false);
  });

  it('that leaves its loop gets nothing more and is let go', async () => {
    let left = 0;
    const reader = new RecordReader(10, () => left++);
    reader.push(record('a'));
    reader.push(record('b'));
    for await (const each of reader) {
      assert.equal(each.eventName, 'a');
      break;
    }
    assert.equal(left, 1);
    assert.equal(reader.push(record('c')), false);
    assert.deepEqual(await reader.next(), { done: true, value: undefined });
  });

  it('holds many thousands, and needs room for one', async () => {
    const reader = new RecordReader();
    for (let i = 0; i < 10_000; i++) assert.ok(reader.push(record(`${i}`)));
    assert.ok(!reader.push(record('x')));
    reader.end();
    const names = (await rest(reader)).map(({ eventName }) => eventName);
    assert.deepEqual(
      names.slice(0, -1),
      Array.from({ length: 10_000 }, (_, i) => `${i}`),
    );
    for (const size of [0, -1, 1.5, Number.NaN]) assert.throws(() => new RecordReader(size), RangeError);
  });
});
