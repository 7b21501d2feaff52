// SPDX-License-Identifier: Apache-2.0

/** Why records were lost: one enumeration for metrics and for `agentsmith.sensor.gap` (docs/metrics.md). */
export type LossReason =
  | 'ring_full'
  | 'reserved'
  | 'rate_limited'
  | 'no_memory'
  | 'malformed'
  | 'incomplete'
  | 'queue_full'
  | 'shed'
  | 'too_large'
  | 'spool_full'
  | 'spool_corrupt'
  | 'rejected'
  | 'write_failed'
  | 'slow_reader'
  | 'shutdown';

/** Of a batch the ledger needs the event type of each record. */
type Records = { readonly types: Uint8Array };

/** The kernel's own words per event type (struct counters), summed over the CPUs, as the sensor reads them. */
export interface KernelCounts {
  readonly attempted: number;
  readonly submitted: number;
  readonly filtered: number;
  readonly ringFull: number;
  readonly reserved: number;
  readonly rateLimited: number;
  readonly noMemory: number;
}

/** What the kernel's counters say of losses. */
export function kernelLosses(counts: KernelCounts): readonly (readonly [LossReason, number])[] {
  return [
    ['ring_full', counts.ringFull],
    ['reserved', counts.reserved],
    ['rate_limited', counts.rateLimited],
    ['no_memory', counts.noMemory],
  ];
}

export const NO_COUNTS: KernelCounts = {
  attempted: 0,
  submitted: 0,
  filtered: 0,
  ringFull: 0,
  reserved: 0,
  rateLimited: 0,
  noMemory: 0,
};

/** The row for losses of which no event type is known: partial success names none. */
export const MIXED = 'mixed';
/** The row for records on disk whose event is not known to this run. */
export const UNKNOWN = 'unknown';

/** Event types are small: those of ebpf/events.h, and behind them the names that user space and the spool add. */
export const TYPES_MAX = 96;
/** Behind all that ebpf/events.h may grow to. */
const FIRST_OWN_TYPE = 48;

/**
 * Where every record is: counted by event type in typed arrays, so that counting costs nothing, and read by metrics,
 * gap records and the last lines on exit. Equations: docs/metrics.md.
 */
export class Ledger {
  readonly #names: string[] = [];
  readonly received: Float64Array = new Float64Array(TYPES_MAX);
  readonly exported: Float64Array = new Float64Array(TYPES_MAX);
  readonly filtered: Float64Array = new Float64Array(TYPES_MAX);
  /** Records that lie on disk now. */
  readonly spooled: Float64Array = new Float64Array(TYPES_MAX);
  /** Records that an earlier run left on disk. */
  readonly recovered: Float64Array = new Float64Array(TYPES_MAX);
  readonly #lost = new Map<LossReason, Float64Array>();
  readonly #mixed = new Map<LossReason, number>();
  /** Records of batches that were taken in part: which of their events arrived, nobody knows. */
  exportedMixed = 0;
  /** When a receiver last took something, ms since the epoch. */
  exportedAt: number | undefined;
  /** Records that an earlier run left and of which the event can no longer be read. */
  recoveredMixed = 0;

  /** `names[type]` is the event's name; records of a type without a name stand outside the ledger. */
  constructor(names: ReadonlyMap<number, string>) {
    for (const [type, name] of names) this.#names[type] = name;
  }

  /** From now on records of this type are counted under the name. */
  add(type: number, name: string): void {
    this.#names[type] = name;
  }

  /** The type of an event that only user space makes (gaps, start, stop); the same for the same name. */
  typeOf(name: string): number {
    const found = this.#names.indexOf(name);
    if (found >= 0) return found;
    const type = Math.max(this.#names.length, FIRST_OWN_TYPE);
    if (type >= TYPES_MAX) throw new RangeError('too many event types');
    this.#names[type] = name;
    return type;
  }

  name(type: number): string | undefined {
    return this.#names[type];
  }

  /** [type, name] of everything that is counted. */
  *types(): Generator<[number, string]> {
    for (const [type, name] of this.#names.entries()) if (name) yield [type, name];
  }

  exportedBatch(batch: Records): void {
    for (const type of batch.types) this.exported[type]!++;
    this.exportedAt = Date.now();
  }

  lostBatch(batch: Records, reason: LossReason): void {
    const counts = this.#row(reason);
    for (const type of batch.types) counts[type]!++;
  }

  lost(type: number, reason: LossReason, count = 1): void {
    this.#row(reason)[type]! += count;
  }

  /** The receiver took the batch but refused `rejected` of its records, and does not say which. */
  exportedPartly(batch: Records, rejected: number): void {
    this.exportedMixed += batch.types.length - rejected;
    this.exportedAt = Date.now();
    this.lostMixed('rejected', rejected);
  }

  /** What was received and became neither exported nor filtered nor lost is lost now. */
  loseRest(reason: LossReason): void {
    for (const [type] of this.types()) {
      let left = this.received[type]! + this.recovered[type]!;
      left -= this.exported[type]! + this.filtered[type]! + this.spooled[type]!;
      for (const counts of this.#lost.values()) left -= counts[type]!;
      if (left > 0) this.lost(type, reason, left);
    }
  }

  /** Losses of which the event type is not known. */
  lostMixed(reason: LossReason, count: number): void {
    this.#mixed.set(reason, (this.#mixed.get(reason) ?? 0) + count);
  }

  /** Every loss of user space so far. */
  *losses(): Generator<{ event: string; reason: LossReason; count: number }> {
    for (const [reason, counts] of this.#lost) {
      for (const [type, name] of this.types())
        if (counts[type]) yield { event: name, reason, count: counts[type]! };
    }
    for (const [reason, count] of this.#mixed) yield { event: MIXED, reason, count };
  }

  #row(reason: LossReason): Float64Array {
    let row = this.#lost.get(reason);
    if (!row) this.#lost.set(reason, (row = new Float64Array(TYPES_MAX)));
    return row;
  }
}
