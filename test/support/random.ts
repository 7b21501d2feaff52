// SPDX-License-Identifier: Apache-2.0

/** Numbers that look random and come again with the same seed (mulberry32): some ns each, which generators have not. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** An integer from 0 to `end` - 1. */
  below(end: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((((mixed ^ (mixed >>> 14)) >>> 0) * end) / 4294967296) >>> 0;
  }

  /** One of them. */
  of<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!;
  }
}
