// SPDX-License-Identifier: Apache-2.0

/*
 * The only door to the OpenTelemetry SDK: providers, processors, metric export. Nothing else imports sdk-logs or
 * sdk-metrics, but for the stock lane (stock.ts), which loads them when it is asked for.
 * Past 400 lines: one door is one file, and a test counts the doors.
 */
import { diag, type Logger, type LogRecord, type Meter, type SeverityNumber } from '@opentelemetry/api';
import {
  ExportResultCode,
  globalErrorHandler,
  type InstrumentationScope,
  setGlobalErrorHandler,
} from '@opentelemetry/core';
import { createOtlpNetworkExportDelegate, ExporterMetrics } from '@opentelemetry/otlp-exporter-base';
import {
  JsonLogsSerializer,
  JsonMetricsSerializer,
  MetricsExporterMetricsHelper,
  ProtobufLogsSerializer,
  ProtobufMetricsSerializer,
} from '@opentelemetry/otlp-transformer';
import { emptyResource, type Resource } from '@opentelemetry/resources';
import {
  BatchLogRecordProcessor,
  LoggerProvider,
  type LogRecordExporter,
  type LogRecordProcessor,
  type ReadableLogRecord,
  type ReadWriteLogRecord,
} from '@opentelemetry/sdk-logs';
import {
  AggregationTemporality,
  DataPointType,
  InstrumentType,
  MeterProvider,
  type MetricReader,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics';
import { VERSION } from '../config/version.ts';
import type { ReadableEvent } from '../events/event.ts';
import type { AttributeLimits } from '../events/limits.ts';
import type { Envelope } from './batches.ts';
import { ExportError } from './export-error.ts';
import type { GrpcConnection } from './grpc-connection.ts';
import { type CountedHistogram, HistogramProducer } from './histogram-producer.ts';
import type { JsonEnvelope } from './json-batches.ts';
import { componentType, responseAttributes } from './log-sender.ts';
import { metricLines } from './metric-lines.ts';
import type { Receiver } from './receiver.ts';
import { ReceiverState, type ReceiverStatus } from './receiver-state.ts';
import { RetryingTransport } from './retrying-transport.ts';
import { OtlpTransport } from './transport.ts';

/** One scope for all of our records; the attribute names follow this version of the conventions. */
export const SCOPE: InstrumentationScope = {
  name: 'agentsmith-otel',
  version: VERSION,
  schemaUrl: 'https://opentelemetry.io/schemas/1.45.0',
};

/** The same message of the SDK is not told again within this time. */
const QUIET_MS = 60_000;

/**
 * Failures that the SDK reports to nobody in particular: one line each. Its own handler prints a stack as JSON, for
 * every batch of a receiver that is away.
 */
function tellSdkErrors(): void {
  const toldAt = new Map<string, number>();
  setGlobalErrorHandler((error) => {
    // Told by the state of the receiver, once; the metric reader wraps it.
    if (error instanceof ExportError || /\bExportError: /.test(String(error))) return;
    const [message = ''] = (typeof error === 'string' ? error : (error as Error).message).split('\n');
    const now = performance.now();
    if (now - (toldAt.get(message) ?? Number.NEGATIVE_INFINITY) < QUIET_MS) return;
    if (toldAt.size >= 64) toldAt.clear();
    toldAt.set(message, now);
    diag.warn(`OpenTelemetry SDK: ${message}`);
  });
}

/** [tag, start, end of content] of each length-delimited field of a protobuf message. */
function* fields(bytes: Uint8Array, from = 0, to = bytes.length): Generator<[number, number, number]> {
  for (let at = from; at < to; ) {
    const tag = bytes[at++]!;
    let length = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = bytes[at++]!;
      length += (byte & 127) * shift;
      if (byte < 128) break;
    }
    yield [tag, at, at + length];
    at += length;
  }
}

/** The one ScopeLogs of a request that the official serializer made. */
function scopeLogs(request: Uint8Array): {
  resource: [number, number];
  scope: [number, number];
  record: [number, number];
  end: number;
} {
  const [, start, end] = fields(request).next().value!;
  const [resource, logs] = [...fields(request, start, end)];
  const [scope, record] = [...fields(request, logs![1], logs![2])];
  return {
    resource: [start, resource![2]],
    scope: [logs![1], scope![2]],
    record: [record![1], record![2]],
    end: logs![2],
  };
}

/** A record as the SDK hands it to serializers. */
function readable(event: ReadableEvent, resource: Resource): ReadableLogRecord {
  const { time, observed, body, attributes, eventName, severityNumber } = event;
  return {
    hrTime: hrTime(time),
    hrTimeObserved: hrTime(observed),
    severityNumber,
    eventName,
    ...(body !== undefined && { body }),
    attributes: attributes as ReadableLogRecord['attributes'],
    droppedAttributesCount: 0,
    resource,
    instrumentationScope: SCOPE,
  };
}

/** [seconds, nanoseconds] */
function hrTime(nanoseconds: bigint): [number, number] {
  return [Number(nanoseconds / 1_000_000_000n), Number(nanoseconds % 1_000_000_000n)];
}

/** The request that the official serializer makes of readable events: what our bytes are compared with. */
export function officialRequest(events: readonly ReadableEvent[], resource: Resource): Uint8Array {
  return ProtobufLogsSerializer.serializeRequest(events.map((event) => readable(event, resource)))!;
}

/** Stands for the records where only what is around them matters. */
const EMPTY: ReadableEvent = {
  eventName: 'x',
  severityNumber: 9,
  time: 0n,
  observed: 0n,
  body: undefined,
  attributes: {},
};

/** Resource and scope as the official serializer writes them, for {@link Batches}. */
export function envelopeOf(resource: Resource): Envelope {
  const request = officialRequest([EMPTY], resource);
  const parts = scopeLogs(request);
  return {
    resource: request.slice(...parts.resource),
    scope: request.slice(...parts.scope),
    schemaUrl: request.slice(parts.record[1], parts.end),
  };
}

/** Takes what the SDK's loggers emit as LogRecord bytes: `name` and `severity` are the record's own. */
export type RecordSink = (record: Uint8Array, name: string, severity: number) => void;

/** One record as the official serializer writes it, without what stands around it in a request. */
export type RecordEncoder = (record: ReadableLogRecord) => Uint8Array | undefined;

/** A LogRecord in protobuf. */
export const protobufRecord: RecordEncoder = (record) => {
  const request = ProtobufLogsSerializer.serializeRequest([record]);
  return request?.subarray(...scopeLogs(request).record);
};

/** A LogRecord in JSON. */
export const jsonRecord: RecordEncoder = (record) => {
  const request = JsonLogsSerializer.serializeRequest([record]);
  return request?.subarray(...jsonRecordOf(request));
};

/** Where the one record of a JSON request is: inside of strings the quotes of the key would be escaped. */
function jsonRecordOf(request: Uint8Array): [number, number] {
  const text = Buffer.from(request.buffer, request.byteOffset, request.byteLength);
  const key = '"logRecords":[';
  const { schemaUrl } = SCOPE;
  const tail = schemaUrl === undefined ? ']}]}]}' : `],"schemaUrl":${JSON.stringify(schemaUrl)}}]}]}`;
  return [text.indexOf(key) + key.length, text.length - Buffer.byteLength(tail)];
}

/** A readable event as LogRecord in JSON; the serializer would write a resource anew for each. */
export function readableToJson(event: ReadableEvent): Uint8Array {
  return jsonRecord(readable(event, NO_RESOURCE))!;
}

const NO_RESOURCE = emptyResource();

/** The text around the records of a JSON request. */
export function jsonEnvelopeOf(resource: Resource): JsonEnvelope {
  const request = JsonLogsSerializer.serializeRequest([readable(EMPTY, resource)])!;
  const [start, end] = jsonRecordOf(request);
  return { head: request.slice(0, start), tail: request.slice(end) };
}

/**
 * A LoggerProvider whose records ride with the events: encoded by the official serializer, appended to the same
 * batches, so that rare records have the same retry and the same accounting.
 */
export function createLoggerProvider(
  resource: Resource,
  encode: RecordEncoder,
  sink: RecordSink,
  limits?: AttributeLimits,
): LoggerProvider {
  const processor: LogRecordProcessor = {
    onEmit(record) {
      const bytes = encode(record);
      if (bytes) sink(bytes, record.eventName ?? '', record.severityNumber ?? 0);
    },
    forceFlush: async () => {},
    shutdown: async () => {},
  };
  return new LoggerProvider({ resource, processors: [processor], logRecordLimits: sdkLimits(limits) });
}

/** The SDK's names for limits; without one there is none, where the SDK's own would be 128 attributes. */
export function sdkLimits({ count, valueLength }: AttributeLimits = {}): {
  attributeCountLimit: number;
  attributeValueLengthLimit: number;
} {
  return {
    attributeCountLimit: count ?? Number.POSITIVE_INFINITY,
    attributeValueLengthLimit: valueLength ?? Number.POSITIVE_INFINITY,
  };
}

const dropped = new WeakSet<ReadWriteLogRecord>();

/**
 * Leaves a record out: to be called from `onEmit` of a user's processor. The processors behind it and the destinations
 * do not see the record; it is counted as filtered.
 */
export function drop(record: ReadWriteLogRecord): void {
  dropped.add(record);
}

/** What {@link createUserProvider} is made of; `name` is the one that a record had before the user's processors. */
export interface UserPieces {
  readonly processors: readonly LogRecordProcessor[];
  readonly exporters: readonly LogRecordExporter[];
  onDropped(name: string): void;
  onPassed(record: ReadableLogRecord, name: string): void;
  /** What became of a record in the first exporter. */
  onResult(name: string, isExported: boolean): void;
}

/**
 * A LoggerProvider of the user's processors and exporters. A processor that throws costs no record and no drain: it is
 * told of, and the record goes on.
 */
export function createUserProvider(resource: Resource, pieces: UserPieces): LoggerProvider {
  tellSdkErrors();
  const names = new WeakMap<object, string>();
  const exporters = pieces.exporters.map((exporter, i) => {
    if (i === 0)
      tellResults(exporter, (records, isExported) => {
        for (const record of records) pieces.onResult(names.get(record) ?? '', isExported);
      });
    return batching(exporter);
  });
  const all = [...pieces.processors, ...exporters];
  const chain: LogRecordProcessor = {
    onEmit(record, context) {
      const name = record.eventName ?? '';
      names.set(record, name);
      for (const processor of pieces.processors) {
        try {
          processor.onEmit(record, context);
        } catch (error) {
          globalErrorHandler(error as Error);
        }
        if (dropped.has(record)) return pieces.onDropped(name);
      }
      pieces.onPassed(record, name);
      for (const exporter of exporters) exporter.onEmit(record, context);
    },
    forceFlush: async () => {
      await Promise.all(all.map((processor) => processor.forceFlush()));
    },
    shutdown: async () => {
      await Promise.all(all.map((processor) => processor.shutdown()));
    },
  };
  return new LoggerProvider({ resource, processors: [chain] });
}

/** A processor tells nobody what became of a batch. */
export function tellResults(
  exporter: LogRecordExporter,
  onResult: (records: readonly ReadableLogRecord[], isExported: boolean) => void,
): void {
  const send = exporter.export.bind(exporter);
  exporter.export = (records, done) => {
    send(records, (result) => {
      onResult(records, result.code === ExportResultCode.SUCCESS);
      done(result);
    });
  };
}

/** A record the queue does not hold is lost in silence: the largest queue that stays within 100 MB. */
export function batching(
  exporter: LogRecordExporter,
  { maxRecords = 2048, queueRecords: maxQueueSize = 65_536, ageMs = 200, timeoutMs }: Batching = {},
): LogRecordProcessor {
  return new BatchLogRecordProcessor({
    exporter,
    maxQueueSize,
    maxExportBatchSize: Math.min(maxRecords, 2048, maxQueueSize),
    scheduledDelayMillis: ageMs,
    ...(timeoutMs !== undefined && { exportTimeoutMillis: timeoutMs }),
  });
}

/** Emits a readable event through a logger of the SDK. */
export function emit(logger: Logger, event: ReadableEvent): void {
  const record: LogRecord = {
    eventName: event.eventName,
    timestamp: hrTime(event.time),
    observedTimestamp: hrTime(event.observed),
    severityNumber: event.severityNumber as SeverityNumber,
    ...(event.body !== undefined && { body: event.body }),
    attributes: { ...event.attributes, ...event.maps } as NonNullable<LogRecord['attributes']>,
  };
  logger.emit(record);
}

/** Logger of our scope. */
export function loggerOf(provider: LoggerProvider): Logger {
  return provider.getLogger(SCOPE.name, SCOPE.version, { schemaUrl: SCOPE.schemaUrl! });
}

/** How records wait for their request, and within which limits they are. */
export interface Batching {
  readonly maxRecords?: number;
  /** Records that wait at most; without it only their bytes are bounded. */
  readonly queueRecords?: number;
  readonly ageMs?: number;
  /** Of the stock processor: what one delivery may take. */
  readonly timeoutMs?: number;
  readonly limits?: AttributeLimits;
}

/** OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE */
export type Temporality = 'cumulative' | 'delta' | 'lowmemory';

/** What the OTLP exporter's specification makes of a preference. */
function temporalityOf(preference: Temporality, type: InstrumentType): AggregationTemporality {
  const isSynchronous = type === InstrumentType.COUNTER || type === InstrumentType.HISTOGRAM;
  const isDelta =
    preference === 'delta'
      ? isSynchronous || type === InstrumentType.OBSERVABLE_COUNTER
      : preference === 'lowmemory' && isSynchronous;
  return isDelta ? AggregationTemporality.DELTA : AggregationTemporality.CUMULATIVE;
}

/** How often metrics leave. */
export interface MetricTimes {
  readonly intervalMillis: number;
  readonly timeoutMillis: number;
}

/** What brings counted histograms to a reader, and all those of a meter's readers. */
const producers = new WeakMap<MetricReader | Meter, readonly HistogramProducer[]>();

/** Instruments of the agent, read by the readers; none: they cost nothing. */
export function createMeterProvider(
  resource: Resource,
  readers: readonly MetricReader[],
): { readonly provider: MeterProvider; readonly meter: Meter } {
  const provider = new MeterProvider({ resource, readers: [...readers] });
  const meter = provider.getMeter(SCOPE.name, SCOPE.version);
  producers.set(
    meter,
    readers.flatMap((reader) => producers.get(reader) ?? []),
  );
  return { provider, meter };
}

/** A histogram that is counted elsewhere goes where the instruments of the meter go. */
export function addHistogram(meter: Meter, histogram: CountedHistogram): void {
  for (const producer of producers.get(meter) ?? []) producer.add(histogram);
}

function periodic(
  exporter: PushMetricExporter,
  { intervalMillis, timeoutMillis }: MetricTimes,
): MetricReader {
  tellSdkErrors();
  const temporality =
    exporter.selectAggregationTemporality?.(InstrumentType.HISTOGRAM) ?? AggregationTemporality.CUMULATIVE;
  const producer = new HistogramProducer({
    scope: { name: SCOPE.name, version: SCOPE.version! },
    kind: DataPointType.EXPONENTIAL_HISTOGRAM,
    temporality,
    isDelta: temporality === AggregationTemporality.DELTA,
  });
  const reader = new PeriodicExportingMetricReader({
    metricProducers: [producer],
    exporter,
    exportIntervalMillis: intervalMillis,
    // The reader takes no longer time than its interval.
    exportTimeoutMillis: Math.min(intervalMillis, timeoutMillis),
  });
  producers.set(reader, [producer]);
  return reader;
}

/** Metrics as lines of text, a data point each. */
export function consoleReader(print: (text: string) => void, times: MetricTimes): MetricReader {
  const exporter: PushMetricExporter = {
    export: (metrics, done) => {
      print(metricLines(metrics));
      done({ code: ExportResultCode.SUCCESS });
    },
    forceFlush: async () => {},
    shutdown: async () => {},
  };
  return periodic(exporter, times);
}

/** Metrics to a receiver by our transport. */
export function otlpReader(options: {
  readonly receiver: Receiver;
  /** To be shared with the logs (gRPC). */
  readonly connection: GrpcConnection | undefined;
  readonly times: MetricTimes;
  readonly temporality: Temporality;
  onState(status: ReceiverStatus): void;
}): MetricReader {
  const { receiver, connection, times, temporality } = options;
  const { protocol } = receiver;
  const state = new ReceiverState((status) => options.onState(status));
  // The next export carries the same cumulative values, so an old one is not worth waiting for.
  const transport = new RetryingTransport(new OtlpTransport(receiver, connection), {
    giveUpAfterMs: times.intervalMillis / 2,
    onFailure: (error) => state.failed(error),
    onSuccess: () => state.succeeded(),
  });
  const serializer = protocol === 'http/json' ? JsonMetricsSerializer : ProtobufMetricsSerializer;
  const delegate = createOtlpNetworkExportDelegate<ResourceMetrics, object>(
    { timeoutMillis: receiver.timeoutMillis, concurrencyLimit: 2, compression: 'none' },
    {
      serializeRequest: (metrics) => serializer.serializeRequest(metrics),
      deserializeResponse: () => ({}),
    },
    new ExporterMetrics<ResourceMetrics>({
      componentType: componentType(protocol, 'metric'),
      metricsHelper: MetricsExporterMetricsHelper,
      url: receiver.url,
      meterProvider: undefined,
      responseAttributesFromError: responseAttributes(protocol),
    }),
    transport,
  );
  const exporter: PushMetricExporter = {
    export: (metrics, done) => delegate.export(metrics, done),
    forceFlush: () => delegate.forceFlush(),
    shutdown: () => delegate.shutdown(),
    selectAggregationTemporality: (type) => temporalityOf(temporality, type),
  };
  const reader = periodic(exporter, times);
  const shutdown = reader.shutdown.bind(reader);
  // The last metrics are tried once: the reader shuts its exporter down behind them, and its timer holds the process.
  reader.shutdown = (options) => {
    transport.abort();
    return shutdown(options);
  };
  return reader;
}
