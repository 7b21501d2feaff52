// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import type { Batch } from '../../src/export/batch.ts';
import { Ledger, MIXED } from '../../src/ledger.ts';

const batch = (...types: number[]): Batch => ({
  bytes: new Uint8Array(),
  types: Uint8Array.from(types),
  recordsStart: 0,
  recordsEnd: 0,
});

const ledger = () =>
  new Ledger(
    new Map([
      [3, 'exec'],
      [5, 'connect'],
    ]),
  );

describe('Ledger', () => {
  it('counts the records of a batch by their event', () => {
    const books = ledger();
    books.exportedBatch(batch(3, 5, 5));
    books.exportedBatch(batch(5));
    assert.equal(books.exported[3], 1);
    assert.equal(books.exported[5], 3);
    assert.deepEqual([...books.losses()], []);
  });

  it('counts losses by event and reason', () => {
    const books = ledger();
    books.lostBatch(batch(3, 5, 5), 'queue_full');
    books.lost(5, 'queue_full', 10);
    books.lost(3, 'malformed');
    assert.deepEqual(
      [...books.losses()],
      [
        { event: 'exec', reason: 'queue_full', count: 1 },
        { event: 'connect', reason: 'queue_full', count: 12 },
        { event: 'exec', reason: 'malformed', count: 1 },
      ],
    );
  });

  it('keeps apart what a receiver refused without saying which', () => {
    const books = ledger();
    books.exportedPartly(batch(3, 5, 5, 5), 3);
    books.lostMixed('rejected', 2);
    assert.equal(books.exportedMixed, 1);
    assert.deepEqual([...books.losses()], [{ event: MIXED, reason: 'rejected', count: 5 }]);
    assert.equal(books.exported[5], 0);
  });

  it('gives an event of user space a type of its own, always the same', () => {
    const books = ledger();
    const gap = books.typeOf('gap');
    assert.equal(books.typeOf('gap'), gap);
    assert.equal(books.typeOf('connect'), 5);
    assert.notEqual(books.typeOf('start'), gap);
    assert.equal(books.name(gap), 'gap');
    books.exportedBatch(batch(gap));
    assert.equal(books.exported[gap], 1);
    assert.deepEqual(
      [...books.types()].map(([, name]) => name),
      ['exec', 'connect', 'gap', 'start'],
    );
  });

  it('never counts in the row of a kernel event for one of user space', () => {
    const kernel = new Set([3, 5]);
    const books = ledger();
    for (let i = 0; i < 10; i++) assert.ok(!kernel.has(books.typeOf(`own ${i}`)));
  });

  it('refuses more events than it has rows for, before a count could be lost', () => {
    const books = ledger();
    assert.throws(() => {
      for (let i = 0; i < 100; i++) books.typeOf(`own ${i}`);
    }, RangeError);
  });
});
