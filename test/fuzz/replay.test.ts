// SPDX-License-Identifier: Apache-2.0
// A damaged recording ends in a RecordingError or in fewer batches; whatever is read from it goes through the rest of
// the path. That the format is what it should be is left to unit/sensor/recording.test.ts.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { Processes } from '../../src/enrich/processes.ts';
import { Batches } from '../../src/export/batches.ts';
import { Recorder, RecordingError, RecordingReader } from '../../src/sensor/recording.ts';
import {
  connectValues,
  dnsSegmentValues,
  dnsValues,
  execValues,
  exitValues,
  forkValues,
} from '../support/arbitraries.ts';
import { fuzz } from '../support/fuzz.ts';
import { eachEvent, HOST, LANES } from '../support/lanes.ts';
import { envelope } from '../support/official.ts';
import { batchOf, connect, dnsQuery, dnsSegment, exec, exit, fork } from '../support/records.ts';

const BATCH_HEAD = 24;

describe('the replay of a recording', function () {
  this.timeout('5m');
  const dir = mkdtempSync(join(tmpdir(), 'agentsmith-replay-'));
  const path = join(dir, 'a.ring');
  after(() => rmSync(dir, { recursive: true }));

  /** A recording of one batch for each list of records; and where the first batch starts. */
  function recorded(batches: readonly (readonly Buffer[])[]): { bytes: Buffer; start: number } {
    rmSync(path, { force: true });
    const recorder = new Recorder(path, { namespaces: HOST.namespaces, users: { 0: 'root' }, hooks: [] });
    const start = recorder.bytes;
    for (const records of batches) recorder.append(batchOf(records), 17n);
    recorder.close();
    return { bytes: readFileSync(path), start };
  }

  /** Replays bytes as the agent does; the batches that were read and the error that ended it. */
  function replay(bytes: Uint8Array): { batches: number; records: number; error: unknown } {
    writeFileSync(path, bytes);
    const processes = new Processes();
    let batches = 0;
    let records = 0;
    const out = new Batches({ envelope: envelope(), onBatch: (batch) => (records += batch.types.length) });
    const reader = new RecordingReader(path);
    try {
      for (let next = reader.next(); next; next = reader.next()) {
        batches++;
        out.observed = next.batch.observed;
        eachEvent(
          next.batch,
          LANES[0]!,
          (definition, event, process) => out.append(definition, event, process),
          processes,
        );
      }
      return { batches, records, error: undefined };
    } catch (error) {
      return { batches, records, error };
    } finally {
      out.close();
      reader.close();
    }
  }

  const record = fc.oneof(
    execValues.map(exec),
    forkValues.map(fork),
    exitValues.map(exit),
    connectValues.map(connect),
    dnsValues.map(dnsQuery),
    dnsSegmentValues.map(dnsSegment),
  );
  const lists = fc.array(fc.array(record, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 3 });

  it('of any records, whole, gives them all', () => {
    fuzz(
      200,
      fc.property(lists, (list) => {
        const { batches, error } = replay(recorded(list).bytes);
        assert.equal(error, undefined);
        assert.equal(batches, list.length);
      }),
    );
  });

  it('that was damaged or cut ends in an error that says so', () => {
    fuzz(
      1000,
      fc.property(
        lists,
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        fc.boolean(),
        (list, where, flip, cut) => {
          const { bytes, start } = recorded(list);
          const at = start + (where % (bytes.length - start));
          const damaged = cut ? bytes.subarray(0, at) : Buffer.from(bytes);
          if (!cut) damaged[at]! ^= flip;
          const { batches, error } = replay(damaged);
          if (error) assert.ok(error instanceof RecordingError, `${error}`);
          assert.ok(batches < list.length, 'a damaged batch was read');
        },
      ),
    );
  });

  it('with any bytes where records should be, under a right checksum, never throws', () => {
    const noise = fc.oneof(record, fc.uint8Array({ minLength: 8, maxLength: 400 }));
    fuzz(
      1000,
      fc.property(
        fc.array(noise, { minLength: 1, maxLength: 4 }),
        fc.nat(),
        fc.nat({ max: 255 }),
        (parts, where, byte) => {
          const { bytes, start } = recorded([parts.map((part) => Buffer.from(part))]);
          const body = bytes.subarray(start + BATCH_HEAD);
          body[where % body.length] = byte;
          bytes.writeUInt32LE(crc32(bytes.subarray(start + 8)), start + 4);
          assert.deepEqual(replay(bytes).error, undefined);
        },
      ),
    );
  });
});
