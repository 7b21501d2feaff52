// SPDX-License-Identifier: Apache-2.0
import type { Field } from '../../decode/record.ts';
import { type Bits, isHalf } from '../shape.ts';

/*
 * The text of generated writers: `o` is where the record begins in the ring's bytes, `b`, `u2` and `u4` are those as numbers,
 * `d` and `v` where the LogRecord goes, `at` how far it is.
 */

/** A member in the code: of 32 bits, of 16, of either. */
export const word = (offset: number) => `u4[o4 + ${offset / 4}]!`;
export const half = (offset: number) => `u2[o2 + ${offset / 2}]!`;
export const small = (field: Field) => (isHalf(field) ? half(field.offset) : word(field.offset));
/** Whether a member has 64 bits that become a number. */
export const isWide = ({ type }: Field) => type === 'counter' || type === 'u64' || type === 'identifier';

/** Whether the bits are so. */
export const test = ({ offset, mask, unless = 0 }: Bits) =>
  mask === -1 ? `${word(offset)} !== ${unless}` : `(${word(offset)} & ${mask}) !== ${unless}`;
/** A 64-bit member as a double. */
export const wideNumber = ({ offset }: Field) => `(${word(offset + 4)} * 0x100000000 + ${word(offset)})`;

/** Eight bytes as the number that they are as a double; absent when it would come back as other bytes (NaN, -0). */
function doubleOf(bytes: Buffer): number | undefined {
  const number = bytes.readDoubleLE();
  const back = Buffer.alloc(8);
  back.writeDoubleLE(Number(`${number}`));
  return back.equals(bytes) ? number : undefined;
}

/** The text of one function. `at` is the place in the record, plus what is known of it here. */
export class Body {
  readonly lines: string[] = [];
  #indent = 2;
  #ahead = 0;

  line(text: string): void {
    if (text.startsWith('}')) this.#indent--;
    this.lines.push('  '.repeat(this.#indent) + text);
    if (text.endsWith('{')) this.#indent++;
  }

  /** The place that is `back` bytes before this one. */
  at(back = 0): string {
    const ahead = this.#ahead - back;
    return ahead === 0 ? 'at' : ahead > 0 ? `at + ${ahead}` : `at - ${-ahead}`;
  }

  /** Goes on; `by` bytes have been written. */
  skip(by: number): void {
    this.#ahead += by;
  }

  /** From here on `at` is the place. */
  settle(): void {
    if (this.#ahead !== 0) this.line(`at += ${this.#ahead};`);
    this.#ahead = 0;
  }

  /** Bytes that are always the same; up to three behind them are overwritten. */
  bytes(bytes: Buffer): void {
    const padded = Buffer.alloc((bytes.length + 3) & ~3);
    padded.set(bytes);
    const comment = ` // ${bytes
      .toString('latin1')
      .replace(/[^\x20-\x7e]+/g, ' ')
      .trim()}`;
    // Eight at a time: half as many stores.
    for (let i = 0; i < padded.length; ) {
      const double = i + 8 <= padded.length ? doubleOf(padded.subarray(i, i + 8)) : undefined;
      if (double !== undefined) {
        this.line(`v.setFloat64(${this.at(-i)}, ${double}, true);${i === 0 ? comment : ''}`);
        i += 8;
      } else {
        const value = padded.readUInt32LE(i).toString(16).padStart(8, '0');
        this.line(`v.setUint32(${this.at(-i)}, 0x${value}, true);`);
        i += 4;
      }
    }
    this.skip(bytes.length);
  }

  /** A block; `at` is settled at both ends. */
  block(head: string, inside: () => void): void {
    this.settle();
    this.line(`${head} {`.trimStart());
    inside();
    this.settle();
    this.line('}');
  }

  /** Another function writes. */
  call(text: string): void {
    this.settle();
    this.line('out.at = at;');
    this.line(`${text};`);
    this.line('at = out.at;');
  }
}

/** KeyValue.key (field 1). */
export const keyOf = (name: string) =>
  Buffer.from(`\x0a${String.fromCharCode(name.length)}${name}`, 'latin1');

/** What stands before a value, with lengths that hold for an empty one; `tags` is the head of the AnyValue. */
export const headOf = (name: string, tags: readonly number[], inner: number) => {
  const key = keyOf(name);
  return Buffer.concat([
    Buffer.from([0x32, key.length + 2 + inner]),
    key,
    Buffer.from([0x12, inner, ...tags]),
  ]);
};

// V8 puts functions in line up to a bound, which all of them together reach: what is small and frequent is written out.

/** Bytes of a varint. */
export const varintLength = (value: string, half = false) =>
  `${value} < 0x80 ? 1 : ${value} < 0x4000 ? 2 : ${half ? 3 : `${value} < 0x200000 ? 3 : ${value} < 0x10000000 ? 4 : 5`}`;

/** A varint of 32 bits. */
export function varint(body: Body, value: string): void {
  body.line(`let rest = ${value};`);
  body.line('for (; rest > 127; rest >>>= 7) d[at++] = (rest & 127) | 128;');
  body.line('d[at++] = rest;');
}

/** The `size` decimal digits of a number of 32 bits. */
export function digits(body: Body, value: string): void {
  body.line(`let rest = ${value};`);
  body.line('for (let i = at + size - 1; i >= at; i--) {');
  body.line('const tens = (rest / 10) >>> 0;');
  body.line('d[i] = 48 + rest - tens * 10;');
  body.line('rest = tens;');
  body.line('}');
  body.line('at += size;');
}

/** Makes the text of an address once, where it is first needed. */
export function showAddress(body: Body, shown: Map<number, string>, family: Field, field: Field) {
  const length = `n${field.offset}`;
  const text = `shown${field.offset}`;
  shown.set(field.offset, length);
  body.settle();
  const isV4 = `${half(family.offset)} === 2`;
  body.line(`if (${length} === 0) ${length} = ${text}.address(event, o + ${field.offset}, ${isV4});`);
  return { length, text };
}
