// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { knownKey, knownProcesses, strike } from '../../../src/sensor/known.ts';

const ENDED = 0xffff_ffff;

/** A set as the kernel writes it: [start, by its halves, pid, image] of each. */
function setOf(
  ...ways: readonly (readonly [low: number, high: number, pid: number, image: number])[]
): Buffer {
  const set = Buffer.alloc(64);
  for (const [i, words] of ways.entries())
    for (const [j, word] of words.entries()) set.writeUInt32LE(word, 16 * i + 4 * j);
  return set;
}

describe('known processes', () => {
  it('are found by the low bits of their number', () => {
    assert.deepEqual(knownKey(7), knownKey(7 + 16_384));
    assert.notDeepEqual(knownKey(7), knownKey(8));
  });

  it('are those that are written down and have not ended, by number and start', () => {
    const isKnown = knownProcesses(setOf([1, 2, 7, 1], [3, 2, 16_391, 9], [5, 2, 7, ENDED], [6, 2, 7, 0]));
    assert.deepEqual([isKnown(7, 1, 2), isKnown(16_391, 3, 2)], [true, true]);
    assert.deepEqual(
      [isKnown(7, 5, 2), isKnown(7, 6, 2), isKnown(7, 1, 3), isKnown(8, 1, 2)],
      Array(4).fill(false),
    );
  });

  it('are struck out one by one', () => {
    const set = setOf([1, 2, 7, 1], [3, 2, 7, 1]);
    assert.equal(strike(set, 7, 1, 3), false);
    assert.equal(strike(set, 7, 1, 2), true);
    const isKnown = knownProcesses(set);
    assert.deepEqual([isKnown(7, 1, 2), isKnown(7, 3, 2)], [false, true]);
  });
});
