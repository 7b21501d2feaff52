// SPDX-License-Identifier: Apache-2.0
import type { Writer } from '../otlp-writer.ts';

const HEX = [...'0123456789abcdef'].map((digit) => digit.charCodeAt(0));

/** Digits of each byte and a dot behind them, as the bytes of a word. */
const OCTETS = Uint32Array.from({ length: 256 }, (_, octet) =>
  Buffer.from(`${octet}.\0\0`, 'latin1').readUInt32LE(0),
);

/** Digits of a byte. */
function digitsOf(value: number): number {
  return value > 99 ? 3 : value > 9 ? 2 : 1;
}

/** Bytes that {@link writeIpv4} writes. */
export function ipv4Length(bytes: Uint8Array, at: number): number {
  return (
    digitsOf(bytes[at]!) + digitsOf(bytes[at + 1]!) + digitsOf(bytes[at + 2]!) + digitsOf(bytes[at + 3]!) + 3
  );
}

/** Dotted decimal of the four bytes at `at`; up to three bytes behind it are overwritten. */
export function writeIpv4(bytes: Uint8Array, at: number, out: Writer): void {
  for (let i = at; i < at + 4; i++) out.word(OCTETS[bytes[i]!]!, digitsOf(bytes[i]!) + 1);
  out.at--; // the last dot
}

/** RFC 5952 text of the 16 bytes at `at`: lower case, no leading zeros, the longest run of zeros (two or more) as `::`. */
export function writeIpv6(bytes: Uint8Array, at: number, out: Writer): void {
  let runStart = -1;
  let runLength = 1;
  for (let i = 0; i < 8; ) {
    let j = i;
    while (j < 8 && bytes[at + 2 * j] === 0 && bytes[at + 2 * j + 1] === 0) j++;
    if (j - i > runLength) {
      runStart = i;
      runLength = j - i;
    }
    i = j > i ? j : i + 1;
  }
  for (let i = 0; i < 8; i++) {
    if (i === runStart) {
      out.byte(0x3a);
      if (i === 0) out.byte(0x3a);
      i += runLength - 1;
      continue;
    }
    const group = (bytes[at + 2 * i]! << 8) | bytes[at + 2 * i + 1]!;
    let shift = group > 0xfff ? 12 : group > 0xff ? 8 : group > 0xf ? 4 : 0;
    for (; shift >= 0; shift -= 4) out.byte(HEX[(group >> shift) & 15]!);
    if (i < 7) out.byte(0x3a);
  }
}
