// SPDX-License-Identifier: Apache-2.0
// When a batch is closed and what is in it. The bytes of the records themselves: events/straight.test.ts; what becomes
// of closed batches: sender.test.ts.
import assert from 'node:assert/strict';
import { mock } from 'node:test';
import { Injection } from '../../../src/decode/layout.gen.ts';
import type { Batch } from '../../../src/export/batch.ts';
import { Batches, splitBatch } from '../../../src/export/batches.ts';
import { eachEvent, LANES, straightAndReadable } from '../../support/lanes.ts';
import { envelope, officialRequest } from '../../support/official.ts';
import { decodeLogs, encode } from '../../support/otlp-decode.ts';
import { batchOf, connect, exec, ptrace } from '../../support/records.ts';

const INFO = 9;
const WARN = 13;
const REQUEST_MAX = 3.5 * 1024 * 1024;

/** LogRecord bytes of about `size` bytes that carry `name`. */
const record = (name: string, size = 0) =>
  encode('LogRecord', { body: { stringValue: 'x'.repeat(size) }, eventName: name });

function collect() {
  const closed: Batch[] = [];
  const batches = new Batches({ envelope: envelope(), onBatch: (batch) => closed.push(batch) });
  const fill = (count: number, size: number, type = 1) => {
    for (let i = 0; i < count; i++) batches.appendRecord(record(`${type}`, size), type, INFO);
  };
  return { batches, closed, fill };
}

const names = (batch: Batch) => decodeLogs(batch.bytes).map((log) => log.eventName);

describe('Batches', () => {
  beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }));
  afterEach(() => mock.timers.reset());

  it('puts around its records what the official serializer puts there', () => {
    for (const records of [
      [connect()],
      [connect(), exec({ argv: ['ls'] })],
      Array.from({ length: 300 }, () => connect()),
    ]) {
      const { straight, readable } = straightAndReadable(LANES[0]!, records);
      assert.deepEqual(straight, [officialRequest(readable)]);
    }
  });

  it('closes a batch at the count and at the age that were chosen', () => {
    const closed: Batch[] = [];
    const onBatch = (batch: Batch) => void closed.push(batch);
    const batches = new Batches({ envelope: envelope(), onBatch, maxRecords: 3, ageMs: 1000 });
    for (let i = 0; i < 7; i++) batches.appendRecord(record('x'), 1, INFO);
    assert.deepEqual(
      closed.map(({ types }) => types.length),
      [3, 3],
    );
    mock.timers.tick(999);
    assert.equal(closed.length, 2);
    mock.timers.tick(1);
    assert.deepEqual(
      closed.map(({ types }) => types.length),
      [3, 3, 1],
    );
    batches.appendRecord(record('x'), 1, WARN);
    mock.timers.tick(20);
    assert.equal(closed.length, 4);
  });

  it('takes records that are bytes already', () => {
    const { batches, closed } = collect();
    for (const size of [0, 100, 130, 20_000, 300_000])
      batches.appendRecord(record(`of ${size}`, size), 7, INFO);
    batches.close();
    const logs = decodeLogs(closed[0]!.bytes);
    assert.deepEqual(
      logs.map((log) => [log.eventName, (log.body as string).length]),
      [
        ['of 0', 0],
        ['of 100', 100],
        ['of 130', 130],
        ['of 20000', 20_000],
        ['of 300000', 300_000],
      ],
    );
    assert.equal(logs[0]!.scope.name, 'agentsmith');
    assert.deepEqual([...closed[0]!.types], [7, 7, 7, 7, 7]);
  });

  it('closes nothing when nothing is open', () => {
    const { batches, closed } = collect();
    batches.close();
    assert.equal(closed.length, 0);
  });

  it('closes after 200 ms, counted from the first record', () => {
    const { batches, closed, fill } = collect();
    fill(1, 0);
    mock.timers.tick(150);
    fill(1, 0);
    mock.timers.tick(49);
    assert.equal(closed.length, 0);
    assert.equal(batches.open, 2);
    mock.timers.tick(1);
    assert.equal(closed.length, 1);
    assert.equal(batches.open, 0);
    mock.timers.tick(1000);
    assert.equal(closed.length, 1);
  });

  it('closes 20 ms after a warning, which takes along what waits', () => {
    const { batches, closed, fill } = collect();
    fill(1, 0);
    mock.timers.tick(100);
    batches.appendRecord(record('warning'), 2, WARN);
    batches.appendRecord(record('another'), 2, WARN);
    mock.timers.tick(19);
    assert.equal(closed.length, 0);
    mock.timers.tick(1);
    assert.deepEqual(names(closed[0]!), ['1', 'warning', 'another']);
  });

  it('takes the severity of the one record, where an event has several', () => {
    const { batches, closed } = collect();
    const append = (injection: number) =>
      eachEvent(batchOf([ptrace({ injection })]), LANES[0]!, (definition, event, process) =>
        batches.append(definition, event, process),
      );
    append(Injection.TRACEME);
    mock.timers.tick(20);
    assert.equal(closed.length, 0);
    append(Injection.ATTACH);
    mock.timers.tick(20);
    assert.deepEqual(
      decodeLogs(closed[0]!.bytes).map((log) => log.severityNumber),
      [INFO, WARN],
    );
  });

  it('does not hurry the batch behind a warning', () => {
    const { batches, closed, fill } = collect();
    batches.appendRecord(record('warning'), 2, WARN);
    mock.timers.tick(20);
    fill(1, 0);
    mock.timers.tick(199);
    assert.equal(closed.length, 1);
    mock.timers.tick(1);
    assert.equal(closed.length, 2);
  });

  it('closes before a request could pass 3.5 MiB, whatever the records', () => {
    for (const size of [500, 60_000, 380_000]) {
      const { batches, closed, fill } = collect();
      fill(Math.ceil(10_000_000 / size), size);
      batches.close();
      assert.ok(closed.length > 2);
      for (const batch of closed) assert.ok(batch.bytes.length < REQUEST_MAX, `${batch.bytes.length}`);
      assert.ok(closed[0]!.bytes.length > REQUEST_MAX / 1.3, 'a batch is closed long before it is full');
    }
  });

  it('closes after 16,384 records', () => {
    const { closed, fill } = collect();
    fill(16_384, 0);
    assert.equal(closed.length, 1);
    assert.equal(closed[0]!.types.length, 16_384);
  });

  it('is open again when it hands over a batch: a record about a loss may be appended at once', () => {
    const closed: Batch[] = [];
    const batches = new Batches({
      envelope: envelope(),
      onBatch(batch) {
        closed.push(batch);
        if (closed.length === 1) batches.appendRecord(record('a gap'), 9, WARN);
      },
    });
    batches.appendRecord(record('first'), 1, INFO);
    batches.close();
    batches.close();
    assert.deepEqual(closed.map(names), [['first'], ['a gap']]);
  });
});

describe('the memory of batches', () => {
  const MEMORY = (batch: Batch) => batch.bytes.buffer.byteLength;

  it('is hardly more than its bytes for a small one, so that a long queue of them stays small', () => {
    const { batches, closed, fill } = collect();
    fill(100, 1000);
    batches.close();
    const { length } = closed[0]!.bytes;
    assert.ok(MEMORY(closed[0]!) < length + 64 * 1024, `${MEMORY(closed[0]!)} for ${length}`);
  });

  it('is not written any more once it was handed over', () => {
    const { closed, fill } = collect();
    fill(8_000, 500);
    const before = Buffer.from(closed[0]!.bytes);
    fill(16_000, 500);
    assert.deepEqual(closed[0]!.bytes, before);
  });

  it('is used again when it was taken back, and never twice at once', () => {
    const { batches, closed, fill } = collect();
    const buffers = () => closed.map((batch) => batch.bytes.buffer);
    fill(8_000, 500);
    batches.recycle(closed[0]!);
    batches.recycle(closed[0]!);
    fill(8_000 * 4, 500);
    const used = buffers().slice(1, 5);
    assert.ok(used.includes(closed[0]!.bytes.buffer), 'it was not used again');
    assert.equal(new Set(used).size, used.length, 'two batches share a buffer');
  });

  it('is not taken from a batch that still fills it', () => {
    const { batches, closed, fill } = collect();
    fill(8_000, 500);
    batches.recycle(closed[0]!);
    fill(8_000, 500); // now the first buffer is being filled again
    batches.recycle(closed[0]!);
    fill(8_000 * 2, 500);
    const used = closed.slice(1).map((batch) => batch.bytes.buffer);
    assert.equal(new Set(used).size, used.length);
  });

  it('is used again for small batches of about the same size, and never twice at once', () => {
    const { batches, closed, fill } = collect();
    const close = (count: number) => {
      fill(count, 1000);
      batches.close();
      return closed.at(-1)!;
    };
    const first = close(1000);
    batches.recycle(first);
    batches.recycle(first);
    const before = Buffer.from(first.bytes);
    const [second, third] = [close(950), close(950)];
    assert.equal(second.bytes.buffer, first.bytes.buffer);
    assert.notEqual(third.bytes.buffer, first.bytes.buffer);
    assert.ok(before.subarray(-1000).equals(third.bytes.subarray(-1000)));
    batches.recycle(second);
    assert.notEqual(close(100).bytes.buffer, first.bytes.buffer, 'a tenth would keep all of it');
  });

  describe('of a storm', () => {
    /** A buffer that the storm has filled is about to be filled again; returns it. */
    function storm({ batches, closed, fill }: ReturnType<typeof collect>) {
      fill(8_000, 500);
      batches.recycle(closed[0]!);
      fill(8_000, 500);
      batches.close();
      return closed[0]!.bytes.buffer;
    }
    const minute = ({ batches, fill }: ReturnType<typeof collect>, count: number, size: number) => {
      fill(count, size);
      batches.close();
      batches.trim();
    };
    /** The buffer that the next whole batch is in. */
    const next = ({ closed, fill }: ReturnType<typeof collect>) => {
      const from = closed.length;
      fill(8_000, 500);
      return closed[from]!.bytes.buffer;
    };

    it('goes when a minute has passed that did not need it', () => {
      const all = collect();
      const buffer = storm(all);
      for (let i = 0; i < 3; i++) minute(all, 50, 1000);
      assert.ok(next(all) !== buffer);
    });

    it('stays while storms go on', () => {
      const all = collect();
      const buffer = storm(all);
      for (let i = 0; i < 3; i++) minute(all, 1800, 1000);
      assert.ok(next(all) === buffer);
    });

    it('goes from what waits for use again, too', () => {
      const all = collect();
      const { batches, closed } = all;
      minute(all, 1000, 1000);
      const copy = closed[0]!;
      batches.recycle(copy);
      for (let i = 0; i < 3; i++) minute(all, 50, 1000);
      minute(all, 1000, 1000);
      assert.ok(closed.at(-1)!.bytes.buffer !== copy.bytes.buffer);
    });
  });

  it('is not taken back from halves, nor from batches of another', () => {
    const { batches, closed, fill } = collect();
    const other = collect();
    other.fill(1000, 1000);
    other.batches.close();
    batches.recycle(other.closed[0]!);
    fill(1000, 1000);
    batches.close();
    assert.notEqual(closed.pop()!.bytes.buffer, other.closed[0]!.bytes.buffer);
    fill(8_000, 500);
    for (const half of splitBatch(closed[0]!, envelope())!) batches.recycle(half);
    fill(8_000, 500);
    assert.notEqual(closed[0]!.bytes.buffer, closed[1]!.bytes.buffer);
  });
});

describe('splitBatch', () => {
  function batchOf(sizes: readonly number[]): Batch {
    const { batches, closed } = collect();
    for (const [i, size] of sizes.entries()) batches.appendRecord(record(`${i}`, size), i, INFO);
    batches.close();
    return closed[0]!;
  }

  const CASES: Readonly<Record<string, readonly number[]>> = {
    two: [10, 10],
    three: [10, 10, 10],
    'a large one first': [100_000, 1, 1, 1],
    'a large one last': [1, 1, 1, 100_000],
    'lengths of one to three bytes': [0, 200, 20_000, 0, 200, 20_000],
    many: Array.from({ length: 500 }, (_, i) => i % 300),
  };
  for (const [name, sizes] of Object.entries(CASES)) {
    it(`makes two valid requests that hold all records in order: ${name}`, () => {
      const whole = batchOf(sizes);
      const halves = splitBatch(whole, envelope())!;
      assert.deepEqual(
        halves.flatMap((half) => decodeLogs(half.bytes)),
        decodeLogs(whole.bytes),
      );
      assert.deepEqual(
        halves.flatMap((half) => [...half.types]),
        [...whole.types],
      );
      for (const half of halves) assert.ok(half.types.length > 0);
    });
  }

  it('halves again and again down to single records', () => {
    const split = (batch: Batch): Batch[] => splitBatch(batch, envelope())?.flatMap(split) ?? [batch];
    const sizes = [5, 50, 500, 5000, 5, 50, 500];
    const singles = split(batchOf(sizes));
    assert.deepEqual(
      singles.map(names),
      sizes.map((_, i) => [`${i}`]),
    );
  });

  it('makes halves of about the same size', () => {
    const [first, second] = splitBatch(batchOf(Array.from({ length: 1000 }, () => 500)), envelope())!;
    assert.ok(Math.abs(first.bytes.length - second.bytes.length) < 2000);
  });

  it('cannot split a single record', () => assert.equal(splitBatch(batchOf([10]), envelope()), undefined));
});
