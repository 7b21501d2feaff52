// SPDX-License-Identifier: Apache-2.0
import { ProtobufLogsSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs';
import type { ReadableEvent } from '../../src/events/event.ts';
import type { Envelope } from '../../src/export/batches.ts';
import { varintSize } from '../../src/otlp-bytes.ts';
import { Writer } from '../../src/otlp-writer.ts';

/*
 * What the official serializer makes of readable events: the reference of our own encoder. Nothing of src/export is
 * used, so that a mistake there cannot cancel itself out.
 */

export const RESOURCE = resourceFromAttributes({
  'service.name': 'agentsmith-otel',
  'host.name': 'hôst',
  'host.cpus': 2,
});
export const SCOPE = {
  name: 'agentsmith',
  version: '0.1.0',
  schemaUrl: 'https://opentelemetry.io/schemas/1.45.0',
};

const hrTime = (ns: bigint): [number, number] => [Number(ns / 1_000_000_000n), Number(ns % 1_000_000_000n)];

/** The record as the SDK would hand it to an exporter. */
function readableRecord(event: ReadableEvent): ReadableLogRecord {
  return {
    hrTime: hrTime(event.time),
    hrTimeObserved: hrTime(event.observed),
    severityNumber: event.severityNumber,
    body: event.body,
    eventName: event.eventName,
    attributes: event.attributes as ReadableLogRecord['attributes'],
    droppedAttributesCount: 0,
    resource: RESOURCE,
    instrumentationScope: SCOPE,
  };
}

/** The whole request. */
export function officialRequest(events: readonly ReadableEvent[]): Buffer {
  return Buffer.from(ProtobufLogsSerializer.serializeRequest(events.map(readableRecord))!);
}

/** A record of the SDK as LogRecord bytes: what stands in the one ScopeLogs of the request behind its scope. */
export function officialRecord(record: ReadableLogRecord): Buffer {
  const request = Buffer.from(ProtobufLogsSerializer.serializeRequest([record])!);
  const scope = envelope().scope;
  const start = request.indexOf(scope) + scope.length;
  let length = 0;
  let at = start + 1;
  for (let scale = 1; ; scale *= 128) {
    const byte = request[at++]!;
    length += (byte & 127) * scale;
    if (byte < 128) break;
  }
  return request.subarray(at, at + length);
}

/** {@link RESOURCE} and {@link SCOPE} around records, written by hand from the .proto files. */
export function envelope(): Envelope {
  const out = new Writer(Buffer.alloc(4096));
  const field = (tag: number, bytes: Uint8Array) => {
    out.at = 0;
    out.byte(tag);
    out.varint(bytes.length);
    const head = out.bytes.subarray(0, out.at);
    if (head.length !== 1 + varintSize(bytes.length)) throw new Error('varintSize and varint disagree');
    return Buffer.concat([head, bytes]);
  };
  const string = (tag: number, text: string) => field(tag, Buffer.from(text));
  const attribute = (name: string, value: Buffer) =>
    field(0x0a, Buffer.concat([string(0x0a, name), field(0x12, value)]));
  const resource = [
    attribute('service.name', string(0x0a, 'agentsmith-otel')),
    attribute('host.name', string(0x0a, 'hôst')),
    attribute('host.cpus', Buffer.from([0x18, 2])),
    Buffer.from([0x10, 0]),
  ];
  return {
    resource: field(0x0a, Buffer.concat(resource)),
    scope: field(0x0a, Buffer.concat([string(0x0a, SCOPE.name), string(0x12, SCOPE.version)])),
    schemaUrl: string(0x1a, SCOPE.schemaUrl),
  };
}
