// SPDX-License-Identifier: Apache-2.0
import type { Random } from './random.ts';

/** Longer inputs find nothing that shorter ones do not, and take longer. */
export const INPUT_MAX = 2048;

const BYTES = [0, 1, 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xff];
const WORDS = [0, 1, 2, 7, 8, 0x7f, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0xffffffff];

type Change = (input: Buffer, random: Random, others: readonly Buffer[], tokens: readonly Buffer[]) => Buffer;

const place = (input: Buffer, random: Random) => random.below(input.length + 1);

const insert = (input: Buffer, at: number, bytes: Uint8Array, over = 0): Buffer =>
  Buffer.concat([input.subarray(0, at), bytes, input.subarray(at + over)]);

const overwrite = (input: Buffer, random: Random, width: 1 | 2 | 4, value: number): Buffer => {
  const bytes = Buffer.from(input);
  if (bytes.length < width) return bytes;
  const at = random.below(bytes.length - width + 1);
  if (random.below(2) === 0) bytes.writeUIntLE(value, at, width);
  else bytes.writeUIntBE(value, at, width);
  return bytes;
};

const piece = (of: Buffer, random: Random): Buffer => {
  const from = random.below(of.length + 1);
  return of.subarray(from, from + random.below(Math.min(64, of.length - from) + 1));
};

const CHANGES: readonly Change[] = [
  (input, random) => overwrite(input, random, 1, random.below(256)),
  (input, random) => overwrite(input, random, 1, random.of(BYTES)),
  (input, random) => overwrite(input, random, 2, random.of(WORDS) & 0xffff),
  (input, random) => overwrite(input, random, 4, random.of(WORDS)),
  (input, random) => {
    const bytes = Buffer.from(input);
    if (bytes.length > 0) bytes[random.below(bytes.length)]! ^= 1 << random.below(8);
    return bytes;
  },
  (input, random) =>
    insert(input, place(input, random), Buffer.alloc(1 + random.below(8), random.below(256))),
  (input, random) => insert(input, place(input, random), new Uint8Array(), 1 + random.below(16)),
  (input, random) => insert(input, place(input, random), piece(input, random)),
  (input, random, others) =>
    insert(input, place(input, random), piece(random.of(others), random), random.below(32)),
  (input, random, others) => {
    const other = random.of(others);
    return Buffer.concat([input.subarray(0, place(input, random)), other.subarray(place(other, random))]);
  },
  (input, random) => input.subarray(0, place(input, random)),
  (input, random, _others, tokens) =>
    tokens.length === 0 ? input : insert(input, place(input, random), random.of(tokens), random.below(8)),
];

/** The input with one to four changes: bits, bytes, words, pieces of itself and of others, and the target's own words. */
export function mutate(
  input: Buffer,
  random: Random,
  others: readonly Buffer[],
  tokens: readonly Buffer[],
): Buffer {
  let changed = input;
  for (let left = 1 + random.below(4); left > 0; left--)
    changed = random.of(CHANGES)(changed, random, others, tokens);
  // A copy of its own: the target may write into it, and nothing of an input that was kept may change.
  return Buffer.from(changed.subarray(0, INPUT_MAX));
}
