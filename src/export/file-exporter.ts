// SPDX-License-Identifier: Apache-2.0
import type { Logger } from '@opentelemetry/api';
import type { Resource } from '@opentelemetry/resources';
import type { RawEvent } from '../decode/record.ts';
import type { Process } from '../enrich/process.ts';
import type { ReadableEvent, RunnableEvent } from '../events/event.ts';
import type { Ledger } from '../ledger.ts';
import type { Batch } from './batch.ts';
import { Batches } from './batches.ts';
import type { Exporter } from './exporter.ts';
import { type FileOptions, type OutputFileError, outputError, RotatingFile, tryOutput } from './file.ts';
import { JsonLines, type Line } from './file-json.ts';
import {
  createLoggerProvider,
  emit,
  envelopeOf,
  loggerOf,
  protobufRecord,
  type RecordEncoder,
} from './otel.ts';

/** News of the file: it fails, for a new reason; it takes records again; it ends. `missing`: records it lacks since. */
export type FileStatus =
  | { readonly kind: 'failed'; readonly error: OutputFileError }
  | { readonly kind: 'recovered' | 'ended'; readonly missing: number };

export interface FileExporterOptions extends FileOptions {
  readonly resource: Resource;
  onState(status: FileStatus): void;
}

/** Lines that wait for a slow disk: four of the largest batches as JSON (batches.ts, twice to four times the bytes). */
const PENDING_MAX = 32 << 20;
/** A source that can wait (a recording) waits above this: a whole batch still fits. */
const PENDING_FULL = 16 << 20;

/**
 * Records into a file, one OTLP request as JSON a line: the format of the Collector's file exporter. Batches are made
 * as for a receiver; each becomes lines at once, and lines are written in the background.
 */
export class FileExporter implements Exporter {
  readonly meter = undefined;
  readonly #options: FileExporterOptions;
  readonly #ledger: Ledger;
  readonly #batches: Batches;
  readonly #lines: JsonLines;
  readonly encode: RecordEncoder = protobufRecord;
  readonly #file: RotatingFile;
  readonly #logger: Logger;
  readonly #queue: Line[] = [];
  #pending = 0;
  /** On its way to the disk; nobody can take it back. */
  #current: Line | undefined;
  #isWriting = false;
  #written: Promise<void> = Promise.resolve();
  /** errno's name while it fails: told once. */
  #failing: string | undefined;
  #missing = 0;
  #closed = false;
  readonly #aborted = Promise.withResolvers<void>();

  /** @throws OutputFileError when the file can never be written */
  constructor(options: FileExporterOptions, ledger: Ledger) {
    tryOutput(options.path);
    this.#options = options;
    this.#ledger = ledger;
    this.#file = new RotatingFile(options);
    const envelope = envelopeOf(options.resource);
    this.#lines = new JsonLines(envelope);
    this.#batches = new Batches({ envelope, onBatch: (batch) => this.#take(batch) });
    const provider = createLoggerProvider(options.resource, this.encode, (record, name, severity) => {
      const type = ledger.typeOf(name);
      ledger.received[type]!++;
      this.appendRecord(record, type, severity);
    });
    this.#logger = loggerOf(provider);
  }

  set observed(time: bigint) {
    this.#batches.observed = time;
  }

  get hasRoom(): boolean {
    return this.#pending < PENDING_FULL;
  }

  get takesBatches(): boolean {
    return this.#pending < PENDING_FULL;
  }

  append(definition: RunnableEvent, event: RawEvent, process: Process): void {
    this.#batches.append(definition, event, process);
  }

  appendRecord(record: Uint8Array, type: number, severity: number): void {
    if (!this.#batches.appendRecord(record, type, severity)) this.#ledger.lost(type, 'too_large');
  }

  emit(record: ReadableEvent): void {
    emit(this.#logger, record);
  }

  trim(): void {
    this.#batches.trim();
  }

  async shutdown(withinMs: number): Promise<void> {
    this.#batches.close();
    this.#closed = true;
    const timer = setTimeout(() => this.abort(), withinMs);
    // A device that hangs must not hold the end.
    await Promise.race([this.#written.then(() => this.#file.close()), this.#aborted.promise]);
    clearTimeout(timer);
    if (this.#missing > 0) this.#options.onState({ kind: 'ended', missing: this.#missing });
  }

  abort(): void {
    this.#closed = true;
    if (this.#current) this.#lose(this.#current, 'shutdown');
    this.#current = undefined;
    for (const line of this.#queue.splice(0)) this.#lose(line, 'shutdown');
    this.#aborted.resolve();
  }

  #take(batch: Batch): void {
    const { bytes, recordsStart, recordsEnd, types } = batch;
    for (const line of this.#lines.of(bytes, recordsStart, recordsEnd, types)) {
      this.#pending += line.bytes.length;
      if (this.#closed) this.#lose(line, 'shutdown');
      else if (this.#pending > PENDING_MAX) this.#lose(line, 'queue_full');
      else this.#queue.push(line);
    }
    this.#batches.recycle(batch);
    if (this.#isWriting) return;
    this.#isWriting = true;
    this.#written = this.#write();
  }

  async #write(): Promise<void> {
    for (let line = this.#queue.shift(); line; line = this.#queue.shift()) {
      this.#current = line;
      const error = await this.#file.append(line.bytes).catch((e) => outputError(this.#options.path, e));
      // Given up meanwhile.
      if (this.#current !== line) continue;
      this.#current = undefined;
      if (error) {
        this.#lose(line, 'write_failed');
        this.#failed(error);
      } else {
        this.#pending -= line.bytes.length;
        this.#ledger.exportedBatch(line);
        this.#succeeded();
      }
    }
    this.#isWriting = false;
  }

  #lose(line: Line, reason: 'shutdown' | 'queue_full' | 'write_failed'): void {
    this.#pending -= line.bytes.length;
    this.#missing += line.types.length;
    this.#ledger.lostBatch(line, reason);
  }

  #failed(error: OutputFileError): void {
    if (this.#failing === error.code) return;
    this.#failing = error.code;
    this.#options.onState({ kind: 'failed', error });
  }

  #succeeded(): void {
    if (this.#failing === undefined) return;
    this.#failing = undefined;
    this.#options.onState({ kind: 'recovered', missing: this.#missing });
    this.#missing = 0;
  }
}

/** A receiver and a file: the receiver keeps the books, the file says itself what it lacks. */
export class WithFile implements Exporter {
  readonly #receiver: Exporter;
  readonly #file: Exporter;

  constructor(receiver: Exporter, file: Exporter) {
    this.#receiver = receiver;
    this.#file = file;
  }

  get meter(): Exporter['meter'] {
    return this.#receiver.meter;
  }

  set observed(time: bigint) {
    this.#receiver.observed = time;
    this.#file.observed = time;
  }

  begin(time: bigint): void {
    this.#receiver.begin?.(time);
  }

  get hasRoom(): boolean {
    return this.#receiver.hasRoom;
  }

  get takesBatches(): boolean {
    return this.#receiver.takesBatches && this.#file.takesBatches;
  }

  append(definition: RunnableEvent, event: RawEvent, process: Process): void {
    this.#receiver.append(definition, event, process);
    this.#file.append(definition, event, process);
  }

  emit(record: ReadableEvent): void {
    this.#receiver.emit(record);
    this.#file.emit(record);
  }

  separate(): void {
    this.#receiver.separate?.();
  }

  trim(): void {
    this.#receiver.trim();
    this.#file.trim();
  }

  async shutdown(withinMs: number): Promise<void> {
    await Promise.all([this.#receiver.shutdown(withinMs), this.#file.shutdown(withinMs)]);
  }

  abort(): void {
    this.#receiver.abort();
    this.#file.abort();
  }
}
