// SPDX-License-Identifier: Apache-2.0
import { type ReadableEvent, Severity } from '../events/event.ts';
import * as at from '../semconv.ts';

/** More than anybody looks through; some 500 bytes each. */
const PROCESSES_MAX = 4096;
/** More than a terminal has rows. */
const RECENT_MAX = 100;
/** Letters that are kept of a text: more than a terminal has columns. */
const TEXT_MAX = 300;
/** A rate is the mean of about the last five seconds: an event counts 1/e after so long. */
const MEMORY_MS = 5000;
/** Events a second; a process that has ended leaves the table below it, some ten seconds later. */
const FADED = 0.05;

/** Events a second, the older the less. */
class Rate {
  #rate = 0;
  #at = 0;

  add(ms: number): void {
    this.#rate = this.at(ms) + 1000 / MEMORY_MS;
    this.#at = Math.max(ms, this.#at);
  }

  at(ms: number): number {
    return this.#rate * Math.exp(-Math.max(0, ms - this.#at) / MEMORY_MS);
  }
}

/** What is known of a process, for a row of the table. */
export interface ProcessRow {
  readonly pid: number;
  readonly name: string;
  readonly user: string;
  readonly events: number;
  /** Events a second. */
  readonly rate: number;
  /** What it did last: the last word of the event, and the event's line for people. */
  readonly last: string;
  readonly isWarning: boolean;
  readonly hasEnded: boolean;
}

interface Known extends Omit<ProcessRow, 'rate'> {
  readonly rate: Rate;
  readonly lastMs: number;
}

const textOf = (value: unknown): string => `${value ?? ''}`.slice(0, TEXT_MAX);
const milliseconds = (nanoseconds: bigint): number => Number(nanoseconds / 1_000_000n);

/** `connect → 127.0.0.1:1`; some lines for people begin with the word already (`exit 0`). */
function deed(eventName: string, body: string): string {
  const word = eventName.slice(eventName.lastIndexOf('.') + 1);
  return body.startsWith(`${word} `) ? body : `${word} ${body}`;
}

/** Which processes do something, and what happened last: bounded, whatever comes. */
export class Activity {
  readonly #processes = new Map<string, Known>();
  readonly #recent: ReadableEvent[] = [];
  readonly #rate = new Rate();
  readonly #max: number;

  /** @param max processes that are remembered, at least 2; beyond it the half that was still for longest goes */
  constructor(max: number = PROCESSES_MAX) {
    this.#max = max;
  }

  /** One record more; a record without a process (gaps) is among the last events alone. */
  readonly take = (record: ReadableEvent): void => {
    const { attributes, eventName, body, severityNumber } = record;
    this.#recent.push(record);
    if (this.#recent.length > RECENT_MAX) this.#recent.shift();
    const pid = attributes[at.ATTR_PROCESS_PID];
    if (typeof pid !== 'number') return;
    const lastMs = milliseconds(record.time);
    const id = `${attributes[at.PROCESS_ID] ?? pid}`;
    const before = this.#processes.get(id);
    const rate = before?.rate ?? new Rate();
    rate.add(lastMs);
    this.#rate.add(lastMs);
    this.#processes.set(id, {
      pid,
      name: textOf(attributes[at.ATTR_PROCESS_EXECUTABLE_NAME] ?? attributes[at.ATTR_THREAD_NAME]),
      user: textOf(attributes[at.ATTR_PROCESS_USER_NAME] ?? attributes[at.ATTR_PROCESS_USER_ID]),
      events: (before?.events ?? 0) + 1,
      rate,
      last: textOf(deed(eventName, body ?? '')),
      isWarning: severityNumber >= Severity.WARN,
      hasEnded: eventName === 'agentsmith.process.exit',
      lastMs,
    });
    if (this.#processes.size > this.#max) this.#forget();
  };

  #forget(): void {
    const oldest = [...this.#processes].sort(([, a], [, b]) => a.lastMs - b.lastMs);
    for (const [id] of oldest.slice(0, Math.ceil(this.#max / 2))) this.#processes.delete(id);
  }

  /** The busiest processes, at most `max`; `nowMs` since the epoch. What has ended and faded is forgotten. */
  rows(nowMs: number, max: number): readonly ProcessRow[] {
    const rows: (ProcessRow & { readonly lastMs: number })[] = [];
    for (const [id, known] of this.#processes) {
      const rate = known.rate.at(nowMs);
      if (known.hasEnded && rate < FADED) this.#processes.delete(id);
      else rows.push({ ...known, rate });
    }
    // Rates that look alike must not make the rows change places all the time.
    const shown = (rate: number) => Math.round(rate * 10);
    rows.sort((a, b) => shown(b.rate) - shown(a.rate) || b.lastMs - a.lastMs || a.pid - b.pid);
    return rows.slice(0, max);
  }

  /** Processes that are remembered. */
  get size(): number {
    return this.#processes.size;
  }

  /** Events a second, of all processes. */
  rate(nowMs: number): number {
    return this.#rate.at(nowMs);
  }

  /** The last records, the newest last. */
  recent(max: number): readonly ReadableEvent[] {
    return max <= 0 ? [] : this.#recent.slice(-max);
  }
}
