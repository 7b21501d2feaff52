// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';

/** Reads and writes OTLP with protobufjs: independent of the encoder under test, and slow. */

/** A value of the OTLP data model. An int is a `bigint` only where a number would not be exact. */
export type Value =
  | string
  | number
  | bigint
  | boolean
  | Buffer
  | null
  | readonly Value[]
  | { readonly [key: string]: Value };

/** Attributes by key. A key that came twice fails the decoding: OTLP forbids it. */
export type Attributes = Record<string, Value>;

/** What names the sender of a record or metric. */
export interface Origin {
  readonly resource: Attributes;
  readonly scope: { readonly name: string; readonly version: string; readonly attributes: Attributes };
  readonly schemaUrl: string;
}

/** A log record as a test wants to read it. */
export interface LogRecord extends Origin {
  readonly eventName: string;
  readonly timeUnixNano: bigint;
  readonly observedTimeUnixNano: bigint;
  readonly severityNumber: number;
  readonly severityText: string;
  readonly body: Value;
  readonly attributes: Attributes;
  readonly droppedAttributesCount: number;
  readonly flags: number;
  /** Lower-case hex, empty when absent. */
  readonly traceId: string;
  readonly spanId: string;
}

/** A data point; histograms fill the lower half. */
export interface Point {
  readonly attributes: Attributes;
  readonly startTimeUnixNano: bigint;
  readonly timeUnixNano: bigint;
  readonly value?: number | bigint;
  readonly count?: number | bigint;
  readonly sum?: number;
  readonly bucketCounts?: readonly (number | bigint)[];
  readonly explicitBounds?: readonly number[];
  /** Of an exponential histogram, whose positive buckets are then in `bucketCounts`. */
  readonly scale?: number;
  readonly offset?: number;
}

/** A metric as a test wants to read it. */
export interface Metric extends Origin {
  readonly name: string;
  readonly description: string;
  readonly unit: string;
  readonly type: 'gauge' | 'sum' | 'histogram' | 'exponentialHistogram';
  readonly temporality?: 'delta' | 'cumulative';
  readonly monotonic?: boolean;
  readonly points: readonly Point[];
}

// The compiled tests live in build/, where tsc puts no .proto file.
const beside = fileURLToPath(new URL('./otlp.proto', import.meta.url));
const inSource = fileURLToPath(new URL('../../../test/support/otlp.proto', import.meta.url));
const root = protobuf.loadSync(existsSync(beside) ? beside : inSource);

/** Encodes a message of otlp.proto. */
export function encode(type: string, message: Record<string, unknown>): Buffer {
  const codec = root.lookupType(`otlp.${type}`);
  return Buffer.from(codec.encode(codec.fromObject(message)).finish());
}

/** Decodes a message of otlp.proto as it is: integers of 64 bits as decimal strings, absent fields absent. */
export function decode(type: string, bytes: Uint8Array): Record<string, unknown> {
  const codec = root.lookupType(`otlp.${type}`);
  return codec.toObject(codec.decode(bytes), { longs: String, bytes: Buffer, arrays: true });
}

/** The records of an ExportLogsServiceRequest, in order. */
export function decodeLogs(bytes: Uint8Array): LogRecord[] {
  const records: LogRecord[] = [];
  for (const resourceLogs of list(decode('ExportLogsServiceRequest', bytes).resourceLogs)) {
    for (const scopeLogs of list(resourceLogs.scopeLogs)) {
      const origin = originOf(resourceLogs, scopeLogs);
      for (const record of list(scopeLogs.logRecords)) {
        records.push({
          ...origin,
          eventName: text(record.eventName),
          timeUnixNano: BigInt(text(record.timeUnixNano) || 0),
          observedTimeUnixNano: BigInt(text(record.observedTimeUnixNano) || 0),
          severityNumber: Number(record.severityNumber ?? 0),
          severityText: text(record.severityText),
          body: anyValue(record.body),
          attributes: attributesOf(record.attributes),
          droppedAttributesCount: Number(record.droppedAttributesCount ?? 0),
          flags: Number(record.flags ?? 0),
          traceId: hex(record.traceId),
          spanId: hex(record.spanId),
        });
      }
    }
  }
  return records;
}

/** The metrics of an ExportMetricsServiceRequest, in order. */
export function decodeMetrics(bytes: Uint8Array): Metric[] {
  const metrics: Metric[] = [];
  for (const resourceMetrics of list(decode('ExportMetricsServiceRequest', bytes).resourceMetrics)) {
    for (const scopeMetrics of list(resourceMetrics.scopeMetrics)) {
      const origin = originOf(resourceMetrics, scopeMetrics);
      for (const metric of list(scopeMetrics.metrics)) metrics.push({ ...origin, ...metricOf(metric) });
    }
  }
  return metrics;
}

type Message = Record<string, unknown>;

function metricOf(metric: Message): Omit<Metric, keyof Origin> {
  const type = (['gauge', 'sum', 'histogram', 'exponentialHistogram'] as const).find((name) => metric[name]);
  if (type === undefined) throw new Error(`metric ${text(metric.name)} has no data`);
  const data = metric[type] as Message;
  const temporality = ([undefined, 'delta', 'cumulative'] as const)[Number(data.aggregationTemporality ?? 0)];
  return {
    name: text(metric.name),
    description: text(metric.description),
    unit: text(metric.unit),
    type,
    ...(temporality && { temporality }),
    ...(type === 'sum' && { monotonic: data.isMonotonic === true }),
    points: list(data.dataPoints).map(pointOf),
  };
}

function pointOf(point: Message): Point {
  const positive = point.positive as Message | undefined;
  const value = point.asInt !== undefined ? integer(point.asInt) : (point.asDouble as number | undefined);
  return {
    attributes: attributesOf(point.attributes),
    startTimeUnixNano: BigInt(text(point.startTimeUnixNano) || 0),
    timeUnixNano: BigInt(text(point.timeUnixNano) || 0),
    ...(value !== undefined && { value }),
    ...(point.count !== undefined && { count: integer(point.count) }),
    ...(point.sum !== undefined && { sum: point.sum as number }),
    ...(point.bucketCounts !== undefined && { bucketCounts: (point.bucketCounts as string[]).map(integer) }),
    ...(point.explicitBounds !== undefined && { explicitBounds: point.explicitBounds as number[] }),
    ...(positive && {
      scale: Number(point.scale ?? 0),
      offset: Number(positive.offset ?? 0),
      bucketCounts: (positive.bucketCounts as string[]).map(integer),
    }),
  };
}

function originOf(outer: Message, inner: Message): Origin {
  const scope = (inner.scope ?? {}) as Message;
  return {
    resource: attributesOf(((outer.resource ?? {}) as Message).attributes),
    scope: {
      name: text(scope.name),
      version: text(scope.version),
      attributes: attributesOf(scope.attributes),
    },
    schemaUrl: text(inner.schemaUrl),
  };
}

function attributesOf(pairs: unknown): Attributes {
  const attributes: Attributes = {};
  for (const pair of list(pairs)) {
    const key = text(pair.key);
    if (Object.hasOwn(attributes, key)) throw new Error(`attribute ${key} came twice`);
    attributes[key] = anyValue(pair.value);
  }
  return attributes;
}

function anyValue(message: unknown): Value {
  const any = (message ?? {}) as Message;
  if (any.intValue !== undefined) return integer(any.intValue);
  if (any.arrayValue !== undefined) return list((any.arrayValue as Message).values).map(anyValue);
  if (any.kvlistValue !== undefined) return attributesOf((any.kvlistValue as Message).values);
  return (any.stringValue ?? any.boolValue ?? any.doubleValue ?? any.bytesValue ?? null) as Value;
}

function integer(decimal: unknown): number | bigint {
  const number = Number(decimal);
  return Number.isSafeInteger(number) ? number : BigInt(text(decimal));
}

const list = (value: unknown): Message[] => (value ?? []) as Message[];
const text = (value: unknown): string => String(value ?? '');
const hex = (value: unknown): string => (Buffer.isBuffer(value) ? value.toString('hex') : '');
