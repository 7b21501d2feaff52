// SPDX-License-Identifier: Apache-2.0
import { ExportResultCode } from '@opentelemetry/core';
import {
  createOtlpNetworkExportDelegate,
  type ExporterMetrics,
  type IExporterTransport,
  type IOtlpExportDelegate,
} from '@opentelemetry/otlp-exporter-base';
import type { Batch, LossReason } from './batch.ts';
import { ExportError } from './export-error.ts';
import { type PartialSuccess, readPartialSuccess } from './otlp-response.ts';
import { ReceiverState, type ReceiverStatus } from './receiver-state.ts';
import { RetryingTransport, type RetryOptions } from './retrying-transport.ts';

/** What a {@link Sender} needs. Callbacks run synchronously and must not throw. */
export interface SenderOptions extends Pick<RetryOptions, 'random' | 'sleep' | 'now'> {
  readonly transport: IExporterTransport;
  /** OpenTelemetry's own metrics of the exporter (`otel.sdk.exporter.log.*`). */
  readonly metrics: ExporterMetrics<Batch>;
  /** Halves a batch that is too large for the receiver; `undefined` = it holds a single record. */
  readonly split: (batch: Batch) => readonly [Batch, Batch] | undefined;
  /** The time of one attempt, in milliseconds (OTEL_EXPORTER_OTLP_TIMEOUT). */
  readonly timeoutMillis?: number;
  readonly maxQueueBytes?: number;
  readonly maxInFlight?: number;
  /** The receiver took the batch, apart from what `onPartial` said of it just before. */
  readonly onExported: (batch: Batch) => void;
  /** The batch is lost: each batch ends in this, in `onExported`, or as two halves that do. */
  readonly onLost: (batch: Batch, reason: LossReason) => void;
  /** The receiver took the batch but rejected some of its records; it does not say which. */
  readonly onPartial: (batch: Batch, rejected: number, message: string) => void;
  /** The receiver became unreachable, is so for a new reason, or takes records again. */
  readonly onState: (status: ReceiverStatus) => void;
  /** Every change of it, however often. */
  readonly onOutcome?: (status: ReceiverStatus) => void;
}

/**
 * 64 MiB hold 18 full batches, some 60,000 exec records (1.1 kB each): a minute of a very busy host, hours of an
 * ordinary one. More would not fit beside the other parts of an agent that promises 150 MB.
 */
const MAX_QUEUE_BYTES = 64 * 1024 * 1024;

/** One request travels while the other is being handled; more bring nothing on loopback and little elsewhere. */
const MAX_IN_FLIGHT = 2;

/** What a batch costs beside its bytes (two typed arrays, objects): keeps a queue of tiny batches bounded too. */
const BATCH_OVERHEAD = 512;

interface Entry {
  readonly batch: Batch;
  readonly size: number;
  /** Who waits for it. */
  readonly flushes: Set<Flush>;
}

interface Flush {
  left: number;
  readonly done: () => void;
}

/**
 * The bounded queue before the receiver. Batches are tried until they are accepted, refused for good or given
 * up at shutdown; when the queue is full the caller keeps (and counts) what does not fit.
 */
export class Sender {
  readonly #options: SenderOptions;
  readonly #maxBytes: number;
  readonly #maxInFlight: number;
  readonly #transport: RetryingTransport;
  readonly #delegate: IOtlpExportDelegate<Batch>;
  readonly #queue: Entry[] = [];
  readonly #sending = new Set<Entry>();
  /** The delegate has no place for what the receiver said beside "yes": kept by the request's bytes. */
  readonly #answers = new WeakMap<Uint8Array, PartialSuccess>();
  #bytes = 0;
  #accepting = true;

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#maxBytes = options.maxQueueBytes ?? MAX_QUEUE_BYTES;
    this.#maxInFlight = options.maxInFlight ?? MAX_IN_FLIGHT;
    const state = new ReceiverState(options.onState, options.now, options.onOutcome);
    this.#transport = new RetryingTransport(options.transport, {
      ...options,
      onFailure: (error) => {
        // A question of size says nothing about the receiver's health.
        if (error.kind !== 'too_large') state.failed(error);
      },
      onSuccess: (data, answer) => {
        state.succeeded();
        const partial = answer && readPartialSuccess(answer);
        if (partial) this.#answers.set(data, partial);
      },
    });
    this.#delegate = createOtlpNetworkExportDelegate<Batch, object>(
      // The delegate refuses instead of queueing when it is full: #maxInFlight is the bound that holds.
      {
        timeoutMillis: options.timeoutMillis ?? 10_000,
        concurrencyLimit: Number.POSITIVE_INFINITY,
        compression: 'none',
      },
      { serializeRequest: (batch) => batch.bytes, deserializeResponse: () => ({}) },
      options.metrics,
      this.#transport,
    );
  }

  /** Bytes that the sender holds, waiting or on their way. */
  get queuedBytes(): number {
    return this.#bytes;
  }

  /** Batches that wait for their turn. */
  get queuedBatches(): number {
    return this.#queue.length;
  }

  /** Batches on their way, those that wait for another attempt included. */
  get inFlight(): number {
    return this.#sending.size;
  }

  /** Takes a batch. `false` = the queue is full or the sender was shut down: the batch stays the caller's. */
  offer(batch: Batch): boolean {
    const entry: Entry = { batch, size: batch.bytes.byteLength + BATCH_OVERHEAD, flushes: new Set() };
    if (!this.#accepting || (this.#bytes > 0 && this.#bytes + entry.size > this.#maxBytes)) return false;
    this.#bytes += entry.size;
    this.#queue.push(entry);
    this.#pump();
    return true;
  }

  /**
   * Waits until everything taken so far has been accepted or lost, at most `deadlineMs`; batches that wait for
   * another attempt try at once. Resolves to whether all is done.
   */
  async flush(deadlineMs: number): Promise<boolean> {
    this.#transport.wake();
    const entries = [...this.#sending, ...this.#queue];
    if (entries.length === 0) return true;
    return new Promise((resolve) => {
      const flush: Flush = {
        left: entries.length,
        done: () => {
          clearTimeout(timer);
          resolve(true);
        },
      };
      const timer = setTimeout(() => {
        for (const entry of entries) entry.flushes.delete(flush);
        resolve(false);
      }, deadlineMs);
      for (const entry of entries) entry.flushes.add(flush);
    });
  }

  /**
   * Takes no more, sends what it can within `deadlineMs`, gives up the rest (`onLost`, reason `shutdown`).
   * A second call ends the first at once.
   */
  async shutdown(deadlineMs: number): Promise<void> {
    if (this.#accepting) {
      this.#accepting = false;
      await this.flush(deadlineMs);
    }
    this.abort();
  }

  /** Gives up everything now. Whatever the receiver still answers does not count any more. */
  abort(): void {
    this.#accepting = false;
    const left = [...this.#sending, ...this.#queue];
    this.#sending.clear();
    this.#queue.length = 0;
    this.#transport.shutdown();
    for (const entry of left) {
      this.#options.onLost(entry.batch, 'shutdown');
      this.#release(entry);
    }
  }

  #pump(): void {
    while (this.#sending.size < this.#maxInFlight) {
      const entry = this.#queue.shift();
      if (entry === undefined) return;
      this.#sending.add(entry);
      this.#delegate.export(entry.batch, (result) => this.#finish(entry, result.code, result.error));
    }
  }

  #finish(entry: Entry, code: ExportResultCode, error: Error | undefined): void {
    if (!this.#sending.delete(entry)) return;
    const { batch } = entry;
    if (code === ExportResultCode.SUCCESS) {
      const partial = this.#answers.get(batch.bytes);
      if (partial)
        this.#options.onPartial(batch, Math.min(partial.rejected, batch.types.length), partial.message);
      this.#options.onExported(batch);
    } else if (error instanceof ExportError && error.kind === 'too_large') {
      this.#halve(entry);
    } else {
      this.#options.onLost(batch, 'rejected');
    }
    this.#release(entry);
    this.#pump();
  }

  /** The halves go first, so that records keep their order as far as two lanes allow. */
  #halve(entry: Entry): void {
    const halves = this.#options.split(entry.batch);
    if (halves === undefined) {
      this.#options.onLost(entry.batch, 'too_large');
      return;
    }
    const entries = halves.map((batch) => ({
      batch,
      size: batch.bytes.byteLength + BATCH_OVERHEAD,
      flushes: new Set(entry.flushes),
    }));
    for (const flush of entry.flushes) flush.left += entries.length;
    for (const half of entries) this.#bytes += half.size;
    this.#queue.unshift(...entries);
  }

  #release(entry: Entry): void {
    this.#bytes -= entry.size;
    for (const flush of entry.flushes) if (--flush.left === 0) flush.done();
  }
}
