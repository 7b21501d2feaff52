// SPDX-License-Identifier: Apache-2.0

/**
 * Boot time to wall time. 64-bit nanoseconds never pass through a JS number: the offset is kept as two 32-bit halves,
 * and {@link Clock.wallLow} and {@link Clock.wallHigh} add it to the two halves of a kernel timestamp.
 */
export class Clock {
  /** Wall time minus boot time, nanoseconds. */
  #offset = 0n;
  #low = 0;
  #high = 0;

  get offset(): bigint {
    return this.#offset;
  }

  set offset(nanoseconds: bigint) {
    this.#offset = nanoseconds;
    this.#low = Number(BigInt.asUintN(32, nanoseconds));
    this.#high = Number(BigInt.asUintN(32, nanoseconds >> 32n));
  }

  /** Low half of the wall time, ns since the epoch, of a boot time given by its low half. */
  wallLow(bootLow: number): number {
    return (bootLow + this.#low) >>> 0;
  }

  /** High half of the wall time of a boot time given by both halves. */
  wallHigh(bootLow: number, bootHigh: number): number {
    return (bootHigh + this.#high + (bootLow + this.#low > 0xffffffff ? 1 : 0)) >>> 0;
  }

  /** Wall time in ns since the epoch. */
  wall(bootLow: number, bootHigh: number): bigint {
    return (BigInt(this.wallHigh(bootLow, bootHigh)) << 32n) | BigInt(this.wallLow(bootLow));
  }
}
