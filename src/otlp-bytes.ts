// SPDX-License-Identifier: Apache-2.0

/*
 * Bytes of protobuf (https://protobuf.dev/programming-guides/encoding/), written once and in place, and how long they
 * will be. Lengths are minimal varints, as every official serializer writes them, so our bytes can be compared with
 * theirs.
 */

/** A few bytes in 4-byte words: copied three times as fast as byte by byte. */
export interface Packed {
  readonly words: Uint32Array;
  /** How many of the bytes count. */
  readonly length: number;
}

/** Packs bytes that are written often. */
export function packed(bytes: Uint8Array): Packed {
  const padded = Buffer.alloc((bytes.length + 3) & ~3);
  padded.set(bytes);
  const words = new Uint32Array(padded.length / 4);
  for (let i = 0; i < words.length; i++) words[i] = padded.readUInt32LE(i * 4);
  return { words, length: bytes.length };
}

/** The key of a KeyValue as protobuf (field 1): tag, length and name. */
export interface Key extends Packed {
  readonly name: string;
  /** All of an attribute that stands before its value, made when it is first needed: of ints by the bytes of the value. */
  readonly ints: (Packed | undefined)[];
  /** The same of strings up to {@link SHORT} bytes, by their length. */
  readonly strings: (Packed | undefined)[];
}

/** Strings of less than this many bytes have their whole head prepared: of longer ones it is little beside the text. */
export const SHORT = 64;
/** Bytes of an int in protobuf, at most. */
const INT_MAX = 10;

/** Encodes a key once; `name` has at most 127 bytes of ASCII. */
export function key(name: string): Key {
  if (name.length > 127) throw new RangeError(`attribute name too long: ${name}`);
  const { words, length } = packed(Buffer.from(`\x0a${String.fromCharCode(name.length)}${name}`, 'latin1'));
  return {
    name,
    words,
    length,
    ints: Array.from({ length: INT_MAX + 1 }, () => undefined),
    strings: Array.from({ length: SHORT }, () => undefined),
  };
}

/** Bytes of a non-negative number below 2^53 as a varint. */
export function varintSize(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x200000) return 3;
  if (value < 0x10000000) return 4;
  return 4 + varintSize(Math.floor(value / 0x10000000));
}

/** Decimal digits of a non-negative integer below 2^53. */
export function digitCount(value: number): number {
  if (value < 100_000) return value < 10 ? 1 : value < 100 ? 2 : value < 1000 ? 3 : value < 10_000 ? 4 : 5;
  let count = 6;
  for (let limit = 1_000_000; value >= limit; limit *= 10) count++;
  return count;
}

const DAY_MS = 86_400_000;
/** Bytes of {@link ByteWriter.isoTime}. */
export const ISO_LENGTH = 24;
/** The date up to its `T`, of the day that was asked for last: most times are of today. */
let lastDay = -1;
let lastDate: Packed = packed(new Uint8Array());

/** Hexadecimal digits of a 64-bit number given by its halves. */
export function hexCount(low: number, high: number): number {
  return high === 0 ? Math.max(1, 8 - (Math.clz32(low) >>> 2)) : 16 - (Math.clz32(high) >>> 2);
}

const HEX = Uint8Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0));

/** A cursor over a fixed buffer; the owner sees to it that the buffer has room (a record is bounded). */
export class ByteWriter {
  bytes: Buffer;
  at = 0;
  view: DataView;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Goes on in another buffer, from its start. */
  reset(bytes: Buffer): void {
    if (bytes !== this.bytes) {
      this.bytes = bytes;
      this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    this.at = 0;
  }

  byte(value: number): void {
    this.bytes[this.at++] = value;
  }

  /** A non-negative integer below 2^53. */
  varint(value: number): void {
    // In parts of 28 bits: integers are much cheaper than doubles, and % of doubles is a call.
    let rest = value;
    if (value > 0xfffffff) {
      const high = Math.floor(value / 0x10000000);
      const low = value - high * 0x10000000;
      for (let shift = 0; shift < 28; shift += 7) this.bytes[this.at++] = (low >>> shift) | 128;
      rest = high;
    }
    for (rest |= 0; rest > 127; rest >>>= 7) this.bytes[this.at++] = (rest & 127) | 128;
    this.bytes[this.at++] = rest;
  }

  fixed64(low: number, high: number): void {
    this.view.setUint32(this.at, low, true);
    this.view.setUint32(this.at + 4, high, true);
    this.at += 8;
  }

  double(value: number): void {
    this.view.setFloat64(this.at, value, true);
    this.at += 8;
  }

  /** Copies packed bytes; up to three bytes behind them are overwritten. */
  packed({ words, length }: Packed): void {
    const view = this.view;
    let at = this.at;
    for (let i = 0; i < words.length; i++, at += 4) view.setUint32(at, words[i]!, true);
    this.at += length;
  }

  /** Writes the low `length` bytes of a word; the others are overwritten too. */
  word(word: number, length: number): void {
    this.view.setUint32(this.at, word, true);
    this.at += length;
  }

  /** Copies a whole array of some size: no view of it has to be made. */
  whole(bytes: Uint8Array): void {
    this.bytes.set(bytes, this.at);
    this.at += bytes.length;
  }

  /** Copies bytes of another buffer. */
  copy(from: Uint8Array, start: number, end: number): void {
    if (end - start < 48) {
      const { bytes, at } = this;
      for (let i = start; i < end; i++) bytes[at + i - start] = from[i]!;
    } else {
      // Of what is no Buffer too (the SDK's serializer gives plain arrays), without a view in between.
      Buffer.prototype.copy.call(from as Buffer, this.bytes, this.at, start, end);
    }
    this.at += end - start;
  }

  /** Copies a few bytes of another buffer, four at a time; up to three bytes behind them are overwritten. */
  words(from: DataView, start: number, end: number): void {
    const { view } = this;
    const shift = this.at - start;
    let at = start;
    // Of the last bytes of a buffer no whole word can be read.
    for (const last = Math.min(end, from.byteLength - 3); at < last; at += 4)
      view.setInt32(at + shift, from.getInt32(at, true), true);
    for (; at < end; at++) this.bytes[at + shift] = from.getUint8(at);
    this.at = end + shift;
  }

  /** Copies bytes of ASCII; false, with nothing written, when there are others. */
  copyAscii(from: Uint8Array, start: number, end: number): boolean {
    const { bytes, at } = this;
    let all = 0;
    for (let i = start; i < end; i++) {
      const byte = from[i]!;
      all |= byte;
      bytes[at + i - start] = byte;
    }
    if (all > 127) return false;
    this.at = at + end - start;
    return true;
  }

  /** A string as UTF-8, without tag or length. */
  text(text: string): void {
    if (!this.ascii(text)) this.at += this.bytes.write(text, this.at, 'utf8');
  }

  /** Writes a string of ASCII; false, with nothing written, when it holds anything else. */
  ascii(text: string): boolean {
    const { bytes, at } = this;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code > 127) return false;
      bytes[at + i] = code;
    }
    this.at = at + text.length;
    return true;
  }

  /** Decimal digits of a non-negative integer below 2^53. */
  digits(value: number): void {
    const end = this.at + digitCount(value);
    let at = end;
    let rest = value;
    for (; rest > 0x7fffffff; at--) {
      const tens = Math.floor(rest / 10);
      this.bytes[at - 1] = 48 + (rest - tens * 10);
      rest = tens;
    }
    for (rest |= 0; at > this.at; at--) {
      const tens = (rest / 10) | 0;
      this.bytes[at - 1] = 48 + (rest - tens * 10);
      rest = tens;
    }
    this.at = end;
  }

  /** Lower case hexadecimal digits of a 64-bit number given by its halves, without leading zeros. */
  hex(low: number, high: number): void {
    for (let left = hexCount(low, high) - 1; left >= 0; left--) {
      const half = left > 7 ? high : low;
      this.bytes[this.at++] = HEX[(half >>> ((left & 7) * 4)) & 15]!;
    }
  }

  /** ISO 8601 in UTC with milliseconds, {@link ISO_LENGTH} bytes, of milliseconds since the epoch before the year 10000. */
  isoTime(ms: number): void {
    const day = Math.floor(ms / DAY_MS);
    if (day !== lastDay) {
      lastDay = day;
      lastDate = packed(Buffer.from(new Date(ms).toISOString().slice(0, 11)));
    }
    this.packed(lastDate);
    const rest = (ms - day * DAY_MS) | 0;
    const seconds = (rest / 1000) | 0;
    const minutes = (seconds / 60) | 0;
    const hours = (minutes / 60) | 0;
    this.#two(hours, 0x3a);
    this.#two(minutes - hours * 60, 0x3a);
    this.#two(seconds - minutes * 60, 0x2e);
    const millis = rest - seconds * 1000;
    const hundreds = (millis / 100) | 0;
    this.bytes[this.at++] = 48 + hundreds;
    this.#two(millis - hundreds * 100, 0x5a);
  }

  /** A number of two digits, and a character behind it. */
  #two(value: number, behind: number): void {
    const { bytes, at } = this;
    const tens = (value / 10) | 0;
    bytes[at] = 48 + tens;
    bytes[at + 1] = 48 + value - tens * 10;
    bytes[at + 2] = behind;
    this.at = at + 3;
  }

  /** Begins a length-delimited field whose length is not known yet; give the returned mark to {@link end}. */
  begin(tag: number): number {
    this.bytes[this.at++] = tag;
    return this.at++;
  }

  /** Ends what {@link begin} began: writes the length, moving the content when it needs more than one byte. */
  end(mark: number): void {
    const length = this.at - mark - 1;
    if (length < 128) {
      this.bytes[mark] = length;
      return;
    }
    const extra = varintSize(length) - 1;
    this.bytes.copyWithin(mark + 1 + extra, mark + 1, this.at);
    this.at = mark;
    this.varint(length);
    this.at += length;
  }
}
