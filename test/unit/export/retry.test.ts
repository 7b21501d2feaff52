// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { INITIAL_DELAY_MS, MAX_DELAY_MS, MAX_RETRY_INFO_MS, nextDelay } from '../../../src/export/retry.ts';

// What is done with the delays: sender.test.ts.

const lowest = () => 0;
const highest = () => 1 - Number.EPSILON;

describe('nextDelay', () => {
  it('spreads the delay over the whole interval', () => {
    assert.equal(nextDelay(1, undefined, lowest), 0);
    assert.equal(
      nextDelay(1, undefined, () => 0.5),
      INITIAL_DELAY_MS / 2,
    );
    assert.ok(nextDelay(1, undefined, highest) <= INITIAL_DELAY_MS);
  });

  it('grows with each attempt up to its maximum', () => {
    const delays = Array.from({ length: 40 }, (_, i) => nextDelay(i + 1, undefined, highest));
    for (const [i, delay] of delays.entries()) {
      assert.ok(delay <= MAX_DELAY_MS, `attempt ${i + 1} waits ${delay} ms`);
      if (i > 0) assert.ok(delay >= delays[i - 1]!, `attempt ${i + 1} waits less than the one before`);
    }
    assert.ok(delays[3]! > 3 * INITIAL_DELAY_MS);
    assert.equal(Math.round(delays[39]!), MAX_DELAY_MS);
  });

  it('survives any number of attempts', () => {
    assert.equal(
      nextDelay(1e9, undefined, () => 0.5),
      MAX_DELAY_MS / 2,
    );
  });

  it('never waits less than the receiver asked for', () => {
    for (const random of [lowest, () => 0.5, highest]) {
      const delay = nextDelay(1, 7_000, random);
      assert.ok(delay >= 7_000 && delay <= 7_000 + INITIAL_DELAY_MS, `${delay}`);
    }
  });

  it('does not let a receiver switch it off', () => {
    assert.equal(nextDelay(1, 1e15, lowest), MAX_RETRY_INFO_MS);
    assert.equal(nextDelay(1, -5, lowest), 0);
  });
});
