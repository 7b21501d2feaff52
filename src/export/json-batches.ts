// SPDX-License-Identifier: Apache-2.0
import type { RawEvent } from '../decode/record.ts';
import type { Process } from '../enrich/process.ts';
import { type ReadableEvent, type RunnableEvent, Severity } from '../events/event.ts';
import type { Batch } from './batch.ts';
import { AGE_MS, RECORDS_MAX, REQUEST_MAX, URGENT_AGE_MS } from './batches.ts';

/** The text around the records of a request, as the official serializer writes it. */
export interface JsonEnvelope {
  readonly head: Uint8Array;
  readonly tail: Uint8Array;
}

export interface JsonBatchesOptions {
  readonly envelope: JsonEnvelope;
  /** As those of `Batches`. */
  readonly maxRecords?: number;
  readonly ageMs?: number;
  /** One LogRecord in OTLP's JSON. */
  encode(record: ReadableEvent): Uint8Array;
  onBatch(batch: Batch): void;
}

/** Between records. JSON escapes line breaks inside of strings, so this one is where a batch can be divided. */
const DIVIDER = Buffer.from(',\n');
const LINE_BREAK = 0x0a;

/**
 * Batches for http/json: like `Batches`, but each record goes through its readable form and the official serializer,
 * some thirty times the CPU. It is there for receivers that take nothing else.
 */
export class JsonBatches {
  observed = 0n;
  readonly #options: JsonBatchesOptions;
  readonly #maxRecords: number;
  readonly #ageMs: number;
  readonly #types = new Uint8Array(RECORDS_MAX);
  #records: Uint8Array[] = [];
  #size = 0;
  #timer: NodeJS.Timeout | undefined;
  #urgent = false;

  constructor(options: JsonBatchesOptions) {
    this.#options = options;
    this.#maxRecords = Math.min(options.maxRecords ?? RECORDS_MAX, RECORDS_MAX);
    this.#ageMs = options.ageMs ?? AGE_MS;
  }

  /** Records in the open batch. */
  get open(): number {
    return this.#records.length;
  }

  /** Appends one event as LogRecord. */
  append(definition: RunnableEvent, event: RawEvent, process: Process): void {
    const record = this.#options.encode(definition.read(event, process, this.observed));
    this.appendRecord(record, definition.type, definition.severityOf(event));
  }

  /** Appends a record that is JSON already. False = it alone is more than a request may be. */
  appendRecord(record: Uint8Array, type: number, severity: number): boolean {
    if (record.length > REQUEST_MAX) return false;
    if (this.#size + record.length > REQUEST_MAX) this.close();
    this.#types[this.#records.length] = type;
    this.#records.push(record);
    this.#size += record.length + DIVIDER.length;
    if (this.#records.length === this.#maxRecords) {
      this.close();
      return true;
    }
    const isUrgent = severity >= Severity.WARN;
    if (this.#timer !== undefined && (!isUrgent || this.#urgent)) return true;
    clearTimeout(this.#timer);
    this.#urgent = isUrgent;
    this.#timer = setTimeout(
      () => this.close(),
      isUrgent ? Math.min(URGENT_AGE_MS, this.#ageMs) : this.#ageMs,
    );
    return true;
  }

  /** Closes the open batch and hands it over; nothing happens when it is empty. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#urgent = false;
    const records = this.#records;
    if (records.length === 0) return;
    this.#records = [];
    this.#size = 0;
    const parts = records.flatMap((record, i) => (i === 0 ? [record] : [DIVIDER, record]));
    this.#options.onBatch(
      wrap(this.#options.envelope, Buffer.concat(parts), this.#types.slice(0, records.length)),
    );
  }

  /** Buffers are not used again. */
  recycle(): void {}

  trim(): void {}
}

function wrap({ head, tail }: JsonEnvelope, records: Uint8Array, types: Uint8Array): Batch {
  const bytes = Buffer.concat([head, records, tail]);
  return { bytes, types, recordsStart: head.length, recordsEnd: head.length + records.length };
}

/** Splits a batch that a receiver finds too large into two requests; undefined when it holds a single record. */
export function splitJsonBatch(batch: Batch, envelope: JsonEnvelope): [Batch, Batch] | undefined {
  if (batch.types.length < 2) return undefined;
  const { bytes, types, recordsStart, recordsEnd } = batch;
  const half = (recordsStart + recordsEnd) / 2;
  let index = 1;
  let at = bytes.indexOf(LINE_BREAK, recordsStart);
  for (; index < types.length - 1 && at < half; index++) at = bytes.indexOf(LINE_BREAK, at + 1);
  return [
    wrap(envelope, bytes.subarray(recordsStart, at + 1 - DIVIDER.length), types.subarray(0, index)),
    wrap(envelope, bytes.subarray(at + 1, recordsEnd), types.subarray(index)),
  ];
}
