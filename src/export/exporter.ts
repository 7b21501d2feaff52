// SPDX-License-Identifier: Apache-2.0
// Past 400 lines: the lanes beside each other, with what they share.
import type { Logger, Meter } from '@opentelemetry/api';
import type { Resource } from '@opentelemetry/resources';
import type { LoggerProvider } from '@opentelemetry/sdk-logs';
import type { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import type { RawEvent } from '../decode/record.ts';
import type { Process } from '../enrich/process.ts';
import type { ReadableEvent, RunnableEvent } from '../events/event.ts';
import type { Ledger } from '../ledger.ts';
import type { RunMark } from '../state/run-mark.ts';
import type { Batch } from './batch.ts';
import { Batches, splitBatch } from './batches.ts';
import type { ExportError, ExportErrorKind } from './export-error.ts';
import { GrpcConnection } from './grpc-connection.ts';
import { JsonBatches, splitJsonBatch } from './json-batches.ts';
import { createLogSender } from './log-sender.ts';
import {
  type Batching,
  consoleReader,
  createLoggerProvider,
  createMeterProvider,
  emit,
  envelopeOf,
  jsonEnvelopeOf,
  jsonRecord,
  loggerOf,
  type MetricTimes,
  otlpReader,
  protobufRecord,
  type RecordEncoder,
  readableToJson,
  type Temporality,
} from './otel.ts';
import { isSameReceiver, type Receiver } from './receiver.ts';
import type { ReceiverStatus } from './receiver-state.ts';
import type { Sender } from './sender.ts';
import type { Spool } from './spool.ts';
import { createStockProvider } from './stock.ts';

/** Where records go when they leave: the fast lane, or the stock SDK. */
export interface Exporter {
  /** Instruments of the agent's own metrics. */
  readonly meter: Meter | undefined;
  /** When the records that follow were read, ns since the epoch. */
  observed: bigint;
  /** The records that follow are not older than this, ns since the epoch. */
  begin?(time: bigint): void;
  /** Whether records that are emitted now will be kept. */
  readonly hasRoom: boolean;
  /** Whether two more full batches will be kept: a source that can wait waits while not. */
  readonly takesBatches: boolean;
  append(definition: RunnableEvent, event: RawEvent, process: Process): void;
  /** A rare record, by the SDK. */
  emit(record: ReadableEvent): void;
  /** What follows is in another request than what was before. */
  separate?(): void;
  /** To be called about once a minute: memory that a storm took and nothing has needed since goes. */
  trim(): void;
  /** Sends what there is, for at most `withinMs`; what is left is counted as lost (shutdown). */
  shutdown(withinMs: number): Promise<void>;
  abort(): void;
}

/** Where the agent's own counters go; nothing = nowhere. */
export interface MetricsOptions {
  readonly resource: Resource;
  readonly metrics?: Receiver;
  readonly metricTimes: MetricTimes;
  readonly temporality: Temporality;
  /** Prints them too. */
  readonly printMetrics?: (text: string) => void;
  /** The receiver does not take metrics, for a reason that says nothing about logs. */
  onMetricsState?(status: ReceiverStatus): void;
}

/** What is kept on disk. */
export interface Kept {
  readonly spool: Spool;
  readonly mark: RunMark;
}

export interface ExporterOptions extends MetricsOptions {
  /** Without it records wait in memory alone. */
  readonly kept?: Kept;
  readonly logs: Receiver;
  readonly queueBytes: number;
  readonly batching: Batching;
  onState(status: ReceiverStatus): void;
  /** As onState, for machines: every change, however often. */
  onOutcome?(status: ReceiverStatus): void;
  /** Of an accepted batch some records were refused. */
  onPartial(rejected: number, message: string): void;
}

/** Room that is kept for gap records when the queue is nearly full. */
const ROOM_BYTES = 1 << 20;
/** Two of the largest requests (batches.ts). */
const BATCHES_BYTES = 8 << 20;
/** Of the queue so much: above it, and while something waits for its turn, frequent events are left out. */
const SHED_AT = 0.75;
/** How often the disk is told up to when everything is safe. */
const MARK_MS = 1000;
/** What a stop waits for the disk, when nothing is sent any more. */
const SPOOL_MS = 3000;
/** What a stop waits for the receiver of the last metrics, when the logs have gone. */
const LAST_METRICS_MS = 1000;

/** Whether logs to the same receiver may fare better: it has answered, and refuses metrics only. */
const isOfMetrics = ({ kind, code, httpStatus }: ExportError): boolean =>
  !CONNECTION_KINDS.has(kind) && !(kind === 'not_otlp' && code === undefined && httpStatus === undefined);

/** Failures that logs and metrics to one receiver have together. */
const CONNECTION_KINDS: ReadonlySet<ExportErrorKind> = new Set([
  'unreachable',
  'proxy',
  'timeout',
  'unavailable',
  'throttled',
  'untrusted',
]);

/** `logs`: the receiver of the records and its connection (gRPC), which metrics share where they go there too. */
function meterProvider(
  options: MetricsOptions,
  logs?: { readonly receiver: Receiver; readonly connection: GrpcConnection | undefined },
): ReturnType<typeof createMeterProvider> {
  const { metrics, resource, metricTimes: times, temporality, printMetrics } = options;
  const readers: MetricReader[] = [];
  if (metrics) {
    const isTogether =
      logs !== undefined &&
      logs.receiver.authority === metrics.authority &&
      logs.receiver.protocol === metrics.protocol;
    readers.push(
      otlpReader({
        receiver: metrics,
        connection: logs && isSameReceiver(logs.receiver, metrics) ? logs.connection : undefined,
        times,
        temporality,
        onState: (status: ReceiverStatus) => {
          // Of a receiver that cannot be reached the logs tell.
          if (!isTogether || (!status.ok && isOfMetrics(status.error))) options.onMetricsState?.(status);
        },
      }),
    );
  }
  if (printMetrics) readers.push(consoleReader(printMetrics, times));
  return createMeterProvider(resource, readers);
}

/** The agent's own counters alone: records are printed, or go nowhere. */
export class Meters {
  readonly meter: Meter;
  readonly #provider: MeterProvider;

  constructor(options: MetricsOptions) {
    ({ provider: this.#provider, meter: this.meter } = meterProvider(options));
  }

  /** Sends the last counters, for at most a second. */
  async shutdown(): Promise<void> {
    await atMost(LAST_METRICS_MS, this.#provider.shutdown());
  }
}

/** What depends on how records are written: protobuf straight from ring bytes, or JSON by way of readable records. */
function writing(options: ExporterOptions, onBatch: (batch: Batch) => void) {
  const { resource, logs, batching } = options;
  const { ageMs, queueRecords = Number.POSITIVE_INFINITY } = batching;
  const bounds = {
    ...(batching.maxRecords !== undefined && { maxRecords: Math.min(batching.maxRecords, queueRecords) }),
    ...(ageMs !== undefined && { ageMs }),
  };
  if (logs.protocol === 'http/json') {
    const envelope = jsonEnvelopeOf(resource);
    return {
      batches: new JsonBatches({ envelope, ...bounds, encode: readableToJson, onBatch }),
      encode: jsonRecord,
      split: (batch: Batch) => splitJsonBatch(batch, envelope),
    };
  }
  const envelope = envelopeOf(resource);
  return {
    batches: new Batches({ envelope, ...bounds, onBatch }),
    encode: protobufRecord,
    split: (batch: Batch) => splitBatch(batch, envelope),
  };
}

/** Ring bytes → OTLP → batches → sender. */
export class FastExporter implements Exporter {
  readonly meter: Meter;
  /** A record of the SDK in the protocol's encoding, for {@link appendRecord}. */
  readonly encode: RecordEncoder;
  readonly #ledger: Ledger;
  readonly #batches: Batches | JsonBatches;
  readonly #sender: Sender;
  readonly #queueBytes: number;
  readonly #queueRecords: number;
  readonly #kept: Kept | undefined;
  readonly #markTimer: NodeJS.Timeout | undefined;
  /** The records of this drain, and those of the open batch, are not older; ns since the epoch. */
  #begin: bigint;
  #openBegin: bigint;
  #isShedding = false;
  #isStopped = false;
  readonly #meters: MeterProvider;
  readonly #logger: Logger;
  readonly #abort = new Abort();
  /** The batch of which the receiver just said that it took a part. */
  #partly: Batch | undefined;

  constructor(options: ExporterOptions, ledger: Ledger) {
    this.#ledger = ledger;
    this.#queueBytes = options.queueBytes;
    const { batching } = options;
    this.#queueRecords = batching.queueRecords ?? Number.POSITIVE_INFINITY;
    const { kept } = options;
    this.#kept = kept;
    this.#begin = kept?.mark.time ?? 0n;
    this.#openBegin = this.#begin;
    const connection = options.logs.protocol === 'grpc' ? new GrpcConnection(options.logs) : undefined;
    const { provider: meters, meter } = meterProvider(options, { receiver: options.logs, connection });
    this.#meters = meters;
    this.meter = meter;
    const { batches, encode, split } = writing(options, (batch) => this.#offer(batch));
    this.#batches = batches;
    this.encode = encode;
    this.#sender = createLogSender({
      receiver: options.logs,
      ...(connection && { connection }),
      meterProvider: meters,
      maxQueueBytes: options.queueBytes,
      split,
      ...(kept && { store: kept.spool }),
      onExported: (batch) => {
        if (batch !== this.#partly) ledger.exportedBatch(batch);
        if (!kept?.spool.isWriting(batch)) batches.recycle(batch);
        this.#look();
      },
      onLost: (batch, reason) => {
        ledger.lostBatch(batch, reason);
        this.#look();
      },
      onPartial: (batch, rejected, message) => {
        this.#partly = batch;
        ledger.exportedPartly(batch, rejected);
        options.onPartial(rejected, message);
      },
      onState: options.onState,
      ...(options.onOutcome && { onOutcome: options.onOutcome }),
    });
    const loggers = createLoggerProvider(
      options.resource,
      encode,
      (record, name, severity) => this.appendRecord(record, this.#received(name), severity),
      batching.limits,
    );
    this.#logger = loggerOf(loggers);
    if (!kept) return;
    kept.spool.start(
      ledger,
      (batch, since) => {
        if (!this.#sender.takeBack(batch, since))
          ledger.lostBatch(batch, this.#isStopped ? 'shutdown' : 'queue_full');
      },
      () => {
        this.#sender.poke();
        this.#look();
      },
    );
    this.#markTimer = setInterval(() => kept.mark.write(this.#safeUntil), MARK_MS).unref();
    // What an earlier run left.
    this.#sender.poke();
  }

  #offer(batch: Batch): void {
    if (!this.#sender.offer(batch, this.#openBegin, this.#queueRecords))
      this.#ledger.lostBatch(batch, 'queue_full');
    this.#openBegin = this.#begin;
    this.#look();
  }

  /** Whether frequent events are left out, until the queue changes again. */
  #look(): void {
    const { queuedBytes, queuedRecords, queuedBatches } = this.#sender;
    const isNearlyFull =
      queuedBytes > SHED_AT * this.#queueBytes || queuedRecords > SHED_AT * this.#queueRecords;
    // What a queue that is full does not hold goes to disk, where there is one that takes it.
    this.#isShedding = isNearlyFull && queuedBatches > 0 && !this.#kept?.spool.isTaking;
  }

  begin(time: bigint): void {
    this.#begin = time;
    if (this.#batches.open === 0) this.#openBegin = time;
    const mark = this.#kept?.mark;
    // A clock was set back, or a recording is old: what the disk says would be too late.
    if (mark && time < mark.time) mark.write(time);
  }

  /** Every record before this time was acknowledged or is on disk. */
  get #safeUntil(): bigint {
    let oldest = this.#batches.open > 0 ? this.#openBegin : this.#begin;
    for (const since of [this.#sender.unsafeSince, this.#kept!.spool.unsafeSince])
      if (since !== undefined && since < oldest) oldest = since;
    return oldest;
  }

  #received(name: string): number {
    const type = this.#ledger.typeOf(name);
    this.#ledger.received[type]!++;
    return type;
  }

  set observed(time: bigint) {
    this.#batches.observed = time;
  }

  get hasRoom(): boolean {
    const { queuedBytes, queuedRecords } = this.#sender;
    return queuedBytes + ROOM_BYTES < this.#queueBytes && queuedRecords < this.#queueRecords;
  }

  get takesBatches(): boolean {
    const { queuedBytes, queuedRecords } = this.#sender;
    if (queuedBytes === 0) return true;
    // A source that can wait loses nothing, frequent events included.
    return queuedBytes + BATCHES_BYTES < SHED_AT * this.#queueBytes && 2 * queuedRecords < this.#queueRecords;
  }

  append(definition: RunnableEvent, event: RawEvent, process: Process): void {
    if (this.#isShedding && definition.highVolume) this.#ledger.lost(definition.type, 'shed');
    else this.#batches.append(definition, event, process);
  }

  /** A record that {@link encode} made, and that is counted as received. */
  appendRecord(record: Uint8Array, type: number, severity: number): void {
    if (!this.#batches.appendRecord(record, type, severity)) this.#ledger.lost(type, 'too_large');
  }

  emit(record: ReadableEvent): void {
    emit(this.#logger, record);
  }

  separate(): void {
    this.#batches.close();
  }

  trim(): void {
    this.#batches.trim();
  }

  async shutdown(withinMs: number): Promise<void> {
    this.#batches.close();
    await this.#sender.shutdown(withinMs);
    this.#isStopped = true;
    await this.#kept?.spool.close(SPOOL_MS);
    clearInterval(this.#markTimer);
    // After the logs, so that the last metrics count them.
    await atMost(LAST_METRICS_MS, this.#meters.shutdown(), this.#abort.promise);
  }

  abort(): void {
    this.#sender.abort();
    this.#abort.resolve();
  }
}

/** The stock lane: every event becomes a LogRecord of the SDK. */
export class StockExporter implements Exporter {
  readonly meter: Meter;
  observed = 0n;
  readonly hasRoom = true;
  readonly takesBatches = true;
  readonly #provider: LoggerProvider;
  readonly #logger: Logger;
  readonly #meters: MeterProvider;
  readonly #ledger: Ledger;
  readonly #abort = new Abort();

  private constructor(
    provider: LoggerProvider,
    { provider: meters, meter }: ReturnType<typeof createMeterProvider>,
    ledger: Ledger,
  ) {
    this.#provider = provider;
    this.#logger = loggerOf(provider);
    this.#meters = meters;
    this.#ledger = ledger;
    this.meter = meter;
  }

  /** Loads the stock exporter, and for gRPC grpc-js. */
  static async create(options: ExporterOptions, ledger: Ledger): Promise<StockExporter> {
    const count = (names: readonly string[], isExported: boolean) => {
      if (isExported) ledger.exportedAt = Date.now();
      for (const name of names) {
        if (isExported) ledger.exported[ledger.typeOf(name)]!++;
        else ledger.lost(ledger.typeOf(name), 'rejected');
      }
    };
    const provider = await createStockProvider(options.resource, options.logs, count, options.batching);
    return new StockExporter(provider, meterProvider(options), ledger);
  }

  append(definition: RunnableEvent, event: RawEvent, process: Process): void {
    emit(this.#logger, definition.read(event, process, this.observed));
  }

  emit(record: ReadableEvent): void {
    this.#ledger.received[this.#ledger.typeOf(record.eventName)]!++;
    emit(this.#logger, record);
  }

  /** The SDK's own queue is all that there is. */
  trim(): void {}

  async shutdown(withinMs: number): Promise<void> {
    const flushed = this.#provider.shutdown().then(() => this.#meters.shutdown());
    await atMost(withinMs, flushed, this.#abort.promise);
    // What the stock queue did not hold is among it: the processor does not say.
    this.#ledger.loseRest('shutdown');
  }

  abort(): void {
    this.#abort.resolve();
  }
}

/** A promise that is resolved from outside: a second signal ends all waiting at once. */
class Abort {
  resolve: () => void = () => {};
  readonly promise: Promise<void> = new Promise((resolve) => {
    this.resolve = resolve;
  });
}

/** Waits for the first of the ends, whether good or bad, and at most `ms`. */
async function atMost(ms: number, ...ends: readonly Promise<void>[]): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([limit, ...ends]).catch(() => {});
  clearTimeout(timer);
}
