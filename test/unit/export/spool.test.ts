// SPDX-License-Identifier: Apache-2.0
// Batches on disk: what comes back, in which order, and what is counted. A full disk and a killed agent: test/e2e/spool.test.ts.
import assert from 'node:assert/strict';
import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import type { Taken } from '../../../src/export/spool.ts';
import { Format, frameHead, HEADER_BYTES } from '../../../src/export/spool-frame.ts';
import { scan } from '../../../src/export/spool-recovery.ts';
import {
  batchNamed,
  booksOf,
  CONNECT,
  EXEC,
  NAMES,
  nameOf,
  SpoolRuns,
  takeAll,
} from '../../support/spooled.ts';

const MIB = 1 << 20;

describe('Spool', () => {
  let runs: SpoolRuns;
  beforeEach(() => {
    runs = new SpoolRuns();
  });
  afterEach(() => runs.remove());

  it('gives batches back in their order, byte for byte, and leaves nothing behind', async () => {
    const { spool, ledger } = await runs.next();
    const batches = ['Ab', 'cD', 'eee'].map((name) => batchNamed(name, 5000));
    for (const batch of batches) spool.put(batch, 1n);
    for (const batch of batches) {
      const taken = await spool.take();
      assert.deepEqual(Buffer.from(taken!.batch.bytes), batch.bytes);
      assert.deepEqual([...taken!.batch.types], [...batch.types]);
      assert.deepEqual([taken!.batch.recordsStart, taken!.batch.recordsEnd], [0, batch.recordsEnd]);
      spool.done(taken!.stored);
    }
    assert.equal(await spool.take(), undefined);
    await spool.close(10_000);
    assert.deepEqual(runs.files(), []);
    assert.deepEqual(booksOf(ledger), { recovered: 0, spooled: 0, lost: {} });
  });

  it('keeps batches for the next run, which counts them as recovered', async () => {
    const first = await runs.next();
    for (const name of ['Ab', 'cD', 'eee']) first.spool.put(batchNamed(name), 1n);
    const taken = await first.spool.take();
    assert.equal(first.ledger.spooled[EXEC], 1);
    assert.equal(first.ledger.spooled[CONNECT], 4);
    // Not acknowledged: it is on disk as before.
    assert.equal(first.spool.release(taken!.stored), true);
    await first.spool.close(10_000);
    assert.deepEqual(booksOf(first.ledger), { recovered: 0, spooled: 7, lost: {} });
    const second = await runs.next();
    assert.deepEqual([second.ledger.recovered[EXEC], second.ledger.recovered[CONNECT]], [2, 5]);
    assert.deepEqual(await takeAll(second.spool), ['Ab', 'cD', 'eee']);
    await second.spool.close(10_000);
    assert.deepEqual(booksOf(second.ledger), { recovered: 7, spooled: 0, lost: {} });
    assert.deepEqual(runs.files(), []);
  });

  it('brings no batch again that was done, nor one that was tried on in memory and done there', async () => {
    const first = await runs.next();
    const held = first.spool.put(batchNamed('held'), 1n, { held: true });
    const kept = first.spool.put(batchNamed('kept'), 1n, { held: true });
    for (const name of ['a', 'b', 'c']) first.spool.put(batchNamed(name), 1n);
    const taken = await first.spool.take();
    assert.equal(nameOf(taken!.batch), 'a');
    assert.deepEqual(booksOf(first.ledger).spooled, 2);
    first.spool.done(held!);
    first.spool.done(taken!.stored);
    assert.equal(first.spool.release(kept!), true);
    await first.spool.close(10_000);
    assert.deepEqual(booksOf(first.ledger), { recovered: 0, spooled: 6, lost: {} });
    const second = await runs.next();
    assert.deepEqual(await takeAll(second.spool), ['kept', 'b', 'c']);
    await second.spool.close(10_000);
  });

  it('does not write a batch that was done before its turn came', async () => {
    const { spool } = await runs.next();
    const stored = spool.put(batchNamed('gone'), 1n, { held: true });
    spool.done(stored!);
    await spool.close(10_000);
    assert.deepEqual(runs.files(), []);
  });

  it('drops the oldest file where there is no room, and counts what was in it', async () => {
    const { spool, ledger } = await runs.next(8 * MIB);
    const names = [...'abcdefghijklmnopqrst'];
    for (const name of names) spool.put(batchNamed(name, MIB - 1000), 1n, { isLast: true });
    await spool.close(10_000);
    const { spooled, lost } = booksOf(ledger);
    assert.equal(spooled + lost['connect spool_full']!, names.length);
    assert.ok(runs.files().reduce((size, path) => size + statSync(path).size, 0) <= 8 * MIB);
    assert.deepEqual(runs.states, ['full']);
    const next = await runs.next(8 * MIB);
    assert.deepEqual(await takeAll(next.spool), names.slice(-spooled));
    await next.spool.close(10_000);
  });

  it('loses no batch twice that is on its way when its file is dropped', async () => {
    const { spool, ledger } = await runs.next(8 * MIB);
    spool.put(batchNamed('first', MIB - 1000), 1n);
    const taken = await spool.take();
    for (const name of 'abcdefghijk') spool.put(batchNamed(name, MIB - 1000), 1n, { isLast: true });
    assert.equal(await spool.take().then((next) => next && nameOf(next.batch)), 'd');
    assert.deepEqual(booksOf(ledger).lost, { 'connect spool_full': 3 });
    // Its copy is gone: whoever ends now has to keep it otherwise.
    assert.equal(spool.release(taken!.stored), false);
    await spool.close(10_000);
  });

  it('does not take more than a disk can be waited for', async () => {
    const { spool } = await runs.next();
    let taken = 0;
    while (spool.put(batchNamed('a', MIB), 1n) !== undefined) taken++;
    assert.equal(taken, 17);
    await spool.close(10_000);
  });

  it('gives back what cannot be written, and says so once', async () => {
    const { spool, ledger, returned } = await runs.next();
    runs.remove();
    spool.put(batchNamed('a'), 1n);
    spool.put(batchNamed('held'), 1n, { held: true });
    spool.put(batchNamed('b'), 1n);
    await spool.take();
    assert.deepEqual(returned, ['a', 'b']);
    assert.deepEqual(runs.states, ['failed']);
    assert.equal(spool.put(batchNamed('c'), 1n), undefined);
    assert.deepEqual(booksOf(ledger), { recovered: 0, spooled: 0, lost: {} });
    await spool.close(10_000);
    runs = new SpoolRuns();
  });

  it('knows from when the oldest record is that a crash of the host would lose', async () => {
    const { spool } = await runs.next();
    assert.equal(spool.unsafeSince, undefined);
    spool.put(batchNamed('a'), 7n);
    spool.put(batchNamed('b'), 5n);
    assert.equal(spool.unsafeSince, 5n);
    await spool.take();
    assert.equal(spool.unsafeSince, 5n);
    await spool.close(10_000);
    assert.equal(spool.unsafeSince, undefined);
  });

  it('does not send what another protocol wrote', async () => {
    const first = await runs.next();
    first.spool.put(batchNamed('Ab'), 1n);
    await first.spool.close(10_000);
    const second = await runs.next(64 * MIB, Format.JSON);
    assert.deepEqual(booksOf(second.ledger), {
      recovered: 2,
      spooled: 0,
      lost: { 'exec rejected': 1, 'connect rejected': 1 },
    });
    assert.equal(await second.spool.take(), undefined);
    await second.spool.close(10_000);
    assert.deepEqual(runs.files(), []);
  });

  it('gives events of another run the rows of this one, and strange ones a row together', async () => {
    const names = new Map([
      [1, 'agentsmith.process.exec'],
      [2, 'agentsmith.dns.query'],
      [3, ''],
    ]);
    const batch = { ...batchNamed('abcd'), types: Uint8Array.of(1, 2, 3, 2) };
    const head = frameHead(batch, Format.PROTOBUF, (type) => names.get(type)!);
    writeFileSync(`${runs.directory}/0000000000000007.spool`, Buffer.concat([head, batch.bytes]));
    const { spool, ledger } = await runs.next();
    const taken = await spool.take();
    const found = [...taken!.batch.types].map((type) => ledger.name(type));
    assert.deepEqual(found, [
      'agentsmith.process.exec',
      'agentsmith.dns.query',
      'unknown',
      'agentsmith.dns.query',
    ]);
    assert.equal(ledger.recovered[EXEC], 1);
    spool.done(taken!.stored);
    await spool.close(10_000);
  });

  describe('with damage', () => {
    const NAMED = ['Abc', 'dE', 'fff', 'GG'];
    const written = async () => {
      const { spool } = await runs.next();
      for (const name of NAMED) spool.put(batchNamed(name, 300), 1n);
      await spool.close(10_000);
      const [path] = runs.files();
      return { path: path!, bytes: readFileSync(path!) };
    };

    it('at the end reads up to the last whole batch, and counts the cut one once', async () => {
      const { path, bytes } = await written();
      truncateSync(path, bytes.length - 1);
      const { spool, ledger } = await runs.next();
      assert.deepEqual(booksOf(ledger), { recovered: 10, spooled: 8, lost: { 'mixed spool_corrupt': 2 } });
      await spool.close(10_000);
      const again = await runs.next();
      assert.deepEqual(booksOf(again.ledger), { recovered: 8, spooled: 8, lost: {} });
      assert.deepEqual(await takeAll(again.spool), NAMED.slice(0, 3));
      await again.spool.close(10_000);
    });

    it('in a batch leaves that one out', async () => {
      const { path, bytes } = await written();
      bytes[bytes.indexOf('dE')]! ^= 1;
      writeFileSync(path, bytes);
      const { spool, ledger } = await runs.next();
      assert.deepEqual(booksOf(ledger), { recovered: 10, spooled: 8, lost: { 'mixed spool_corrupt': 2 } });
      assert.deepEqual(await takeAll(spool), ['Abc', 'fff', 'GG']);
      await spool.close(10_000);
      assert.deepEqual(booksOf(ledger).spooled, 0);
    });

    it('that comes while we run costs what it hit, counted by event', async () => {
      const { path, bytes } = await written();
      const { spool, ledger } = await runs.next();
      bytes[bytes.indexOf('dE')]! ^= 1;
      writeFileSync(path, bytes);
      assert.deepEqual(await takeAll(spool), ['Abc', 'fff', 'GG']);
      await spool.close(10_000);
      assert.deepEqual(booksOf(ledger), {
        recovered: 10,
        spooled: 0,
        lost: { 'connect spool_corrupt': 1, 'exec spool_corrupt': 1 },
      });
    });

    it('that takes a file away while we run costs what was in it', async () => {
      const { path } = await written();
      const { spool, ledger } = await runs.next();
      truncateSync(path, HEADER_BYTES / 2);
      assert.equal(await spool.take(), undefined);
      await spool.close(10_000);
      assert.deepEqual(booksOf(ledger), {
        recovered: 10,
        spooled: 0,
        lost: { 'exec spool_corrupt': 4, 'connect spool_corrupt': 6 },
      });
    });

    const frames = NAMED.map((name) => {
      const batch = batchNamed(name, 50);
      return Buffer.concat([frameHead(batch, Format.PROTOBUF, (type) => NAMES.get(type)!), batch.bytes]);
    });
    const scanned = (bytes: Buffer) => {
      const segment = { size: 0, waiting: 0 };
      const records = new Map<string, number>();
      const { corrupt } = scan(bytes, Format.PROTOBUF, segment, records, new Map());
      return { ...segment, corrupt, records: [...records.values()].reduce((all, count) => all + count, 0) };
    };

    it('of any kind never throws, and reads nothing that was not written', () => {
      const whole = Buffer.concat(frames);
      const change = fc.record({
        at: fc.nat(whole.length - 1),
        bytes: fc.uint8Array({ minLength: 1, maxLength: 80 }),
        cut: fc.option(fc.nat(whole.length)),
      });
      fc.assert(
        fc.property(change, ({ at, bytes, cut }) => {
          const damaged = Buffer.from(whole);
          damaged.set(bytes.slice(0, whole.length - at), at);
          const found = scanned(damaged.subarray(0, cut ?? whole.length));
          // Frames before the damage are all there.
          let end = 0;
          const safe = frames.filter((frame) => {
            end += frame.length;
            return end <= Math.min(at, cut ?? whole.length);
          });
          assert.ok(found.waiting >= safe.length);
          assert.ok(found.waiting <= frames.length && found.records <= 10);
          if (found.size < damaged.length && cut === null) assert.ok(found.corrupt > 0);
        }),
        { numRuns: 2000 },
      );
    });

    it('that is nothing but any bytes is a loss', () => {
      fc.assert(
        fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), (bytes) => {
          assert.deepEqual(scanned(Buffer.from(bytes)), { size: 0, waiting: 0, corrupt: 1, records: 0 });
        }),
        { numRuns: 1000 },
      );
    });
  });

  it('keeps the books whatever comes when, also across runs', async function () {
    this.timeout('60s');
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.record({ put: fc.stringMatching(/^[a-zA-Z]{1,5}$/), held: fc.boolean() }) },
      { weight: 4, arbitrary: fc.constant('take' as const) },
      { weight: 3, arbitrary: fc.constant('done' as const) },
      { weight: 1, arbitrary: fc.constant('restart' as const) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        runs.remove();
        runs = new SpoolRuns();
        let run = await runs.next(8 * MIB);
        // Records that are still owed, by run: what was put or recovered, less what was done.
        let owed = 0;
        let open: { stored: Taken['stored']; count: number }[] = [];
        const check = async (isOver: boolean) => {
          const { spooled, lost } = booksOf(run.ledger);
          const gone = Object.values(lost).reduce((all, count) => all + count, 0);
          const inMemory = open.reduce((all, { count }) => all + count, 0);
          assert.equal(spooled + gone + (isOver ? 0 : inMemory), owed);
        };
        for (const each of steps) {
          if (each === 'take') {
            const taken = await run.spool.take();
            if (taken) open.push({ stored: taken.stored, count: taken.batch.types.length });
          } else if (each === 'done') {
            const first = open.shift();
            if (first) run.spool.done(first.stored);
            owed -= first?.count ?? 0;
          } else if (each === 'restart') {
            let unkept = 0;
            for (const { stored, count } of open) if (!run.spool.release(stored)) unkept += count;
            await run.spool.close(10_000);
            owed -= unkept;
            open = [];
            await check(true);
            const { spooled } = booksOf(run.ledger);
            run = await runs.next(8 * MIB);
            owed = booksOf(run.ledger).recovered;
            assert.equal(owed, spooled);
          } else {
            const batch = batchNamed(each.put, MIB / 3);
            const stored = run.spool.put(batch, 1n, { held: each.held });
            if (!stored) continue;
            owed += each.put.length;
            if (each.held) open.push({ stored, count: each.put.length });
            // Until it is written.
            await run.spool.idle;
          }
          await check(false);
        }
        await run.spool.close(10_000);
      }),
      { numRuns: 60 },
    );
  });
});
