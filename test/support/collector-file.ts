// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type AnyValue,
  type Attributes,
  attributesOf,
  integer,
  type KeyValue,
  plain,
  type Value,
} from './otlp-json.ts';

export type { Attributes, Value } from './otlp-json.ts';

export interface Scope {
  name: string;
  version: string;
}

export interface LogRecord {
  eventName: string;
  timeUnixNano: bigint;
  observedTimeUnixNano: bigint;
  severityNumber: number;
  /** Null when there is none. */
  body: Value;
  attributes: Attributes;
  resource: Attributes;
  scope: Scope;
}

export interface MetricPoint {
  kind: 'sum' | 'gauge' | 'histogram' | 'exponentialHistogram' | 'summary';
  unit: string;
  attributes: Attributes;
  startTimeUnixNano: bigint;
  timeUnixNano: bigint;
  /** Of a histogram: the sum of what was recorded. */
  value: number | bigint;
  /** Of a histogram: how often something was recorded. */
  count?: number;
  resource: Attributes;
  scope: Scope;
}

export interface CollectorFile {
  records: LogRecord[];
  /** By name; every export adds points, the newest last. */
  metrics: Map<string, MetricPoint[]>;
}

/** What the Collector's file exporter has written so far; a file that is not there yet holds nothing. */
export async function readCollectorFile(path: string): Promise<CollectorFile> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const lines = text.split('\n');
  lines.pop(); // After the last line break: nothing, or a line that is still being written.
  const file: CollectorFile = { records: [], metrics: new Map() };
  for (const line of lines) {
    const request = JSON.parse(line) as Request;
    for (const part of request.resourceLogs ?? []) addRecords(file.records, part);
    for (const part of request.resourceMetrics ?? []) addPoints(file.metrics, part);
  }
  return file;
}

/** Reads the file until `done` says so; after `timeoutMs` it throws what `done` still found missing. */
export async function waitForCollectorFile(
  path: string,
  done: (file: CollectorFile) => boolean,
  timeoutMs = 10_000,
): Promise<CollectorFile> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const file = await readCollectorFile(path);
    if (done(file)) return file;
    if (performance.now() > deadline) {
      const names = [...new Set(file.records.map((record) => record.eventName)), ...file.metrics.keys()];
      const found = `${file.records.length} records; names: ${names.join(' ') || 'none'}`;
      throw new Error(`${path} did not get what was waited for in ${timeoutMs} ms (${found})`);
    }
    await sleep(50);
  }
}

function addRecords(records: LogRecord[], part: ResourceLogs): void {
  const resource = attributesOf(part.resource?.attributes);
  for (const { scope, logRecords = [] } of part.scopeLogs ?? [])
    for (const record of logRecords)
      records.push({
        eventName: record.eventName ?? '',
        timeUnixNano: BigInt(record.timeUnixNano ?? 0),
        observedTimeUnixNano: BigInt(record.observedTimeUnixNano ?? 0),
        severityNumber: record.severityNumber ?? 0,
        body: plain(record.body ?? {}),
        attributes: attributesOf(record.attributes),
        resource,
        scope: scopeOf(scope),
      });
}

function addPoints(metrics: Map<string, MetricPoint[]>, part: ResourceMetrics): void {
  const resource = attributesOf(part.resource?.attributes);
  for (const { scope, metrics: list = [] } of part.scopeMetrics ?? [])
    for (const metric of list) {
      const points = metrics.get(metric.name) ?? [];
      metrics.set(metric.name, points);
      for (const kind of KINDS)
        for (const point of metric[kind]?.dataPoints ?? [])
          points.push({
            kind,
            unit: metric.unit ?? '',
            attributes: attributesOf(point.attributes),
            startTimeUnixNano: BigInt(point.startTimeUnixNano ?? 0),
            timeUnixNano: BigInt(point.timeUnixNano ?? 0),
            value: point.asInt === undefined ? (point.asDouble ?? point.sum ?? 0) : integer(point.asInt),
            ...(point.count === undefined ? {} : { count: Number(point.count) }),
            resource,
            scope: scopeOf(scope),
          });
    }
}

const KINDS = ['sum', 'gauge', 'histogram', 'exponentialHistogram', 'summary'] as const;

const scopeOf = (scope?: Partial<Scope>): Scope => ({
  name: scope?.name ?? '',
  version: scope?.version ?? '',
});

// The OTLP-JSON that is read here: 64-bit integers are strings, and what is zero or empty may be left out.
interface Request {
  resourceLogs?: ResourceLogs[];
  resourceMetrics?: ResourceMetrics[];
}
interface ResourceLogs {
  resource?: { attributes?: KeyValue[] };
  scopeLogs?: { scope?: Partial<Scope>; logRecords?: JsonRecord[] }[];
}
interface ResourceMetrics {
  resource?: { attributes?: KeyValue[] };
  scopeMetrics?: { scope?: Partial<Scope>; metrics?: JsonMetric[] }[];
}
interface JsonRecord {
  eventName?: string;
  timeUnixNano?: string;
  observedTimeUnixNano?: string;
  severityNumber?: number;
  body?: AnyValue;
  attributes?: KeyValue[];
}
type JsonMetric = { name: string; unit?: string } & {
  [kind in (typeof KINDS)[number]]?: { dataPoints?: JsonPoint[] };
};
interface JsonPoint {
  attributes?: KeyValue[];
  startTimeUnixNano?: string;
  timeUnixNano?: string;
  asInt?: string;
  asDouble?: number;
  sum?: number;
  count?: string;
}
