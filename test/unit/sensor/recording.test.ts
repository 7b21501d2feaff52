// SPDX-License-Identifier: Apache-2.0
// The file format, and every way to damage a small file. Any records in it: test/fuzz/replay.test.ts.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LAYOUT_ID } from '../../../src/decode/layout.gen.ts';
import { Recorder, RecordingError, RecordingReader, ReplaySensor } from '../../../src/sensor/recording.ts';
import { batchOf, connect, exec, exit, OBSERVED } from '../../support/records.ts';

const FACTS = {
  namespaces: { pid: 1, mnt: 2, net: 3, uts: 4, user: 5 },
  users: { 0: 'root', 1000: 'jürgen' },
  hooks: [{ program: 'process_exec', hook: 'tp_btf/sched_process_exec', error: '' }],
};

describe('a recording', () => {
  let dir = '';
  let path = '';
  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'agentsmith-recording-'));
    path = join(dir, 'a.ring');
  });
  after(() => rmSync(dir, { recursive: true }));
  beforeEach(() => rmSync(path, { force: true }));

  function write(...batches: (readonly Buffer[])[]): Buffer {
    rmSync(path, { force: true });
    const recorder = new Recorder(path, FACTS);
    for (const [i, records] of batches.entries()) recorder.append(batchOf(records), BigInt(i) - 5n);
    recorder.close();
    assert.equal(recorder.bytes, statSync(path).size);
    return readFileSync(path);
  }

  /** The batches that can be read, and the error that ended it. */
  function read(bytes?: Uint8Array): { batches: Buffer[]; error: unknown } {
    if (bytes) writeFileSync(path, bytes);
    const batches: Buffer[] = [];
    let reader: RecordingReader | undefined;
    try {
      reader = new RecordingReader(path);
      for (let next = reader.next(); next; next = reader.next()) batches.push(Buffer.from(next.batch.bytes));
      return { batches, error: undefined };
    } catch (error) {
      return { batches, error };
    } finally {
      reader?.close();
    }
  }

  it('gives back the host, and each batch with its times', () => {
    const lists = [[exec({ argv: ['ls'] }), exit()], [connect()], []];
    write(...lists);
    const reader = new RecordingReader(path);
    assert.deepEqual(reader.head, {
      layout: LAYOUT_ID.toString(16),
      ...FACTS,
      users: { 0: 'root', 1000: 'jürgen' },
    });
    for (const [i, records] of lists.entries()) {
      const { batch, clockOffset } = reader.next()!;
      assert.deepEqual(Buffer.from(batch.bytes), Buffer.concat(records));
      assert.equal(batch.observed, OBSERVED);
      assert.equal(clockOffset, BigInt(i) - 5n);
      assert.equal([...batch].length, records.length);
    }
    assert.equal(reader.next(), undefined);
    reader.close();
  });

  it('can be read by its owner only: it holds arguments as they were', () => {
    const umask = process.umask(0);
    try {
      write([exit()]);
    } finally {
      process.umask(umask);
    }
    assert.equal(statSync(path).mode & 0o777, 0o600);
  });

  it('never replaces a file', () => {
    writeFileSync(path, 'mine');
    assert.throws(() => new Recorder(path, FACTS), { code: 'EEXIST' });
    assert.equal(readFileSync(path, 'utf8'), 'mine');
  });

  it('of another layout is refused', () => {
    const bytes = write([exit()]);
    const id = LAYOUT_ID.toString(16);
    const other = Buffer.from(bytes.toString('latin1').replace(id, '0'.repeat(id.length)), 'latin1');
    const { error } = read(other);
    assert.ok(error instanceof RecordingError);
    assert.match(error.message, /another version \(layout 0+\)/);
  });

  it('that is none, or has no sound head, is refused', () => {
    const head = (json: string) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(json.length);
      return Buffer.concat([Buffer.from('ASRING1\n'), length, Buffer.from(json)]);
    };
    const layout = LAYOUT_ID.toString(16);
    for (const bytes of [
      Buffer.alloc(0),
      Buffer.from('ELF'),
      Buffer.from('ASRING2\n\0\0\0\0'),
      Buffer.from('ASRING1\n\xff\xff\xff\xff{}', 'latin1'),
      head('null'),
      head('{}'),
      head('[1'),
      head(JSON.stringify({ layout })),
      head(JSON.stringify({ layout, ...FACTS, users: null })),
      head(JSON.stringify({ layout, ...FACTS, hooks: {} })),
      head(JSON.stringify({ layout, ...FACTS, namespaces: { ...FACTS.namespaces, net: '3' } })),
    ]) {
      const { error } = read(bytes);
      assert.ok(error instanceof RecordingError, `${bytes}: ${error}`);
    }
  });

  it('that does not exist says so in the words of open(2)', () => {
    assert.throws(() => new RecordingReader(join(dir, 'none')), { code: 'ENOENT' });
  });

  it('that was cut anywhere gives its whole batches, then an error that names the place', () => {
    const first = write([exit()]).length;
    const bytes = write([exit()], [connect()]);
    const start = write().length;
    for (let end = 0; end < bytes.length; end++) {
      const { batches, error } = read(bytes.subarray(0, end));
      assert.equal(batches.length, end < first ? 0 : 1, `cut at ${end}`);
      // Between two batches nothing tells that there were more.
      if (end === start || end === first) assert.equal(error, undefined);
      else assert.ok(error instanceof RecordingError, `cut at ${end}: ${error}`);
      if (end > start && end < first)
        assert.match((error as Error).message, new RegExp(`cut off at byte ${start}$`));
    }
  }).timeout('20s');

  it('with any bit flipped gives no changed batch and no other error', () => {
    const bytes = write([exit()], [connect()]);
    const whole = read().batches;
    const start = write().length;
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const damaged = Buffer.from(bytes);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      const { batches, error } = read(damaged);
      if (error !== undefined) assert.ok(error instanceof RecordingError, `bit ${bit}: ${error}`);
      for (const [i, batch] of batches.entries()) assert.ok(batch.equals(whole[i]!), `bit ${bit}`);
      // The head has no checksum: a changed name of a user cannot be seen.
      if (bit >> 3 >= start) assert.ok(error !== undefined && batches.length < whole.length, `bit ${bit}`);
    }
  }).timeout('60s');

  describe('replayed', () => {
    function replay(
      fast: boolean,
    ): Promise<{ sizes: number[]; offsets: bigint[]; error: Error | undefined }> {
      const sizes: number[] = [];
      const offsets: bigint[] = [];
      return new Promise((resolve) => {
        const sensor = new ReplaySensor(new RecordingReader(path), {
          fast,
          onEnd: (error) => void sensor.stop().then(() => resolve({ sizes, offsets, error })),
        });
        sensor.start((batch) => {
          sizes.push([...batch].length);
          offsets.push(sensor.clockOffset);
        });
      });
    }

    for (const fast of [true, false]) {
      it(`delivers every batch with its clock, then ends${fast ? ', as fast as it can' : ''}`, async () => {
        write([exit()], [exec(), connect()]);
        assert.deepEqual(await replay(fast), { sizes: [1, 2], offsets: [-5n, -4n], error: undefined });
      });
    }

    it('delivers what is whole before it tells of the damage', async () => {
      const bytes = write([exit()], [connect()]);
      writeFileSync(path, bytes.subarray(0, -1));
      const { sizes, error } = await replay(true);
      assert.deepEqual(sizes, [1]);
      assert.ok(error instanceof RecordingError);
    });

    it('delivers nothing more once it was stopped', async () => {
      write([exit()], [exit()], [exit()]);
      let batches = 0;
      const sensor = new ReplaySensor(new RecordingReader(path), {
        fast: true,
        onEnd: () => assert.fail('it went on'),
      });
      await new Promise<void>((resolve) =>
        sensor.start(() => {
          batches++;
          void sensor.stop().then(resolve);
        }),
      );
      await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
      assert.equal(batches, 1);
    });
  });
});
