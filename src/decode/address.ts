// SPDX-License-Identifier: Apache-2.0
import type { Writer } from '../otlp-writer.ts';

const HEX = Uint8Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0));

/** Digits of each byte and a dot behind them, as the bytes of a word. */
const OCTETS = Uint32Array.from({ length: 256 }, (_, octet) =>
  Buffer.from(`${octet}.\0\0`, 'latin1').readUInt32LE(0),
);

/** How many bytes of the word that are. A table: a processor cannot foretell the digits of addresses. */
const OCTET_LENGTHS = Uint8Array.from({ length: 256 }, (_, octet) => `${octet}.`.length);

/** Bytes that {@link writeIpv4} writes. */
export function ipv4Length(bytes: Uint8Array, at: number): number {
  let length = -1; // no last dot
  for (let i = at; i < at + 4; i++) length += OCTET_LENGTHS[bytes[i]!]!;
  return length;
}

/** Dotted decimal of the four bytes at `at`; up to three bytes behind it are overwritten. */
export function writeIpv4(bytes: Uint8Array, at: number, out: Writer): void {
  for (let i = at; i < at + 4; i++) out.word(OCTETS[bytes[i]!]!, OCTET_LENGTHS[bytes[i]!]!);
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
  const to = out.bytes;
  let end = out.at;
  for (let i = 0; i < 8; i++) {
    if (i === runStart) {
      to[end++] = 0x3a;
      if (i === 0) to[end++] = 0x3a;
      i += runLength - 1;
      continue;
    }
    const group = (bytes[at + 2 * i]! << 8) | bytes[at + 2 * i + 1]!;
    let shift = group > 0xfff ? 12 : group > 0xff ? 8 : group > 0xf ? 4 : 0;
    for (; shift >= 0; shift -= 4) to[end++] = HEX[(group >> shift) & 15]!;
    if (i < 7) to[end++] = 0x3a;
  }
  out.at = end;
}
