// SPDX-License-Identifier: Apache-2.0
import type { RawEvent } from '../decode/record.ts';
import type { Process } from '../enrich/process.ts';
import { type RunnableEvent, Severity } from '../events/event.ts';
import { varintSize } from '../otlp-bytes.ts';
import { Writer } from '../otlp-writer.ts';
import type { Batch } from './batch.ts';

/** Receivers take 4 MiB unless told otherwise (gRPC's default); 3.5 leaves room for headers and for a surprise. */
export const REQUEST_MAX = 3.5 * 1024 * 1024;
/**
 * The largest record: 64 KiB from the ring, each byte escaped to four; cwd twice more (script, interpreter), the
 * executable twice (path, name), 16 ancestors, keys.
 */
const RECORD_MAX = 384 * 1024;
/** A batch is closed after as many records at the latest: one byte each is kept for the counters. */
export const RECORDS_MAX = 16_384;
/** A record waits for company no longer than this; a warning leaves with the next tick. */
export const AGE_MS = 200;
export const URGENT_AGE_MS = 20;
/**
 * Whole batches kept for use again: as many as a queue of 64 MiB holds. What is not kept stays resident until V8 collects it, and
 * meanwhile others are allocated; what nobody needs any more goes with {@link Batches.trim}.
 */
const SPARE_MAX = 20;
/** The same for copies, of which most have about the same size. */
const COPIES_MAX = 4;
/**
 * Copies of batches from this size on are kept for use again, too: at 5,000 events/s they would be 7 MiB a second, for which V8
 * looks through the whole heap every few seconds.
 */
const COPY_MIN = 64 * 1024;
/** A buffer of which so much more was filled than twice what is needed now is not worth another. */
const SLACK = 256 * 1024;

/** Resource and scope as they stand around the records, encoded once. */
export interface Envelope {
  /** `ResourceLogs.resource` (field 1), tag and length included. */
  readonly resource: Uint8Array;
  /** `ScopeLogs.scope` (field 1), tag and length included. */
  readonly scope: Uint8Array;
  /** What follows the records in ScopeLogs: `schema_url` (field 3), or nothing. */
  readonly schemaUrl: Uint8Array;
}

export interface BatchesOptions {
  readonly envelope: Envelope;
  /** Records of a batch, at most; 16,384 by default, and no more than that. */
  readonly maxRecords?: number;
  /** A record waits for company no longer than this; 200 ms by default. */
  readonly ageMs?: number;
  /** Takes a closed batch; it must not be changed any more. */
  onBatch(batch: Batch): void;
}

/**
 * Records become bytes of an open batch; a closed batch is one complete request. Closed by size, count or age, so that
 * nothing waits long and no request is too large.
 */
export class Batches {
  readonly #envelope: Envelope;
  readonly #onBatch: (batch: Batch) => void;
  readonly #maxRecords: number;
  readonly #ageMs: number;
  /** Bytes before the first record: room for tags, lengths, resource and scope. */
  readonly #headroom: number;
  readonly #spare: Buffer[] = [];
  /** The same for copies, the oldest first. */
  readonly #copies: Buffer[] = [];
  /** The memory that was allocated here. */
  readonly #own = new WeakSet<ArrayBufferLike>();
  readonly #writer: Writer;
  readonly #types = new Uint8Array(RECORDS_MAX);
  #count = 0;
  #timer: NodeJS.Timeout | undefined;
  #urgent = false;
  readonly #observed = new Uint32Array(2);
  /** Up to where the writer's buffer was ever filled: so much of it is resident. */
  #touched = 0;
  /** The same of all buffers since the last {@link trim}. */
  #peak = 0;
  /** The next batch gets another buffer. */
  #isWorn = false;

  constructor(options: BatchesOptions) {
    this.#envelope = options.envelope;
    this.#onBatch = options.onBatch;
    this.#maxRecords = Math.min(options.maxRecords ?? RECORDS_MAX, RECORDS_MAX);
    this.#ageMs = options.ageMs ?? AGE_MS;
    this.#headroom = 12 + options.envelope.resource.length + options.envelope.scope.length;
    this.#writer = new Writer(this.#allocate(REQUEST_MAX + RECORD_MAX));
    this.#writer.at = this.#headroom;
  }

  /** Records in the open batch. */
  get open(): number {
    return this.#count;
  }

  /** Wall time at which the records that follow were read, ns since the epoch. */
  set observed(time: bigint) {
    this.#observed[0] = Number(BigInt.asUintN(32, time));
    this.#observed[1] = Number(time >> 32n);
  }

  /** Appends one event as LogRecord, straight from its ring bytes. @throws what a column throws */
  append(definition: RunnableEvent, event: RawEvent, process: Process): void {
    const out = this.#writer;
    const start = this.#begin();
    try {
      definition.write(event, process, this.#observed, out);
      if (out.at - start > RECORD_MAX) throw new RangeError('the record is too large');
    } catch (error) {
      // A column of a user's own: nothing of the record may stay.
      out.at = start - 3;
      throw error;
    }
    this.#end(start, definition.type, definition.severityOf(event));
  }

  /** Appends a record that is LogRecord bytes already; false = it is larger than a record may be. */
  appendRecord(record: Uint8Array, type: number, severity: number): boolean {
    if (record.length > RECORD_MAX) return false;
    const start = this.#begin();
    this.#writer.copy(record, 0, record.length);
    this.#end(start, type, severity);
    return true;
  }

  /** ScopeLogs.log_records (field 2); two bytes are kept for the length, as nearly every record needs them. */
  #begin(): number {
    const out = this.#writer;
    out.byte(0x12);
    out.at += 2;
    return out.at;
  }

  #end(start: number, type: number, severity: number): void {
    const out = this.#writer;
    const length = out.at - start;
    const size = varintSize(length);
    if (size !== 2) out.bytes.copyWithin(start - 2 + size, start, out.at);
    out.at = start - 2;
    out.varint(length);
    out.at += length;
    this.#types[this.#count++] = type;
    if (out.at > REQUEST_MAX - RECORD_MAX || this.#count === this.#maxRecords) {
      this.close();
      return;
    }
    const urgent = severity >= Severity.WARN;
    if (this.#timer === undefined || (urgent && !this.#urgent)) this.#arm(urgent);
  }

  /** Apart from where each record passes: a function that makes closures allocates, even when it makes none. */
  #arm(urgent: boolean): void {
    clearTimeout(this.#timer);
    this.#urgent = urgent;
    this.#timer = setTimeout(() => this.close(), urgent ? Math.min(URGENT_AGE_MS, this.#ageMs) : this.#ageMs);
  }

  /** Closes the open batch and hands it over; nothing happens when it is empty. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#urgent = false;
    if (this.#count === 0) return;
    const out = this.#writer;
    const recordsEnd = out.at;
    out.copy(this.#envelope.schemaUrl, 0, this.#envelope.schemaUrl.length);
    const start = sealEnvelope(out.bytes, this.#headroom, out.at, this.#envelope);
    const whole = out.bytes.subarray(start, out.at);
    this.#peak = Math.max(this.#peak, out.at);
    this.#touched = Math.max(this.#touched, out.at);
    // A small batch is copied, so that what waits in a queue takes no more memory than its bytes.
    const keep = whole.length > REQUEST_MAX / 2;
    const batch: Batch = {
      bytes: keep ? whole : this.#copy(whole),
      types: this.#types.slice(0, this.#count),
      recordsStart: this.#headroom - start,
      recordsEnd: recordsEnd - start,
    };
    // The next batch is open before this one is handed over: a full queue may append a record about its loss.
    this.#count = 0;
    if (keep || this.#isWorn) this.#refill();
    out.at = this.#headroom;
    this.#onBatch(batch);
  }

  /** The next batch goes into a buffer that was used before, or into a new one. */
  #refill(): void {
    const spare = this.#spare.pop();
    this.#writer.reset(spare ?? this.#allocate(REQUEST_MAX + RECORD_MAX));
    this.#touched = spare ? REQUEST_MAX : 0;
    this.#isWorn = false;
  }

  /** To be called about once a minute: what a storm filled and no batch since the last call needed is let go. */
  trim(): void {
    const peak = this.#peak;
    this.#peak = 0;
    if (peak <= REQUEST_MAX / 2) this.#spare.length = 0;
    const fitting = this.#copies.filter(({ length }) => length <= 2 * peak);
    this.#copies.splice(0, Number.POSITIVE_INFINITY, ...fitting);
    this.#isWorn = this.#touched > 2 * peak + SLACK;
  }

  /** The bytes in memory of their own: hardly more than they need, or of a batch before, and then they fill half at least. */
  #copy(bytes: Buffer): Buffer {
    const { length } = bytes;
    if (length < COPY_MIN) return Buffer.from(bytes);
    const fitting = this.#copies.findIndex((copy) => copy.length >= length && copy.length <= 2 * length);
    const room =
      fitting < 0
        ? this.#allocate(Math.ceil(length / COPY_MIN) * COPY_MIN)
        : this.#copies.splice(fitting, 1)[0]!;
    bytes.copy(room);
    return room.subarray(0, length);
  }

  #allocate(length: number): Buffer {
    const buffer = Buffer.allocUnsafeSlow(length);
    this.#own.add(buffer.buffer);
    return buffer;
  }

  /** Takes back the buffer of a batch that nobody needs any more. */
  recycle(batch: Batch): void {
    const { buffer } = batch.bytes;
    // Batches from the disk may share theirs.
    if (!this.#own.has(buffer)) return;
    // Taken back twice it would be filled twice at once.
    const isHere = (each: Buffer) => each.buffer === buffer;
    if (isHere(this.#writer.bytes) || this.#spare.some(isHere) || this.#copies.some(isHere)) return;
    const isWhole = buffer.byteLength === REQUEST_MAX + RECORD_MAX;
    if (isWhole && this.#spare.length < SPARE_MAX) this.#spare.push(Buffer.from(buffer));
    if (isWhole) return;
    this.#copies.push(Buffer.from(buffer));
    if (this.#copies.length > COPIES_MAX) this.#copies.shift();
  }
}

/** Writes resource, scope and lengths right before the records at `recordsStart`; returns where the request starts. */
function sealEnvelope(bytes: Uint8Array, recordsStart: number, end: number, envelope: Envelope): number {
  let at = recordsStart;
  const before = (part: Uint8Array) => {
    at -= part.length;
    bytes.set(part, at);
  };
  const field = (tag: number) => {
    const length = end - at;
    at -= 1 + varintSize(length);
    const writer = new Writer(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    writer.at = at;
    writer.byte(tag);
    writer.varint(length);
  };
  before(envelope.scope);
  field(0x12);
  before(envelope.resource);
  field(0x0a);
  return at;
}

/** The record boundary nearest to the middle, as an index into `batch.types` and an offset into `batch.bytes`. */
function middle(batch: Batch): { index: number; offset: number } {
  const half = (batch.recordsStart + batch.recordsEnd) / 2;
  let offset = batch.recordsStart;
  let index = 0;
  while (index < batch.types.length - 1 && (index === 0 || offset < half)) {
    let length = 0;
    let at = offset + 1;
    for (let shift = 1; ; shift *= 128) {
      const byte = batch.bytes[at++]!;
      length += (byte & 127) * shift;
      if (byte < 128) break;
    }
    offset = at + length;
    index++;
  }
  return { index, offset };
}

/** Splits a batch that a receiver finds too large into two requests; undefined when it holds a single record. */
export function splitBatch(batch: Batch, envelope: Envelope): [Batch, Batch] | undefined {
  if (batch.types.length < 2) return undefined;
  const { index, offset } = middle(batch);
  const part = (from: number, to: number, types: Uint8Array): Batch => {
    const headroom = 12 + envelope.resource.length + envelope.scope.length;
    const bytes = Buffer.alloc(headroom + to - from + envelope.schemaUrl.length);
    bytes.set(batch.bytes.subarray(from, to), headroom);
    bytes.set(envelope.schemaUrl, headroom + to - from);
    const start = sealEnvelope(bytes, headroom, bytes.length, envelope);
    return {
      bytes: bytes.subarray(start),
      types,
      recordsStart: headroom - start,
      recordsEnd: headroom + to - from - start,
    };
  };
  return [
    part(batch.recordsStart, offset, batch.types.subarray(0, index)),
    part(offset, batch.recordsEnd, batch.types.subarray(index)),
  ];
}
