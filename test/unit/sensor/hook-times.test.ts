// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { HOOK_TIME_WORDS, HookTimes } from '../../../src/sensor/hook-times.ts';

/** Words as the kernel counts them: nanoseconds, buckets. */
function times(runs: number, nanoseconds: number, buckets: Readonly<Record<number, number>>): HookTimes {
  const words = new Float64Array(HOOK_TIME_WORDS);
  words[0] = nanoseconds;
  for (const [bucket, count] of Object.entries(buckets)) words[1 + Number(bucket)] = count;
  return new HookTimes(words, runs);
}

describe('HookTimes', () => {
  it('knows nothing before anything was timed', () => {
    const none = times(0, 0, {});
    assert.deepEqual([none.count, none.average, none.quantile(0.5)], [0, undefined, undefined]);
  });

  it('tells the average of what was timed, in seconds', () => {
    const { runs, count, average } = times(250, 4000, { 24: 3, 28: 1 });
    assert.deepEqual([runs, count, average], [250, 4, 1e-6]);
  });

  it('tells quantiles within the bucket that holds them', () => {
    // Bucket 24 lies from 2^-20 s (0.95 µs) to 2^-19.75 s, bucket 44 from 2^-15 s on.
    const of = times(6400, 1, { 24: 90, 44: 10 });
    for (const part of [0.01, 0.5, 0.9]) {
      assert.ok(of.quantile(part)! > 2 ** -20 && of.quantile(part)! < 2 ** -19.75, `${part}`);
    }
    for (const part of [0.91, 0.99, 1])
      assert.ok(of.quantile(part)! > 2 ** -15 && of.quantile(part)! < 2 ** -14.75);
  });
});
