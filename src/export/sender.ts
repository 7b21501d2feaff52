// SPDX-License-Identifier: Apache-2.0
// Past 400 lines: one state machine, which would not be easier to follow in two places.
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

/** Where batches wait that the receiver does not take: a disk. */
export interface Store<S = unknown> {
  /** Batches that nobody has taken. */
  readonly waiting: number;
  /** Takes a batch; undefined = not now. `held`: the sender keeps it as well. `isLast`: there will be no other try. */
  put(
    batch: Batch,
    since: bigint | undefined,
    how?: { readonly held?: boolean; readonly isLast?: boolean },
  ): S | undefined;
  /** The oldest batch that nobody has taken; it is the sender's to end. Never rejects. */
  take(): Promise<{ readonly batch: Batch; readonly stored: S } | undefined>;
  /** A batch that was taken or held was acknowledged, or counted as lost. */
  done(stored: S): void;
  /** The sender keeps it no longer; false = it is not on disk either. */
  release(stored: S): boolean;
}

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
  /** Without it batches wait in memory alone. */
  readonly store?: Store;
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

/** While live traffic takes all slots, every so many-th request is one from disk: it must not grow for ever. */
const REPLAY_TURN = 4;

interface Entry {
  readonly batch: Batch;
  readonly size: number;
  /** From when its oldest record is, ns since the epoch. */
  readonly since: bigint | undefined;
  /** Its copy on disk. */
  copy: Copy | undefined;
  /** It comes from disk. */
  readonly isReplay: boolean;
  /** Who waits for it. */
  readonly flushes: Set<Flush>;
}

interface Flush {
  left: number;
  readonly done: () => void;
}

/** The copy of one batch, or of the halves that it became. */
interface Copy {
  readonly stored: unknown;
  entries: number;
  isSplit?: boolean;
}

/**
 * The bounded queue before the receiver. Batches are tried until they are accepted, refused for good or given
 * up at shutdown; when the queue is full the caller keeps (and counts) what does not fit.
 *
 * With a store: as soon as an attempt fails, all that is here goes to disk in its order, and so does what comes until the
 * receiver takes something again. What is on its way stays in memory as well and is tried on; behind it the disk is read
 * in order, one batch at a time, beside live traffic.
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
  readonly #store: Store | undefined;
  #bytes = 0;
  #records = 0;
  #accepting = true;
  /** The last attempt failed: what comes goes to disk. */
  #isDown = false;
  /** Batches from disk that are being read, wait or are on their way: a new one is read when there is none. */
  #replays = 0;
  #isReading = false;
  #turn = 0;

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#maxBytes = options.maxQueueBytes ?? MAX_QUEUE_BYTES;
    this.#maxInFlight = options.maxInFlight ?? MAX_IN_FLIGHT;
    this.#store = options.store;
    const state = new ReceiverState(options.onState, options.now, options.onOutcome);
    this.#transport = new RetryingTransport(options.transport, {
      ...options,
      onFailure: (error, isRetried) => {
        // A question of size says nothing about the receiver's health.
        if (error.kind !== 'too_large') state.failed(error);
        if (!isRetried || !this.#store) return;
        this.#isDown = true;
        this.#pump();
      },
      onSuccess: (data, answer) => {
        state.succeeded();
        this.#isUp();
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

  /** Records in them. */
  get queuedRecords(): number {
    return this.#records;
  }

  /** From when the oldest record is that is in memory alone, ns since the epoch. */
  get unsafeSince(): bigint | undefined {
    let oldest: bigint | undefined;
    for (const entries of [this.#sending, this.#queue]) {
      for (const { since, copy } of entries)
        if (!copy && since !== undefined && (oldest === undefined || since < oldest)) oldest = since;
    }
    return oldest;
  }

  /** Batches that wait for their turn. */
  get queuedBatches(): number {
    return this.#queue.length;
  }

  /** Batches on their way, those that wait for another attempt included. */
  get inFlight(): number {
    return this.#sending.size;
  }

  /**
   * Takes a batch. `false` = the queue is full, and the disk too, or the sender was shut down: the batch stays the
   * caller's. `since`: from when its oldest record is; `maxRecords`: the queue's bound as a number of records.
   */
  offer(batch: Batch, since?: bigint, maxRecords: number = Number.POSITIVE_INFINITY): boolean {
    if (!this.#accepting) return false;
    const entry = this.#entry(batch, since);
    if (!this.#fits(entry, maxRecords)) return this.#store?.put(batch, since) !== undefined;
    this.#enqueue(entry);
    return true;
  }

  /** Takes a batch that the store did not keep after all; false = there is no room. */
  takeBack(batch: Batch, since: bigint | undefined): boolean {
    const entry = this.#entry(batch, since);
    if (!this.#accepting || !this.#fits(entry)) return false;
    this.#enqueue(entry);
    return true;
  }

  #fits({ batch, size }: Entry, maxRecords: number = Number.POSITIVE_INFINITY): boolean {
    const isFull = this.#bytes > 0 && this.#bytes + size > this.#maxBytes;
    return !isFull && this.#records + batch.types.length <= maxRecords;
  }

  #enqueue(entry: Entry): void {
    this.#add(entry);
    this.#queue.push(entry);
    this.#pump();
  }

  /** Looks again whether there is something to send or to put on disk. */
  poke(): void {
    if (this.#accepting) this.#pump();
  }

  #entry(batch: Batch, since: bigint | undefined, copy?: Copy, isReplay = false): Entry {
    const size = batch.bytes.byteLength + BATCH_OVERHEAD;
    return { batch, size, since, copy, isReplay, flushes: new Set() };
  }

  #add({ batch, size }: Entry): void {
    this.#bytes += size;
    this.#records += batch.types.length;
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
   * Takes no more, sends what it can within `deadlineMs`, and puts the rest on disk or gives it up (`onLost`, reason
   * `shutdown`). A second call ends the first at once.
   */
  async shutdown(deadlineMs: number): Promise<void> {
    if (this.#accepting) {
      this.#accepting = false;
      // What would be waited for is safe.
      if (!this.#isDown) await this.flush(deadlineMs);
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
      if (!this.#keep(entry)) this.#options.onLost(entry.batch, 'shutdown');
      this.#release(entry);
    }
  }

  /** Whether a batch that leaves the memory at the end is on disk, or will be. */
  #keep({ batch, since, copy }: Entry): boolean {
    const store = this.#store;
    if (!store) return false;
    // Of halves the other may have arrived, and the disk knows only the whole.
    if (copy && !copy.isSplit && store.release(copy.stored)) return true;
    const isKept = store.put(batch, since, { isLast: true }) !== undefined;
    if (copy) this.#drop(copy);
    return isKept;
  }

  #pump(): void {
    if (this.#isDown) this.#park();
    while (this.#free > 0) {
      // Enough asks whether the receiver is back; what it would carry else is safe on disk.
      if (this.#isDown && (this.#sending.size > 0 || this.#isReading)) return;
      if (this.#replaysNext()) {
        void this.#replay();
        continue;
      }
      const entry = this.#queue.shift();
      if (entry === undefined) return;
      this.#send(entry);
    }
  }

  /** Slots that nothing takes. */
  get #free(): number {
    return this.#maxInFlight - this.#sending.size - (this.#isReading ? 1 : 0);
  }

  #send(entry: Entry): void {
    this.#sending.add(entry);
    this.#delegate.export(entry.batch, (result) => this.#finish(entry, result.code, result.error));
  }

  /**
   * Puts on disk what waits, behind copies of what is on its way. A free slot takes the next all the same: what is in the
   * other may be what the receiver does not take.
   */
  #park(): void {
    const store = this.#store!;
    while (this.#queue.length > 0 && this.#free > 0) this.#send(this.#queue.shift()!);
    for (const entry of this.#sending) entry.copy ??= this.#copy(entry);
    const waiting = this.#queue.splice(0);
    let isTaken = true;
    for (const entry of waiting) {
      // Halves stay: the disk has the whole of them.
      isTaken &&= !entry.copy && store.put(entry.batch, entry.since) !== undefined;
      if (isTaken) this.#release(entry);
      else this.#queue.push(entry);
    }
  }

  #copy({ batch, since }: Entry): Copy | undefined {
    const stored = this.#store!.put(batch, since, { held: true });
    return stored === undefined ? undefined : { stored, entries: 1 };
  }

  #replaysNext(): boolean {
    if (!this.#store || this.#replays > 0 || !this.#accepting || this.#store.waiting === 0) return false;
    // Copies on their way are older than what is read next.
    for (const { copy } of this.#sending) if (copy) return false;
    return this.#queue.length === 0 || ++this.#turn % REPLAY_TURN === 0;
  }

  async #replay(): Promise<void> {
    const store = this.#store!;
    this.#isReading = true;
    this.#replays++;
    const taken = await store.take();
    this.#isReading = false;
    if (taken === undefined) this.#replays--;
    else if (!this.#accepting) store.release(taken.stored);
    else {
      const entry = this.#entry(taken.batch, undefined, { stored: taken.stored, entries: 1 }, true);
      this.#add(entry);
      this.#send(entry);
    }
    this.poke();
  }

  /** What waits for another attempt goes first. */
  #isUp(): void {
    if (!this.#isDown) return;
    this.#isDown = false;
    this.#transport.wake();
  }

  #drop(copy: Copy): void {
    if (--copy.entries === 0) this.#store!.done(copy.stored);
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
    // It has answered, whatever it was.
    this.#isUp();
    if (entry.copy) this.#drop(entry.copy);
    if (entry.isReplay) this.#replays--;
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
    const { since, copy, isReplay } = entry;
    const entries = halves.map((batch) => ({
      ...this.#entry(batch, since, copy, isReplay),
      flushes: new Set(entry.flushes),
    }));
    if (copy) {
      copy.entries += entries.length;
      copy.isSplit = true;
    }
    if (isReplay) this.#replays += entries.length;
    for (const flush of entry.flushes) flush.left += entries.length;
    for (const half of entries) this.#add(half);
    this.#queue.unshift(...entries);
  }

  #release(entry: Entry): void {
    this.#bytes -= entry.size;
    this.#records -= entry.batch.types.length;
    for (const flush of entry.flushes) if (--flush.left === 0) flush.done();
  }
}
