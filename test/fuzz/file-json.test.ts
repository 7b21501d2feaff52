// SPDX-License-Identifier: Apache-2.0
// Any request that OTLP allows, through the transcoder: its JSON holds what a decoder of protobuf finds in the bytes.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { JsonLines } from '../../src/export/file-json.ts';
import { fuzz } from '../support/fuzz.ts';
import { decode, encode } from '../support/otlp-decode.ts';

const text = fc
  .oneof(fc.string(), fc.string({ unit: 'binary' }), fc.constantFrom('', '"\\/', '\u0000\u001f\u007f\u2028'))
  // What is no Unicode cannot be a protobuf string.
  .map((value) => value.toWellFormed());
const int64 = fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }).map(String);
const fixed64 = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }).map(String);
const u32 = fc.nat({ max: 0xffffffff });

const { any } = fc.letrec<{ any: unknown }>((tie) => ({
  any: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.record({ stringValue: text }),
    fc.record({ boolValue: fc.boolean() }),
    fc.record({ intValue: int64 }),
    fc.record({ doubleValue: fc.double() }),
    fc.record({ bytesValue: fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)) }),
    fc.constant({}),
    fc.record({ arrayValue: fc.record({ values: fc.array(tie('any'), { maxLength: 4 }) }) }),
    fc.record({
      kvlistValue: fc.record({
        values: fc.array(fc.record({ key: text, value: tie('any') }), { maxLength: 4 }),
      }),
    }),
  ),
}));

const attributes = fc.array(fc.record({ key: text, value: any }), { maxLength: 5 });
const logRecord = fc.record(
  {
    timeUnixNano: fixed64,
    severityNumber: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
    severityText: text,
    body: any,
    attributes,
    droppedAttributesCount: u32,
    flags: u32,
    traceId: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((id) => Buffer.from(id)),
    spanId: fc.uint8Array({ minLength: 8, maxLength: 8 }).map((id) => Buffer.from(id)),
    observedTimeUnixNano: fixed64,
    eventName: text,
  },
  { requiredKeys: [] },
);

/** The JSON mapping of what protobufjs decoded: bytes by their field, 64-bit integers are strings already. */
function mapped(value: unknown, key = ''): unknown {
  if (Buffer.isBuffer(value)) return value.toString(key === 'bytesValue' ? 'base64' : 'hex');
  if (key === 'doubleValue') return Number.isFinite(value) ? value : `${value as number}`;
  if (Array.isArray(value)) return value.length > 0 ? value.map((each) => mapped(each)) : undefined;
  if (typeof value !== 'object' || value === null) return value;
  return JSON.parse(
    JSON.stringify(
      Object.fromEntries(Object.entries(value).map(([k, v]) => [k, negativeZero(mapped(v, k))])),
    ),
  );
}

/** JSON.stringify cannot say it; the lines can. */
const negativeZero = (value: unknown) => (Object.is(value, -0) ? 0 : value);

const scopeOnly = { name: 'a "scope"', version: '1', attributes: [{ key: 'k', value: { intValue: '-5' } }] };
const part = (type: string, tag: number, message: object): Buffer => {
  const bytes = encode(type, message as Record<string, unknown>);
  assert.ok(bytes.length < 128);
  return Buffer.concat([Buffer.from([tag, bytes.length]), bytes]);
};
const envelope = {
  resource: part('Resource', 0x0a, { attributes: [{ key: 'ü', value: { boolValue: true } }] }),
  scope: part('InstrumentationScope', 0x0a, scopeOnly),
  schemaUrl: Buffer.from('\x1a\x03a/b', 'latin1'),
};

describe('the transcoder to OTLP-JSON', function () {
  this.timeout('2m');

  it('says the same as the protobuf it is given, whatever that is', () => {
    const lines = new JsonLines(envelope, 3000);
    fuzz(
      2000,
      fc.property(fc.array(logRecord, { minLength: 1, maxLength: 6 }), (records) => {
        const encoded = records.map((record) => encode('LogRecord', record));
        const bytes = Buffer.concat(
          encoded.flatMap((record) => [Buffer.from([0x12]), varint(record.length), record]),
        );
        const types = new Uint8Array(records.length);
        const written = [...lines.of(bytes, 0, bytes.length, types)].flatMap((line) => {
          const request = JSON.parse(line.bytes.toString()) as Written;
          const [{ logRecords, ...around }] = request.resourceLogs[0].scopeLogs;
          assert.deepEqual(around, { scope: scopeOnly, schemaUrl: 'a/b' });
          assert.equal(logRecords.length, line.types.length);
          assert.ok(logRecords.length === 1 || line.bytes.length <= 3000);
          return logRecords;
        });
        const expected = encoded.map((record) => mapped(decode('LogRecord', record)));
        assert.deepEqual(JSON.parse(JSON.stringify(written)), expected);
      }),
    );
  });
});

interface Written {
  readonly resourceLogs: [{ readonly scopeLogs: [{ readonly logRecords: unknown[] }] }];
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest & 127) | 128);
  }
}
