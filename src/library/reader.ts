// SPDX-License-Identifier: Apache-2.0
import type { ReadableEvent } from '../events/event.ts';
import { GAP_EVENT_NAME, gap } from '../export/gaps.ts';
import * as at from '../semconv.ts';

/** Some 2 kB each: 20 MB, and half a second of a very busy host. */
const BUFFER_RECORDS = 10_000;

const now = () => BigInt(Date.now()) * 1_000_000n;

/**
 * Readable records as they happen, for one reader. A reader that is too slow does not hold up the agent: while its
 * buffer is full the newest records are left out, and in their place it reads one `agentsmith.sensor.gap` for each
 * event, with how many and between which times.
 */
export class RecordReader implements AsyncIterableIterator<ReadableEvent> {
  readonly #max: number;
  readonly #onEnd: (reader: RecordReader) => void;
  #buffer: ReadableEvent[] = [];
  /** Where the next record to read is: shifting an array of thousands is slow. */
  #next = 0;
  readonly #waiting: ((result: IteratorResult<ReadableEvent, undefined>) => void)[] = [];
  /** Left out since the last gap, by event. */
  readonly #left = new Map<string, number>();
  #since = 0n;
  #ended = false;
  /** Records that this reader did not get. */
  missed = 0;

  /** `max`: records that wait for the reader, at least 1. */
  constructor(max: number = BUFFER_RECORDS, onEnd: (reader: RecordReader) => void = () => {}) {
    if (!(Number.isSafeInteger(max) && max >= 1)) throw new RangeError(`a buffer of ${max} records`);
    this.#max = max;
    this.#onEnd = onEnd;
  }

  /** Hands a record over; false = there is no room. */
  push(record: ReadableEvent): boolean {
    if (this.#ended) return false;
    // What the agent lost to slow readers each of them reads in the right place.
    if (record.eventName === GAP_EVENT_NAME && record.attributes[at.GAP_REASON] === 'slow_reader')
      return true;
    const waiting = this.#waiting.shift();
    if (waiting) {
      waiting({ done: false, value: record });
      return true;
    }
    if (this.#buffer.length - this.#next >= this.#max) {
      if (this.#left.size === 0) this.#since = now();
      this.#left.set(record.eventName, (this.#left.get(record.eventName) ?? 0) + 1);
      this.missed++;
      return false;
    }
    this.#tellGap();
    this.#buffer.push(record);
    return true;
  }

  /** Nothing more comes; what waits can still be read. */
  end(): void {
    if (this.#ended) return;
    this.#tellGap();
    this.#ended = true;
    for (const waiting of this.#waiting.splice(0)) waiting({ done: true, value: undefined });
  }

  async next(): Promise<IteratorResult<ReadableEvent, undefined>> {
    const value = this.#buffer[this.#next];
    if (value !== undefined) {
      if (++this.#next >= 1024 || this.#next === this.#buffer.length) {
        this.#buffer = this.#buffer.slice(this.#next);
        this.#next = 0;
      }
      return { done: false, value };
    }
    if (this.#ended) return { done: true, value: undefined };
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Ends this reader alone: `break` in a `for await`. */
  async return(): Promise<IteratorResult<ReadableEvent, undefined>> {
    this.end();
    this.#buffer = [];
    this.#next = 0;
    this.#onEnd(this);
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  #tellGap(): void {
    if (this.#left.size === 0) return;
    const end = now();
    for (const [event, count] of this.#left)
      this.#buffer.push(gap(event, 'slow_reader', count, this.#since, end));
    this.#left.clear();
  }
}
