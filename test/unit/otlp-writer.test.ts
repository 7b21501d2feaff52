// SPDX-License-Identifier: Apache-2.0
// Each primitive of the encoder against protobufjs or plain arithmetic; whole records: events/straight.test.ts.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { key, varintSize } from '../../src/otlp-bytes.ts';
import { type AttributeValue, Writer } from '../../src/otlp-writer.ts';
import { INTERESTING } from '../support/interesting.ts';
import { encode } from '../support/otlp-decode.ts';

const written = (write: (out: Writer) => void, size = 4096): Buffer => {
  const out = new Writer(Buffer.alloc(size));
  write(out);
  return Buffer.from(out.bytes.subarray(0, out.at));
};

/** A varint by the definition, from any integer of 64 bits. */
function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  do {
    bytes.push(Number(rest & 127n) | (rest > 127n ? 128 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return Buffer.from(bytes);
}

/** protobufjs's bytes of LogRecord.attributes with this one attribute. */
function reference(name: string, value: AttributeValue): Buffer {
  const any = (v: AttributeValue): object =>
    typeof v === 'string'
      ? { stringValue: v }
      : typeof v === 'boolean'
        ? { boolValue: v }
        : typeof v === 'number'
          ? Number.isInteger(v)
            ? { intValue: v }
            : { doubleValue: v }
          : { arrayValue: { values: v.map(any) } };
  return encode('LogRecord', { attributes: [{ key: name, value: any(value) }] });
}

describe('Writer', () => {
  it('writes varints as protobuf has them, and knows their size', () => {
    for (const value of [...INTERESTING, 2 ** 32, 2 ** 35 - 1, 2 ** 35, 2 ** 49, Number.MAX_SAFE_INTEGER]) {
      const bytes = written((out) => out.varint(value));
      assert.deepEqual(bytes, varint(BigInt(value)), `${value}`);
      assert.equal(varintSize(value), bytes.length, `${value}`);
    }
    fc.assert(fc.property(fc.maxSafeNat(), (n) => written((out) => out.varint(n)).equals(varint(BigInt(n)))));
  });

  it('writes the decimal digits of any safe integer', () => {
    const values = [...INTERESTING, 1e15 - 1, 1e15, 8_999_999_999_999_999, Number.MAX_SAFE_INTEGER];
    for (const value of values) assert.equal(written((out) => out.digits(value)).toString(), `${value}`);
    fc.assert(fc.property(fc.maxSafeNat(), (n) => written((out) => out.digits(n)).toString() === `${n}`));
  });

  const ATTRIBUTES: Readonly<Record<string, AttributeValue>> = {
    zero: 0,
    'a large int': Number.MAX_SAFE_INTEGER,
    'minus one': -1,
    'an errno': -111,
    'the least int': -(2 ** 31),
    'a double': -1.5e-9,
    true: true,
    false: false,
    'an empty string': '',
    'a string of 127 bytes': 'x'.repeat(127),
    'a string of 128 bytes': 'x'.repeat(128),
    'a string of 20,000 bytes': 'ü'.repeat(10_000),
    'a string with every length of UTF-8': 'aé€😀',
    'an empty list': [],
    'a list': ['a', '', 'ü'.repeat(100), 'x'.repeat(20_000)],
  };

  for (const [name, value] of Object.entries(ATTRIBUTES)) {
    it(`writes ${name} as protobufjs does`, () => {
      for (const attribute of ['k', 'process.command_args', 'n'.repeat(127)]) {
        const bytes = written((out) => out.attribute(key(attribute), value), 40_000);
        assert.deepEqual(bytes, reference(attribute, value));
      }
    });
  }

  it('writes a double also for a whole number when asked', () => {
    const bytes = written((out) => out.doubleAttribute(key('k'), 2));
    const expected = encode('LogRecord', { attributes: [{ key: 'k', value: { doubleValue: 2 } }] });
    assert.deepEqual(bytes, expected);
  });

  it('turns what is no Unicode into U+FFFD, as every UTF-8 encoder does', () => {
    const lone = `a${'😀'[0]}b`;
    assert.deepEqual(
      written((out) => out.attribute(key('k'), lone)),
      reference('k', lone.replace('\ud83d', '\ufffd')),
    );
  });

  it('moves content when its length needs more than one byte', () => {
    for (const length of [0, 127, 128, 16_383, 16_384, 70_000]) {
      const bytes = written((out) => {
        const mark = out.begin(0x0a);
        out.copy(Buffer.alloc(length, 0x61), 0, length);
        out.end(mark);
      }, 80_000);
      assert.deepEqual(
        bytes,
        Buffer.concat([Buffer.of(0x0a), varint(BigInt(length)), Buffer.alloc(length, 0x61)]),
      );
    }
  });

  it('writes where its view of a buffer starts, not where the memory does', () => {
    const memory = Buffer.alloc(64);
    const out = new Writer(memory.subarray(16, 48));
    out.fixed64(1, 2);
    out.reset(memory.subarray(48));
    out.fixed64(3, 4);
    assert.equal(out.at, 8);
    assert.deepEqual(
      [16, 20, 48, 52].map((at) => memory.readUInt32LE(at)),
      [1, 2, 3, 4],
    );
  });
});

describe('key', () => {
  it('refuses a name whose length needs two bytes', () => {
    assert.throws(() => key('n'.repeat(128)), /too long/);
  });
});
