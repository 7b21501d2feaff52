// SPDX-License-Identifier: Apache-2.0
import type { RecordBatch } from '../../src/decode/record.ts';
import { NO_COUNTS } from '../../src/ledger.ts';
import type { Sensor } from '../../src/sensor/sensor.ts';
import { batchOf } from './records.ts';

/** A source that is fed by hand. */
export class FedSensor implements Sensor {
  readonly hooks = [];
  readonly tier = 'A';
  readonly clockOffset = 0n;
  readonly ringUsed = 0;
  readonly ringBytes = 0;
  /** Types of which the agent wants to hear at once. */
  urgent: number[] = [];
  #onBatch: (batch: RecordBatch) => void = () => {};
  hooksOf = () => [];
  counts = () => NO_COUNTS;
  forget = () => {};
  stop = async () => {};

  hurry(types: Iterable<number>): void {
    this.urgent = [...types];
  }

  start(onBatch: (batch: RecordBatch) => void): void {
    this.#onBatch = onBatch;
  }

  feed(...records: readonly Buffer[]): void {
    this.#onBatch(batchOf(records));
  }
}
