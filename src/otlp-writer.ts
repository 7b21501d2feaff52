// SPDX-License-Identifier: Apache-2.0

/*
 * OTLP bytes, written once and in place. Protobuf wire format: https://protobuf.dev/programming-guides/encoding/;
 * messages: opentelemetry/proto/common/v1/common.proto. Lengths are minimal varints, as every official serializer
 * writes them, so our bytes can be compared with theirs.
 */

/** What an attribute can be; exact doubles are written by {@link Writer.double}, not from here. */
export type AttributeValue = string | number | boolean | readonly string[];

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
}

/** Encodes a key once; `name` has at most 127 bytes of ASCII. */
export function key(name: string): Key {
  if (name.length > 127) throw new RangeError(`attribute name too long: ${name}`);
  const { words, length } = packed(Buffer.from(`\x0a${String.fromCharCode(name.length)}${name}`, 'latin1'));
  return { name, words, length };
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
  let count = 1;
  for (let limit = 10; value >= limit; limit *= 10) count++;
  return count;
}

/** Where the strings end that {@link Writer.stringsAttribute} is writing: a text of a record has 64 KiB at most. */
const ends = new Uint16Array(1 << 16);

const DAY_MS = 86_400_000;
/** Bytes of {@link Writer.isoTime}. */
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
export class Writer {
  bytes: Buffer;
  at = 0;
  #view: DataView;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Goes on in another buffer, from its start. */
  reset(bytes: Buffer): void {
    if (bytes !== this.bytes) {
      this.bytes = bytes;
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
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
    this.#view.setUint32(this.at, low, true);
    this.#view.setUint32(this.at + 4, high, true);
    this.at += 8;
  }

  /** Copies packed bytes; up to three bytes behind them are overwritten. */
  packed({ words, length }: Packed): void {
    const view = this.#view;
    let at = this.at;
    for (let i = 0; i < words.length; i++, at += 4) view.setUint32(at, words[i]!, true);
    this.at += length;
  }

  /** Writes the low `length` bytes of a word; the others are overwritten too. */
  word(word: number, length: number): void {
    this.#view.setUint32(this.at, word, true);
    this.at += length;
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

  /** A string as UTF-8, without tag or length. */
  text(text: string): void {
    if (!this.#ascii(text)) this.at += this.bytes.write(text, this.at, 'utf8');
  }

  /** Writes a string of ASCII; false, with nothing written, when it holds anything else. */
  #ascii(text: string): boolean {
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
    const rest = ms - day * DAY_MS;
    const minute = Math.floor(rest / 60_000);
    this.#padded((minute / 60) | 0, 2, 0x3a);
    this.#padded(minute % 60, 2, 0x3a);
    this.#padded(((rest / 1000) | 0) % 60, 2, 0x2e);
    this.#padded(rest % 1000, 3, 0x5a);
  }

  /** A number with leading zeros, and a character behind it. */
  #padded(value: number, digits: number, behind: number): void {
    let rest = value;
    for (let at = this.at + digits - 1; at >= this.at; at--, rest = (rest / 10) | 0)
      this.bytes[at] = 48 + (rest % 10);
    this.at += digits;
    this.bytes[this.at++] = behind;
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

  /** KeyValue with an int: `tag` is that of the repeated field (0x32 in a LogRecord, 0x0a in a Resource). */
  intAttribute(tag: number, key: Key, value: number): void {
    const size = value < 0 ? 10 : varintSize(value);
    this.bytes[this.at++] = tag;
    this.varint(key.length + 3 + size);
    this.packed(key);
    this.bytes[this.at++] = 0x12;
    this.bytes[this.at++] = 1 + size;
    this.bytes[this.at++] = 0x18;
    if (value < 0) this.#negative(value);
    else this.varint(value);
  }

  /** A negative integer down to -2^31 as the ten-byte varint of its 64-bit two's complement. */
  #negative(value: number): void {
    for (let i = 0, rest = value; i < 9; i++, rest >>= 7) this.bytes[this.at++] = (rest & 127) | 128;
    this.bytes[this.at++] = 1;
  }

  doubleAttribute(tag: number, key: Key, value: number): void {
    this.bytes[this.at++] = tag;
    this.varint(key.length + 11);
    this.packed(key);
    this.bytes[this.at++] = 0x12;
    this.bytes[this.at++] = 9;
    this.bytes[this.at++] = 0x21;
    this.#view.setFloat64(this.at, value, true);
    this.at += 8;
  }

  boolAttribute(tag: number, key: Key, value: boolean): void {
    this.bytes[this.at++] = tag;
    this.varint(key.length + 4);
    this.packed(key);
    this.bytes[this.at++] = 0x12;
    this.bytes[this.at++] = 2;
    this.bytes[this.at++] = 0x10;
    this.bytes[this.at++] = value ? 1 : 0;
  }

  /** Begins a KeyValue with a string of known length; the caller writes exactly `length` bytes behind it. */
  stringAttribute(tag: number, key: Key, length: number): void {
    const value = 1 + varintSize(length) + length;
    this.bytes[this.at++] = tag;
    this.varint(key.length + 1 + varintSize(value) + value);
    this.packed(key);
    this.bytes[this.at++] = 0x12;
    this.varint(value);
    this.bytes[this.at++] = 0x0a;
    this.varint(length);
  }

  /** Any attribute, from a JS value; for what is written rarely. Integers are ints, other numbers doubles. */
  attribute(tag: number, key: Key, value: AttributeValue): void {
    if (typeof value === 'number') {
      if (Number.isInteger(value)) this.intAttribute(tag, key, value);
      else this.doubleAttribute(tag, key, value);
    } else if (typeof value === 'boolean') {
      this.boolAttribute(tag, key, value);
    } else if (typeof value === 'string') {
      const start = this.at;
      this.stringAttribute(tag, key, value.length);
      if (this.#ascii(value)) return;
      this.at = start;
      this.stringAttribute(tag, key, Buffer.byteLength(value));
      this.text(value);
    } else {
      const list = this.beginList(tag, key);
      for (const item of value) this.listItem(item);
      this.endList(list);
    }
  }

  /** KeyValue with an array of the NUL-terminated ASCII strings in `from`; the last may lack its NUL. */
  stringsAttribute(tag: number, key: Key, from: Uint8Array, start: number, end: number): void {
    let size = 0;
    let count = 0;
    for (let at = start, begin = start; at < end; at++) {
      if (from[at] !== 0 && at + 1 < end) continue;
      const length = (from[at] === 0 ? at : end) - begin;
      const item = 1 + varintSize(length) + length;
      size += 1 + varintSize(item) + item;
      ends[count++] = begin + length - start;
      begin = at + 1;
    }
    const any = 1 + varintSize(size) + size;
    this.bytes[this.at++] = tag;
    this.varint(key.length + 1 + varintSize(any) + any);
    this.packed(key);
    this.bytes[this.at++] = 0x12;
    this.varint(any);
    this.bytes[this.at++] = 0x2a;
    this.varint(size);
    for (let i = 0, begin = start; i < count; i++) {
      const stop = start + ends[i]!;
      this.bytes[this.at++] = 0x0a;
      this.varint(1 + varintSize(stop - begin) + stop - begin);
      this.bytes[this.at++] = 0x0a;
      this.varint(stop - begin);
      this.copy(from, begin, stop);
      begin = stop + 1;
    }
  }

  /** Copies bytes with blanks for NULs. */
  joined(from: Uint8Array, start: number, end: number): void {
    const { bytes, at } = this;
    for (let i = start; i < end; i++) bytes[at + i - start] = from[i] || 0x20;
    this.at += end - start;
  }

  /** Begins a KeyValue with an array of strings. The three marks are kept in one number. */
  beginList(tag: number, key: Key): number {
    const mark = this.begin(tag);
    this.packed(key);
    this.begin(0x12);
    this.begin(0x2a);
    return mark;
  }

  /** One string of an array. */
  listItem(text: string): void {
    const item = this.begin(0x0a);
    const value = this.begin(0x0a);
    this.text(text);
    this.end(value);
    this.end(item);
  }

  /** Ends what {@link beginList} began, `key` being the same. */
  endList(mark: number): void {
    // Innermost first: begin() put each mark one tag and one length byte behind the one before.
    const key = this.bytes[mark + 2]! + 2;
    const any = mark + 1 + key + 1;
    this.end(any + 2);
    this.end(any);
    this.end(mark);
  }
}
