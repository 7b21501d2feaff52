// SPDX-License-Identifier: Apache-2.0
import { setImmediate as turn } from 'node:timers/promises';
import { RecordBatch } from '../../src/decode/record.ts';
import { type KernelCounts, NO_COUNTS } from '../../src/ledger.ts';
import type { Sensor } from '../../src/sensor/sensor.ts';
import type { Drain, Workload } from './workload.ts';

/** The buffer that the addon drains into (addon/sensor.cc). */
const BUFFER_BYTES = (1 << 20) + (1 << 16);

/** A sensor that gives a workload over and over: each drain is copied into one buffer, as the addon copies the ring. */
export class FeedSensor implements Sensor {
  readonly hooks = [];
  readonly hooksOf = () => [];
  readonly tier = undefined;
  readonly ringUsed = 0;
  readonly ringBytes = 0;
  readonly clockOffset = 1_763_000_000_123_456_789n;
  /** Exported events given so far. */
  fed = 0;
  readonly #workload: Workload;
  readonly #buffer = new ArrayBuffer(BUFFER_BYTES);
  readonly #bytes = new Uint8Array(this.#buffer);
  readonly #words = new Uint32Array(this.#buffer);
  readonly #batch = new RecordBatch(this.#buffer);
  #onBatch: (batch: RecordBatch) => void = () => {};
  #next = 0;
  #pass = 0;

  constructor(workload: Workload) {
    this.#workload = workload;
  }

  start(onBatch: (batch: RecordBatch) => void): void {
    this.#onBatch = onBatch;
    this.#deliver(this.#workload.introductions);
  }

  /** Gives the next drain. */
  step(): void {
    const { drains } = this.#workload;
    const drain = drains[this.#next]!;
    this.#next = (this.#next + 1) % drains.length;
    if (this.#next === 0) this.#pass++;
    this.#deliver(drain);
    this.fed += drain.events;
  }

  /** Gives drains until `done`, each in a turn of its own, as fast as `ready` lets it. */
  async run(done: () => boolean, ready: () => Promise<void> | undefined): Promise<void> {
    while (!done()) {
      this.step();
      await turn();
      await ready();
    }
  }

  #deliver({ bytes, starts }: Drain): void {
    this.#bytes.set(bytes);
    for (const word of starts) this.#words[word]! += this.#pass;
    this.#onBatch(this.#batch.load(bytes.length, BigInt(Date.now()) * 1_000_000n));
  }

  async stop(): Promise<void> {}

  counts(): KernelCounts {
    return NO_COUNTS;
  }

  forget(): void {}
}
