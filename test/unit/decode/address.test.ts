// SPDX-License-Identifier: Apache-2.0
// Examples of RFC 5952; any address against the URL standard: test/fuzz/text.test.ts.
import assert from 'node:assert/strict';
import { ipv4Length, writeIpv4, writeIpv6 } from '../../../src/decode/address.ts';
import { Writer } from '../../../src/otlp-writer.ts';

function written(write: (out: Writer) => void): string {
  const out = new Writer(Buffer.alloc(64));
  write(out);
  return out.bytes.toString('latin1', 0, out.at);
}

describe('an IPv4 address', () => {
  it('is written in dotted decimal, anywhere in a buffer', () => {
    const bytes = Uint8Array.of(9, 0, 10, 100, 255, 9);
    assert.equal(
      written((out) => writeIpv4(bytes, 1, out)),
      '0.10.100.255',
    );
    assert.equal(ipv4Length(bytes, 1), '0.10.100.255'.length);
  });
});

describe('an IPv6 address', () => {
  const EXAMPLES: readonly (readonly [hex: string, text: string])[] = [
    ['00000000000000000000000000000000', '::'],
    ['00000000000000000000000000000001', '::1'],
    ['00010000000000000000000000000000', '1::'],
    ['20010db8000000000000000000000001', '2001:db8::1'],
    ['20010db8000100010001000100000001', '2001:db8:1:1:1:1:0:1'],
    ['20010000000000010000000000000001', '2001:0:0:1::1'],
    ['20010db8000000000001000000000001', '2001:db8::1:0:0:1'],
    ['20010db8aaaaaaaaaaaaaaaaaaaaaaaa', '2001:db8:aaaa:aaaa:aaaa:aaaa:aaaa:aaaa'],
    ['fe800000000000000a0b00c0000d0e0f', 'fe80::a0b:c0:d:e0f'],
    ['00000001000200030004000500060000', '0:1:2:3:4:5:6:0'],
  ];

  for (const [hex, text] of EXAMPLES) {
    it(`is written as RFC 5952 says: ${text}`, () => {
      const bytes = Buffer.concat([Buffer.alloc(3, 0xff), Buffer.from(hex, 'hex')]);
      assert.equal(
        written((out) => writeIpv6(bytes, 3, out)),
        text,
      );
    });
  }
});
