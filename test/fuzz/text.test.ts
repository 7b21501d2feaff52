// SPDX-License-Identifier: Apache-2.0
// Text of any bytes is valid UTF-8 and cannot be forged; addresses are written as Node and the URL standard write them.
import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import { BlockList, isIPv4, isIPv6 } from 'node:net';
import fc from 'fast-check';
import { ipv4Length, writeIpv4, writeIpv6 } from '../../src/decode/address.ts';
import { decodeText, needsEscape, PathText } from '../../src/decode/text.ts';
import { Writer } from '../../src/otlp-writer.ts';
import { bytes, path } from '../support/arbitraries.ts';
import { fuzz } from '../support/fuzz.ts';
import { pathBytes } from '../support/records.ts';

const decode = (value: Uint8Array) => decodeText(Buffer.from(value), 0, value.length);
const escapes = (value: Uint8Array) => needsEscape(value, 0, value.length);

/** The bytes that were escaped; what {@link decodeText} does cannot be forged when this finds them again. */
function unescaped(text: string): Buffer {
  return Buffer.concat(
    [...text.matchAll(/\\x([0-9a-f]{2})|\\\\|([^\\]+)/g)].map(([all, hex]) =>
      hex ? Buffer.from(hex, 'hex') : all === '\\\\' ? Buffer.from('\\') : Buffer.from(all),
    ),
  );
}

const written = (write: (out: Writer) => void): string => {
  const out = new Writer(Buffer.alloc(64));
  write(out);
  return out.bytes.toString('latin1', 0, out.at);
};

const ip = (length: number) =>
  fc.oneof(
    fc.uint8Array({ minLength: length, maxLength: length }),
    fc
      .array(fc.constantFrom(0, 0, 0, 1, 0x10, 0xff), { minLength: length, maxLength: length })
      .map((a) => Uint8Array.from(a)),
  );

describe('text', function () {
  this.timeout('5m');

  it('is valid UTF-8, and the bytes can be told from it and from whether it was escaped', () => {
    fuzz(
      40_000,
      fc.property(bytes(64), (value) => {
        const text = decode(value);
        assert.equal(Buffer.from(text).toString(), text);
        assert.equal(escapes(value), !isUtf8(value));
        assert.deepEqual(escapes(value) ? unescaped(text) : Buffer.from(text), Buffer.from(value));
      }),
    );
  });

  it('is never the same for two different byte strings that both were escaped', () => {
    fuzz(
      10_000,
      fc.property(bytes(12), bytes(12), (a, b) => {
        if (escapes(a) !== escapes(b)) return;
        assert.equal(decode(a) === decode(b), Buffer.compare(a, b) === 0);
      }),
    );
  });

  it('that is a path is turned round into the very path', () => {
    fuzz(
      5000,
      fc.property(path, (value) => {
        const kernel = pathBytes(value);
        const length = PathText.turn(kernel, 0, kernel.length);
        // A trailing slash is no component: the kernel never walks one.
        const expected = Buffer.from(value).toString('latin1');
        if (/\/\/|.\/$/.test(expected)) return;
        assert.equal(PathText.bytes.toString('latin1', 0, length), expected);
      }),
    );
  });

  it('never overflows when a path comes as any bytes of any length', () => {
    fuzz(
      500,
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat({ max: 20_000 }), (pattern, length) => {
        const kernel = Buffer.alloc(length, pattern.length > 0 ? pattern : 0);
        assert.ok(PathText.turn(kernel, 0, length) <= PathText.bytes.length);
      }),
    );
  });
});

describe('addresses', () => {
  it('of IPv4 have four decimal numbers, and the length that was announced', () => {
    fuzz(
      10_000,
      fc.property(ip(4), (address) => {
        const text = written((out) => writeIpv4(address, 0, out));
        assert.equal(text, address.join('.'));
        assert.ok(isIPv4(text));
        assert.equal(ipv4Length(address, 0), text.length);
      }),
    );
  });

  it('of IPv6 are canonical as in the URL standard and mean the same bytes', () => {
    fuzz(
      15_000,
      fc.property(ip(16), (address) => {
        const text = written((out) => writeIpv6(address, 0, out));
        assert.ok(isIPv6(text));
        const groups = Array.from({ length: 8 }, (_, i) =>
          Buffer.from(address)
            .readUInt16BE(2 * i)
            .toString(16),
        );
        assert.equal(`[${text}]`, new URL(`http://[${groups.join(':')}]/`).hostname);
      }),
    );
  });

  it('mean for node:net what they are written from', () => {
    fuzz(
      500,
      fc.property(ip(16), (address) => {
        const list = new BlockList();
        list.addAddress(
          written((out) => writeIpv6(address, 0, out)),
          'ipv6',
        );
        const groups = Array.from({ length: 8 }, (_, i) =>
          Buffer.from(address)
            .readUInt16BE(2 * i)
            .toString(16),
        );
        assert.ok(list.check(groups.join(':'), 'ipv6'));
      }),
    );
  });
});
