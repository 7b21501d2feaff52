// SPDX-License-Identifier: Apache-2.0

/* Numbers of ebpf/lib/hook-time.h. */
/** Each CPU times one of so many runs. */
export const HOOK_TIME_EVERY = 64;
const BUCKETS = 80;
/** The buckets of OpenTelemetry's exponential histogram of this scale, in seconds: borders at 2^(n / 4). */
const SCALE = 2;
/** The first one begins at 2^-26 s. */
const OFFSET = -26 * 4;
/** Their time in ns stands before the buckets. */
const BEFORE = 1;

/** 64-bit words of struct hook_times. */
export const HOOK_TIME_WORDS: number = BEFORE + BUCKETS;

/** How long the programs of one event ran, of one run in {@link HOOK_TIME_EVERY}: an exponential histogram. */
export class HookTimes {
  readonly scale = SCALE;
  readonly offset = OFFSET;
  /** Runs, also those that were not timed. */
  readonly runs: number;
  /** Seconds, of the timed ones. */
  readonly sum: number;
  /** How many runs were timed. */
  readonly count: number;
  readonly buckets: readonly number[];

  /**
   * @param words struct hook_times, summed over the CPUs
   * @param runs those of struct books, summed likewise
   */
  constructor(words: Float64Array, runs: number) {
    this.runs = runs;
    this.sum = words[0]! / 1e9;
    this.buckets = [...words.subarray(BEFORE)];
    this.count = this.buckets.reduce((sum, count) => sum + count, 0);
  }

  /** Seconds; undefined before anything was timed. */
  get average(): number | undefined {
    return this.count === 0 ? undefined : this.sum / this.count;
  }

  /**
   * Seconds below which this part of the runs stayed, within the width of a bucket (19 %); undefined before anything
   * was timed.
   */
  quantile(part: number): number | undefined {
    let left = Math.ceil(part * this.count);
    if (left === 0) return undefined;
    const index = this.buckets.findIndex((count) => (left -= count) <= 0);
    // The middle of the bucket on its own scale, which is where the error is smallest.
    return 2 ** ((OFFSET + index + 0.5) / 2 ** SCALE);
  }
}
