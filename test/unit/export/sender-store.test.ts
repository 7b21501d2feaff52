// SPDX-License-Identifier: Apache-2.0
// A sender with a disk behind it, over a transport and a store that the test plays. The disk itself: spool.test.ts.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Batch } from '../../../src/export/batch.ts';
import type { Store } from '../../../src/export/sender.ts';
import { again, batch, nameOf, no, ok, playing, settle } from '../../support/played.ts';

const FAR = 60_000;

interface Kept {
  readonly batch: Batch;
  isHeld: boolean;
  isDone: boolean;
}

/** Takes batches as long as it has room, and writes each step down. */
class PlayedStore implements Store<Kept> {
  readonly kept: Kept[] = [];
  readonly steps: string[] = [];
  room = Number.POSITIVE_INFINITY;

  get waiting(): number {
    return this.kept.filter(({ isHeld, isDone }) => !isHeld && !isDone).length;
  }

  put(of: Batch, _since?: bigint, { held = false }: { held?: boolean } = {}): Kept | undefined {
    if (this.room-- <= 0) return undefined;
    this.steps.push(`${held ? 'copy' : 'put'} ${nameOf(of.bytes)}`);
    const kept = { batch: of, isHeld: held, isDone: false };
    this.kept.push(kept);
    return kept;
  }

  async take(): Promise<{ batch: Batch; stored: Kept } | undefined> {
    await settle();
    const next = this.kept.find(({ isHeld, isDone }) => !isHeld && !isDone);
    if (!next) return undefined;
    next.isHeld = true;
    return { batch: next.batch, stored: next };
  }

  done(stored: Kept): void {
    assert.equal(stored.isDone, false);
    stored.isDone = true;
    this.steps.push(`done ${nameOf(stored.batch.bytes)}`);
  }

  release(stored: Kept): boolean {
    stored.isHeld = false;
    return true;
  }

  /** Names of what would come again. */
  left(): string[] {
    return this.kept.filter(({ isDone }) => !isDone).map(({ batch: { bytes } }) => nameOf(bytes));
  }
}

/** Lets everything run, also what follows from it. */
const settleAll = async () => {
  for (let i = 0; i < 20; i++) await settle();
};

describe('Sender with a store', () => {
  const withStore = (options: Parameters<typeof playing>[0] = {}) => {
    const store = new PlayedStore();
    return { store, ...playing({ store, ...options }) };
  };

  it('does not touch it while the receiver takes everything', async () => {
    const { sender, transport, store } = withStore();
    transport.rule = () => ok();
    for (const name of ['a', 'b', 'c']) sender.offer(batch(name));
    await sender.flush(FAR);
    await sender.shutdown(FAR);
    assert.deepEqual(store.steps, []);
  });

  it('puts everything on it in order as soon as an attempt fails, and what comes then', async () => {
    const { sender, transport, store } = withStore();
    for (const name of ['a', 'b', 'c', 'd']) sender.offer(batch(name));
    await transport.answer(again());
    sender.offer(batch('e'));
    assert.deepEqual(store.steps, ['copy a', 'copy b', 'put c', 'put d', 'put e']);
    assert.deepEqual([sender.queuedBatches, sender.inFlight], [0, 2]);
    sender.abort();
  });

  it('reads it in order when the receiver is back, one batch at a time, beside live traffic', async () => {
    const { sender, transport, store, log, wake } = withStore();
    for (const name of ['a', 'b', 'c', 'd', 'e']) sender.offer(batch(name));
    await transport.answer(again());
    await transport.answer(again());
    transport.rule = () => ok();
    // The first that gets through brings the other along.
    await wake();
    await settleAll();
    sender.offer(batch('f'));
    await settleAll();
    assert.deepEqual(transport.seen.slice(2, 7), ['a', 'b', 'c', 'd', 'e']);
    assert.deepEqual(store.left(), []);
    assert.deepEqual(
      log.filter((line) => line.startsWith('exported')),
      ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => `exported ${name}`),
    );
  });

  it('lets live traffic go first, but not for ever', async () => {
    const { sender, transport, store } = withStore();
    for (const name of ['x', 'y']) store.put(batch(name));
    for (let i = 0; i < 12; i++) sender.offer(batch(`${i % 10}`));
    for (let i = 0; i < 14; i++) {
      await transport.answer(ok());
      await settleAll();
    }
    const [x, y] = ['x', 'y'].map((name) => transport.seen.indexOf(name));
    assert.ok(x! >= 2 && x! < 8 && y! > x! && y! < 13, `${transport.seen}`);
    assert.deepEqual(store.left(), []);
  });

  it('asks with what lies on it when there is nothing else', async () => {
    const { sender, transport, store } = withStore();
    store.put(batch('x'));
    sender.poke();
    await settleAll();
    await transport.answer(again());
    for (const name of ['a', 'b']) sender.offer(batch(name));
    // And with one more, should that be what the receiver does not take.
    assert.deepEqual(transport.seen, ['x', 'a']);
    assert.deepEqual(store.steps, ['put x', 'copy a', 'put b']);
    sender.abort();
    assert.deepEqual(store.left(), ['x', 'a', 'b']);
  });

  it('goes on beside a batch that never gets through', async () => {
    const { sender, transport, store, log } = withStore();
    transport.rule = (name) => (name === 'x' ? again() : ok());
    store.put(batch('x'));
    sender.poke();
    await settleAll();
    for (const name of ['a', 'b', 'c']) {
      sender.offer(batch(name));
      await settleAll();
    }
    assert.deepEqual(
      log.filter((line) => line.startsWith('exported')),
      ['exported a', 'exported b', 'exported c'],
    );
    sender.abort();
    assert.deepEqual(store.left(), ['x']);
  });

  it('takes what the queue does not hold', async () => {
    const { sender, transport, store } = withStore({ maxQueueBytes: 1100 });
    for (const name of ['a', 'b', 'c', 'd']) assert.ok(sender.offer(batch(name)));
    assert.deepEqual(store.steps, ['put c', 'put d']);
    transport.rule = () => ok();
    await transport.answer(ok());
    await transport.answer(ok());
    await settleAll();
    assert.deepEqual(transport.seen, ['a', 'b', 'c', 'd']);
    assert.deepEqual(store.left(), []);
  });

  it('keeps in memory what it does not take, within the bound', async () => {
    const { sender, transport, store } = withStore({ maxQueueBytes: 1700 });
    sender.offer(batch('a'));
    store.room = 0;
    await transport.answer(again());
    assert.deepEqual([sender.offer(batch('b')), sender.offer(batch('c'))], [true, true]);
    assert.equal(sender.offer(batch('d')), false);
    assert.equal(sender.takeBack(batch('e'), undefined), false);
    store.room = Number.POSITIVE_INFINITY;
    sender.poke();
    assert.deepEqual(store.steps, ['copy a', 'copy b', 'put c']);
    assert.equal(sender.takeBack(batch('e'), undefined), true);
    sender.abort();
  });

  it('never sends the whole of a batch of which a half arrived', async () => {
    const { sender, transport, store, log } = withStore({ maxInFlight: 1 });
    store.put(batch('ab'));
    sender.poke();
    await settleAll();
    await transport.answer(no('too_large'));
    await transport.answer(ok());
    sender.abort();
    assert.deepEqual(log, ['exported a']);
    assert.deepEqual(store.left(), ['b']);
  });

  it('keeps at shutdown what was not acknowledged, without a loss', async () => {
    const { sender, transport, store, log } = withStore({ maxInFlight: 1 });
    for (const name of ['a', 'b', 'c']) sender.offer(batch(name));
    await transport.answer(ok());
    await sender.shutdown(1);
    assert.deepEqual(log, ['exported a']);
    assert.deepEqual(store.left(), ['b', 'c']);
  });

  it('waits for no receiver at shutdown that is known to be away', async () => {
    const { sender, transport, store } = withStore();
    transport.rule = () => again();
    sender.offer(batch('a'));
    await settleAll();
    await sender.shutdown(FAR);
    assert.deepEqual(store.left(), ['a']);
  });

  it('knows from when the oldest record is that is in memory alone', async () => {
    const { sender, transport } = withStore();
    assert.equal(sender.unsafeSince, undefined);
    for (const [i, name] of ['a', 'b', 'c'].entries()) sender.offer(batch(name), BigInt(i + 5));
    assert.equal(sender.unsafeSince, 5n);
    await transport.answer(ok());
    assert.equal(sender.unsafeSince, 6n);
    await transport.answer(again());
    assert.equal(sender.unsafeSince, undefined);
    sender.abort();
  });

  it('ends every record once, on disk or not, whatever the receiver and the disk do', async () => {
    const answer = fc.constantFrom(ok(), again(), again('throttled', 1), no(), no('too_large'));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ minLength: 1, maxLength: 6, unit: fc.constantFrom('x', 'y') }), {
          maxLength: 10,
        }),
        fc.array(answer),
        fc.nat(12),
        async (batches, answers, room) => {
          let [taken, ended] = [0, 0];
          const count = ({ types }: Batch) => void (ended += types.length);
          const { sender, transport, store } = withStore({
            maxQueueBytes: 2100,
            sleep: () => settle(),
            onExported: count,
            onLost: count,
          });
          store.room = room;
          transport.rule = () => answers.shift() ?? ok();
          for (const [i, records] of batches.entries()) {
            if (sender.offer(batch(records))) taken += records.length;
            if (i % 3 === 0) await settle();
          }
          await sender.shutdown(answers.length % 3 === 0 ? 0 : FAR);
          await settleAll();
          const onDisk = store.left().join('').length;
          assert.equal(ended + onDisk, taken);
          assert.deepEqual([sender.inFlight, sender.queuedBatches, sender.queuedBytes], [0, 0, 0]);
        },
      ),
      { numRuns: 300 },
    );
  });
});
