// SPDX-License-Identifier: Apache-2.0
// The lines of a file against the official JSON serializer, and against a decoder of protobuf that knows the .proto.
import assert from 'node:assert/strict';
import { JsonLogsSerializer } from '@opentelemetry/otlp-transformer';
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs';
import type { Batch } from '../../../src/export/batch.ts';
import { Batches } from '../../../src/export/batches.ts';
import { JsonLines, type Line } from '../../../src/export/file-json.ts';
import { jsonLine } from '../../../src/export/json.ts';
import { FIXTURE, readRecording } from '../../support/fixture.ts';
import { envelope, officialRecord, RESOURCE, SCOPE } from '../../support/official.ts';

/** A batch of records of the SDK, and the request that the official serializer makes of the same. */
function batchOf(records: readonly ReadableLogRecord[]): Batch {
  let closed: Batch | undefined;
  const batches = new Batches({ envelope: envelope(), onBatch: (batch) => (closed = batch) });
  for (const record of records) batches.appendRecord(officialRecord(record), 50, 9);
  batches.close();
  return closed!;
}

const linesOf = (batch: Batch, maxBytes?: number): Line[] => [
  ...new JsonLines(envelope(), maxBytes).of(batch.bytes, batch.recordsStart, batch.recordsEnd, batch.types),
];

const parse = ({ bytes }: Line) => JSON.parse(bytes.toString()) as Record<string, unknown>;

function record(attributes: object, more: Partial<ReadableLogRecord> = {}): ReadableLogRecord {
  return {
    hrTime: [1_763_000_000, 123_456_789],
    hrTimeObserved: [1_763_000_001, 0],
    severityNumber: 9,
    eventName: 'x',
    attributes: attributes as ReadableLogRecord['attributes'],
    droppedAttributesCount: 0,
    resource: RESOURCE,
    instrumentationScope: SCOPE,
    ...more,
  };
}

const official = (records: ReadableLogRecord[]) =>
  JSON.parse(Buffer.from(JsonLogsSerializer.serializeRequest(records)!).toString()) as object;

describe('lines of OTLP-JSON', () => {
  it('say what the official JSON serializer says', () => {
    const records = [
      record({
        text: 'a "quoted" \\ \b\f\n\r\t \u0000\u001f\u007f ü 😀 \u2028',
        none: '',
        yes: true,
        no: false,
        half: 0.5,
        tiny: 1.5e-300,
        list: ['', 'x', '"'],
        nested: { a: 1.5, b: ['c'], d: {} },
        empty: [],
        bytes: new Uint8Array([0, 255, 1]),
      }),
      record({}, { body: 'a line', severityText: 'INFO', droppedAttributesCount: 3 }),
      record(
        { k: 'v' },
        {
          spanContext: {
            traceId: '0123456789abcdef0123456789abcdef',
            spanId: 'fedcba9876543210',
            traceFlags: 1,
          },
        },
      ),
    ];
    const lines = linesOf(batchOf(records));
    assert.equal(lines.length, 1);
    assert.deepEqual(alike(parse(lines[0]!)), alike(official(records)));
    assert.equal(lines[0]!.bytes.at(-1), 10);
    assert.equal(lines[0]!.bytes.indexOf(10), lines[0]!.bytes.length - 1);
  });

  it('have 64-bit integers as decimal strings, exactly, and numbers that JSON lacks as words', () => {
    const ints = [0, 1, -1, 2 ** 31, -(2 ** 31), Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER];
    const doubles = { nan: Number.NaN, more: Number.POSITIVE_INFINITY, less: Number.NEGATIVE_INFINITY };
    const [line] = linesOf(
      batchOf([record({ ...ints, ...doubles }, { hrTime: [18_446_744_073, 709_551_615] })]),
    );
    const [logs] = records(line!);
    assert.equal(logs!.timeUnixNano, '18446744073709551615');
    assert.deepEqual(
      logs!.attributes.map(({ value }) => value),
      [
        ...ints.map((value) => ({ intValue: `${value}` })),
        ...['NaN', 'Infinity', '-Infinity'].map((doubleValue) => ({ doubleValue })),
      ],
    );
  });

  it('hold the same records as the readable ones of a recording', () => {
    const { records: readable } = readRecording(FIXTURE);
    const hrTime = (ns: bigint): [number, number] => [
      Number(ns / 1_000_000_000n),
      Number(ns % 1_000_000_000n),
    ];
    const batch = batchOf(
      readable.map(({ time, observed, ...rest }) =>
        record(rest.attributes, {
          ...rest,
          hrTime: hrTime(time),
          hrTimeObserved: hrTime(observed),
        } as object),
      ),
    );
    const written = linesOf(batch).flatMap(records);
    assert.ok(written.length > 3);
    assert.deepEqual(
      written.map(({ droppedAttributesCount, ...rest }) => rest),
      readable.map((event) => JSON.parse(jsonLine(event)) as object),
    );
  });

  it('end before they are too long for a reader of lines, with every record once and in order', () => {
    const sizes = [10, 3000, 10, 900, 900, 900, 10, 5000, 10];
    const batch = batchOf(sizes.map((size, i) => record({ i: `${i}`, text: 'x'.repeat(size) })));
    const lines = linesOf(batch, 2000);
    for (const line of lines) {
      const held = records(line);
      assert.equal(held.length, line.types.length);
      assert.ok(
        line.bytes.length <= 2000 || held.length === 1,
        `${line.bytes.length} bytes, ${held.length} records`,
      );
      assert.deepEqual(resourceOf(line), resourceOf(linesOf(batch)[0]!));
    }
    const order = lines.flatMap(records).map(({ attributes }) => attributes[0]!.value);
    assert.deepEqual(
      order,
      sizes.map((_, i) => ({ stringValue: `${i}` })),
    );
    assert.ok(lines.length > 3);
  });

  it('leave out fields that a later OTLP may have', () => {
    const plain = officialRecord(record({ a: 'b' }));
    const later = Buffer.from([
      0xf8, 0x07, 0x96, 0x01, 0xfd, 0x07, 1, 2, 3, 4, 0xfa, 0x07, 2, 65, 66, 0xf9, 0x07, 1, 2, 3, 4, 5, 6, 7,
      8,
    ]);
    const collect = (bytes: Uint8Array) => {
      let closed: Batch | undefined;
      const batches = new Batches({ envelope: envelope(), onBatch: (batch) => (closed = batch) });
      batches.appendRecord(bytes, 50, 9);
      batches.close();
      return parse(linesOf(closed!)[0]!);
    };
    assert.deepEqual(collect(Buffer.concat([later, plain, later])), collect(plain));
  });
});

interface JsonRecord {
  readonly timeUnixNano: string;
  readonly droppedAttributesCount: number;
  readonly attributes: readonly { readonly key: string; readonly value: object }[];
}

function records(line: Line): JsonRecord[] {
  const { resourceLogs } = parse(line) as { resourceLogs: { scopeLogs: { logRecords: JsonRecord[] }[] }[] };
  return resourceLogs.flatMap(({ scopeLogs }) => scopeLogs.flatMap(({ logRecords }) => logRecords));
}

function resourceOf(line: Line): unknown {
  const { resourceLogs } = parse(line) as { resourceLogs: { resource: unknown; scopeLogs: object[] }[] };
  const [{ logRecords, ...scope }] = resourceLogs[0]!.scopeLogs as [{ logRecords?: unknown }];
  return { resource: resourceLogs[0]!.resource, scope };
}

const MAY_BE_LEFT_OUT = new Set(['body', 'attributes', 'values']);

/** The official serializers differ among themselves: intValue as a number, and what is empty left out or not. */
function alike(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (key, each: unknown) => {
      if (key === 'intValue') return `${each as string}`;
      const isEmpty = MAY_BE_LEFT_OUT.has(key) && Object.keys(each as object).length === 0;
      return isEmpty ? undefined : each;
    }),
  );
}
