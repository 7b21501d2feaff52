// SPDX-License-Identifier: Apache-2.0
// Any bytes: test/fuzz/decoder.test.ts.
import assert from 'node:assert/strict';
import { EventType, networkConnect, processExec, processExit } from '../../../src/decode/layout.gen.ts';
import { type RecordBatch, WHO_WORDS } from '../../../src/decode/record.ts';
import {
  batchOf,
  connect,
  exec,
  exit,
  FILE_TYPES,
  file,
  fork,
  introduction,
  OBSERVED,
} from '../../support/records.ts';

const { header, who } = processExec;

/** Types of the records that are found, and the count of those that are none. */
function found(batch: RecordBatch): { types: number[]; malformed: number } {
  const types = Array.from(batch, (event) => event.type);
  return { types, malformed: batch.malformed };
}

function withU16(record: Buffer, offset: number, value: number): Buffer {
  record.writeUInt16LE(value, offset);
  return record;
}

function withU32(record: Buffer, offset: number, value: number): Buffer {
  record.writeUInt32LE(value, offset);
  return record;
}

describe('RecordBatch', () => {
  it('gives each record of a drain, in order, and tells when it was read', () => {
    const files = FILE_TYPES.map((type) => file({ path: '/x' }, type));
    const batch = batchOf([
      introduction({ argv: ['a'] }),
      fork(),
      exec({ cwd: '/x' }),
      connect(),
      exit(),
      ...files,
    ]);
    const { PROCESS, PROCESS_FORK, PROCESS_EXEC, NETWORK_CONNECT, PROCESS_EXIT } = EventType;
    assert.deepEqual(found(batch), {
      types: [PROCESS, PROCESS_FORK, PROCESS_EXEC, NETWORK_CONNECT, PROCESS_EXIT, ...FILE_TYPES],
      malformed: 0,
    });
    assert.equal(batch.observed, OBSERVED);
  });

  it('gives nothing for an empty drain', () =>
    assert.deepEqual(found(batchOf([])), { types: [], malformed: 0 }));

  it('reads the loaded bytes only, though the buffer holds older ones', () => {
    const batch = batchOf([exit(), exit()]);
    assert.deepEqual(found(batch.load(exit().length, 0n)).types, [EventType.PROCESS_EXIT]);
    assert.equal(batch.bytes.length, exit().length);
  });

  it('moves one cursor and makes no object for a record', () => {
    const batch = batchOf([exit(), connect()]);
    const cursors = new Set<unknown>();
    for (const event of batch) cursors.add(event);
    assert.equal(cursors.size, 1);
  });

  it('counts a record of an unknown type and goes on behind it', () => {
    for (const type of [0, EventType.TYPES, 0xffff]) {
      const batch = batchOf([withU16(exit(), header.type.offset, type), connect()]);
      assert.deepEqual(found(batch), { types: [EventType.NETWORK_CONNECT], malformed: 1 });
    }
  });

  it('counts a record that is shorter than its struct and goes on behind it', () => {
    const short = withU32(connect().subarray(0, 64), header.size.offset, 64);
    assert.deepEqual(found(batchOf([short, exit()])), { types: [EventType.PROCESS_EXIT], malformed: 1 });
  });

  it('counts a wrong size once and gives up the rest, as nobody knows where the next record starts', () => {
    for (const size of [0, 8, 47, 225, 1 << 20, 0xffffffff]) {
      const batch = batchOf([exit(), withU32(exit(), header.size.offset, size), exit()]);
      assert.deepEqual(found(batch), { types: [EventType.PROCESS_EXIT], malformed: 1 }, `size ${size}`);
    }
  });

  it('counts what is left behind the last record', () => {
    for (const rest of [1, 8, 47]) {
      assert.deepEqual(found(batchOf([exit(), Buffer.alloc(rest)])), {
        types: [EventType.PROCESS_EXIT],
        malformed: 1,
      });
    }
  });

  const TEXT = processExec.argv.offset;
  const texts: Readonly<Record<string, (record: Buffer) => Buffer>> = {
    'reaches behind the record': (record) => withU16(record, TEXT + 2, 0x100),
    'starts behind the record': (record) => withU16(record, TEXT, 0xffff),
    'lies within the struct': (record) => withU16(record, TEXT, 0),
    'shares its bytes with another': (record) =>
      withU32(record, processExec.cwd.offset, record.readUInt32LE(TEXT)),
  };
  for (const [name, damage] of Object.entries(texts)) {
    it(`counts a record of which a text ${name}`, () => {
      const record = damage(exec({ argv: ['0123456789'] }));
      assert.deepEqual(found(batchOf([record, exit()])), { types: [EventType.PROCESS_EXIT], malformed: 1 });
    });
  }

  it('takes any offset of a text that is absent', () => {
    assert.equal(found(batchOf([withU16(exec(), TEXT, 0xffff)])).malformed, 0);
  });
});

describe('RawEvent', () => {
  it('reads every kind of member, wherever the record lies', () => {
    const batch = batchOf([
      exit(),
      connect({
        header: { cpu: 0xfffe, time: 0xfedc_ba98_7654_3210n, sequence: 2n ** 53n - 1n },
        cookie: 1n << 63n,
        result: -111,
        dport: 65535,
        flags: 0xffffffff,
      }),
    ]);
    const seen: unknown[] = [];
    for (const event of batch) {
      if (event.type !== EventType.NETWORK_CONNECT) continue;
      seen.push(
        event.u16(header.cpu),
        event.low(header.time),
        event.high(header.time),
        event.number64(header.sequence),
      );
      seen.push(
        event.u64(networkConnect.cookie),
        event.i32(networkConnect.result),
        event.u16(networkConnect.dport),
      );
      seen.push(event.u32(networkConnect.flags));
    }
    assert.deepEqual(seen, [
      0xfffe,
      0x7654_3210,
      0xfedc_ba98,
      2 ** 53 - 1,
      1n << 63n,
      -111,
      65535,
      0xffffffff,
    ]);
  });

  it('tells whether the actor is the same in every word', () => {
    const words = new Uint32Array(WHO_WORDS);
    const base = exit();
    for (const event of batchOf([base])) event.copyWho(words);
    const first = who.start.offset;
    for (let at = 0; at < who.SIZE; at++) {
      const other = Buffer.from(base);
      other[first + at]! ^= 1;
      for (const event of batchOf([other])) assert.equal(event.sameWho(words), false, `byte ${at}`);
    }
    for (const event of batchOf([exit({ status: 9, header: { tid: 1 } })])) assert.ok(event.sameWho(words));
  });

  it('reads an exit as it was built', () => {
    for (const event of batchOf([exit({ status: 0xff00 })]))
      assert.equal(event.u32(processExit.status), 0xff00);
  });
});
