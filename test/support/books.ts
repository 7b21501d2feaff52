// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { EventType, processExec } from '../../src/decode/layout.gen.ts';
import type { RawEvent } from '../../src/decode/record.ts';
import { kernelLosses } from '../../src/ledger.ts';
import type { Sensor } from '../../src/sensor/sensor.ts';

const { header } = processExec;

/** Counts what comes out of the ring, of every process, to compare it with what the kernel says it put there. */
export class Books {
  /** Records by event type. */
  readonly received: number[] = new Array(EventType.TYPES).fill(0);
  /** By CPU. */
  readonly #sequences = new Map<number, { first: number; last: number; count: number }>();

  enter(event: RawEvent): void {
    this.received[event.type]!++;
    const sequence = event.number64(header.sequence);
    if (sequence === 0) return;
    const cpu = event.u16(header.cpu);
    const seen = this.#sequences.get(cpu) ?? { first: sequence, last: sequence, count: 0 };
    seen.first = Math.min(seen.first, sequence);
    seen.last = Math.max(seen.last, sequence);
    seen.count++;
    this.#sequences.set(cpu, seen);
  }

  /** After the end: every attempt is accounted for, what was sent has come, and only lost numbers are missing. */
  close(sensor: Sensor): void {
    let lost = 0;
    for (let type: number = EventType.PROCESS; type < EventType.TYPES; type++) {
      const counts = sensor.counts(type);
      const { attempted, submitted, filtered } = counts;
      const refused = kernelLosses(counts).reduce((sum, [, count]) => sum + count, 0);
      assert.equal(attempted, submitted + filtered + refused, `attempts of event type ${type}`);
      assert.equal(this.received[type], submitted, `records received of event type ${type}`);
      if (type >= EventType.PROCESS_EXEC) lost += refused;
    }
    let missing = 0;
    for (const { first, last, count } of this.#sequences.values()) missing += last - first + 1 - count;
    // Numbers before the first and behind the last that came cannot be missed.
    assert.ok(missing <= lost, `${missing} numbers missing, ${lost} records lost`);
  }
}
