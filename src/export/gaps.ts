// SPDX-License-Identifier: Apache-2.0
import { type ReadableEvent, Severity } from '../events/event.ts';
import { type KernelCounts, kernelLosses, type Ledger, MIXED } from '../ledger.ts';
import * as at from '../semconv.ts';

export const GAP_EVENT_NAME = 'agentsmith.sensor.gap';

/** Where the kernel's own losses are read. */
export interface KernelLosses {
  readonly events: readonly { readonly type: number; readonly name: string }[];
  counts(type: number): KernelCounts;
}

/** What one process lost to the rate limit, with its block. */
export interface ProcessLoss {
  readonly event: string;
  readonly count: number;
  readonly block: ReadableEvent['attributes'];
}

const RATE_LIMITED = 'rate_limited';

/** How many records of an event are gone for one reason. */
export interface Loss {
  readonly event: string;
  readonly reason: string;
  readonly count: number;
}

/**
 * Turns losses into records of the stream: a consumer sees that something is missing, what, how much, why, and between
 * which times. Nothing is told twice; what could not be told yet is told with what comes after it.
 */
export class Gaps {
  readonly #ledger: Ledger;
  readonly #kernel: KernelLosses;
  readonly #told = new Map<string, number>();
  #since: bigint;

  /** `now`: ns since the epoch, from which on losses are told. */
  constructor(ledger: Ledger, kernel: KernelLosses, now: bigint) {
    this.#ledger = ledger;
    this.#kernel = kernel;
    this.#since = now;
  }

  /** Whether there are losses that were not told. */
  get isDue(): boolean {
    for (const { event, reason, count } of this.losses())
      if (event !== GAP_EVENT_NAME && count > (this.#told.get(`${event} ${reason}`) ?? 0)) return true;
    return false;
  }

  /**
   * One record for each event and reason with losses since the last call.
   *
   * @param limited losses to the rate limit of which the process is known, since the last call
   * @param isLast also tells those of which it is not: before, their process may yet be told
   */
  take(now: bigint, limited: readonly ProcessLoss[] = [], isLast = false): ReadableEvent[] {
    const records: ReadableEvent[] = [];
    for (const { event, count, block } of limited) {
      const record = gap(event, RATE_LIMITED, count, this.#since, now);
      records.push({ ...record, attributes: { ...record.attributes, ...block } });
      const name = `${event} ${RATE_LIMITED}`;
      this.#told.set(name, (this.#told.get(name) ?? 0) + count);
    }
    for (const { event, reason, count } of this.losses()) {
      // A gap record that is lost itself must not make another.
      if (event === GAP_EVENT_NAME) continue;
      if (reason === RATE_LIMITED && !isLast) continue;
      const name = `${event} ${reason}`;
      const more = count - (this.#told.get(name) ?? 0);
      if (more <= 0) continue;
      records.push(gap(event, reason, more, this.#since, now));
      this.#told.set(name, count);
    }
    this.#since = now;
    return records;
  }

  /** Every loss so far, in the kernel and in user space, whether it was told or not. */
  *losses(): Generator<Loss> {
    for (const { type, name } of this.#kernel.events) {
      for (const [reason, count] of kernelLosses(this.#kernel.counts(type)))
        if (count > 0) yield { event: name, reason, count };
    }
    yield* this.#ledger.losses();
  }
}

/** ISO 8601 with milliseconds. */
function iso(nanoseconds: bigint): string {
  return new Date(Number(nanoseconds / 1_000_000n)).toISOString();
}

const UNCLEAN_STOP = 'unclean_stop';

/** What tells that the run before was killed: how many events of which kind are missing, nobody knows. */
export function uncleanStop(start: bigint, end: bigint): ReadableEvent {
  const { attributes, ...record } = gap(MIXED, UNCLEAN_STOP, 0, start, end);
  const { [at.GAP_COUNT]: _unknown, ...known } = attributes;
  return { ...record, body: `events may be missing: ${UNCLEAN_STOP}`, attributes: known };
}

/** The record that tells of a loss. */
export function gap(event: string, reason: string, count: number, start: bigint, end: bigint): ReadableEvent {
  return {
    eventName: GAP_EVENT_NAME,
    severityNumber: Severity.WARN,
    time: end,
    observed: end,
    body: `${count} ${event.replace('agentsmith.', '')} lost: ${reason}`,
    attributes: {
      [at.GAP_EVENT]: event,
      [at.GAP_COUNT]: count,
      [at.GAP_REASON]: reason,
      [at.GAP_START]: iso(start),
      [at.GAP_END]: iso(end),
    },
  };
}
