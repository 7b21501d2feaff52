// SPDX-License-Identifier: Apache-2.0
import { budget } from '../decode/layout.gen.ts';

/** Events of one process that were above the rate limit since the last look. */
export interface Limited {
  readonly pid: number;
  /** Start of the process, ns since boot, by its halves. */
  readonly startLow: number;
  readonly startHigh: number;
  /** enum event_type */
  readonly type: number;
  readonly count: number;
}

/** struct process_key: u64 start, u32 pid, padding. */
const KEY_SIZE = 16;
const TYPES = budget.refused.length;

/** Tells what the kernel's `budgets` map says anew: its counts only grow, and an evicted entry is forgotten here too. */
export class Budgets {
  #told = new Map<string, BigUint64Array>();

  /** `keys` and `values`: all entries of the map, one behind the other. */
  read(keys: Buffer, values: Buffer): readonly Limited[] {
    const limited: Limited[] = [];
    const seen = new Map<string, BigUint64Array>();
    for (let i = 0; i < keys.length / KEY_SIZE; i++) {
      const key = keys.subarray(i * KEY_SIZE, (i + 1) * KEY_SIZE);
      const at = i * budget.SIZE + budget.refused.offset;
      const counts = new BigUint64Array(TYPES);
      for (let type = 0; type < TYPES; type++) counts[type] = values.readBigUInt64LE(at + 8 * type);
      if (counts.every((count) => count === 0n)) continue;
      const id = key.toString('latin1');
      const told = this.#told.get(id);
      seen.set(id, counts);
      for (const [type, count] of counts.entries()) {
        const more = Number(count - (told?.[type] ?? 0n));
        if (more <= 0) continue;
        limited.push({
          pid: key.readUInt32LE(8),
          startLow: key.readUInt32LE(0),
          startHigh: key.readUInt32LE(4),
          type,
          count: more,
        });
      }
    }
    this.#told = seen;
    return limited;
  }
}
