// SPDX-License-Identifier: Apache-2.0

/*
 * OTLP bytes, written once and in place. Protobuf wire format: https://protobuf.dev/programming-guides/encoding/;
 * messages: opentelemetry/proto/common/v1/common.proto. Lengths are minimal varints, as every official serializer
 * writes them, so our bytes can be compared with theirs.
 */

/** What an attribute can be; exact doubles are written by {@link Writer.double}, not from here. */
export type AttributeValue = string | number | boolean | readonly string[];

/** The key of a KeyValue as protobuf (field 1), in 4-byte words: copied faster than byte by byte. */
export interface Key {
  readonly name: string;
  readonly words: Uint32Array;
  /** Bytes of tag, length and name. */
  readonly length: number;
}

/** Encodes a key once; `name` has at most 127 bytes of ASCII. */
export function key(name: string): Key {
  const bytes = Buffer.alloc((name.length + 2 + 3) & ~3);
  if (name.length > 127) throw new RangeError(`attribute name too long: ${name}`);
  bytes[0] = 0x0a;
  bytes[1] = name.length;
  bytes.write(name, 2, 'latin1');
  const words = new Uint32Array(bytes.length / 4);
  for (let i = 0; i < words.length; i++) words[i] = bytes.readUInt32LE(i * 4);
  return { name, words, length: name.length + 2 };
}

/** Bytes of a non-negative number below 2^53 as a varint. */
export function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size++;
  return size;
}

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
    let rest = value;
    while (rest > 0xfffffff) {
      this.bytes[this.at++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    while (rest > 127) {
      this.bytes[this.at++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    this.bytes[this.at++] = rest;
  }

  fixed64(low: number, high: number): void {
    this.#view.setUint32(this.at, low, true);
    this.#view.setUint32(this.at + 4, high, true);
    this.at += 8;
  }

  /** Copies `length` bytes given as words; up to three bytes behind them are overwritten. */
  words(words: Uint32Array, length: number): void {
    let at = this.at;
    for (let i = 0; i < words.length; i++, at += 4) this.#view.setUint32(at, words[i]!, true);
    this.at += length;
  }

  /** Copies bytes of another buffer. */
  copy(from: Uint8Array, start: number, end: number): void {
    if (end - start < 48) {
      for (let i = start; i < end; i++) this.bytes[this.at++] = from[i]!;
    } else {
      // Of what is no Buffer too (the SDK's serializer gives plain arrays), without a view in between.
      Buffer.prototype.copy.call(from as Buffer, this.bytes, this.at, start, end);
      this.at += end - start;
    }
  }

  /** A string as UTF-8, without tag or length. */
  text(text: string): void {
    const start = this.at;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code > 127) {
        this.at = start + this.bytes.write(text, start, 'utf8');
        return;
      }
      this.bytes[this.at++] = code;
    }
  }

  /** Decimal digits of a non-negative integer below 2^53. */
  digits(value: number): void {
    let divisor = 1;
    while (value / divisor >= 10) divisor *= 10;
    for (let rest = value; divisor >= 1; divisor /= 10) {
      const digit = Math.floor(rest / divisor);
      this.bytes[this.at++] = 48 + digit;
      rest -= digit * divisor;
    }
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
    this.words(key.words, key.length);
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
    this.words(key.words, key.length);
    this.bytes[this.at++] = 0x12;
    this.bytes[this.at++] = 9;
    this.bytes[this.at++] = 0x21;
    this.#view.setFloat64(this.at, value, true);
    this.at += 8;
  }

  boolAttribute(tag: number, key: Key, value: boolean): void {
    this.bytes[this.at++] = tag;
    this.varint(key.length + 4);
    this.words(key.words, key.length);
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
    this.words(key.words, key.length);
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
      this.stringAttribute(tag, key, Buffer.byteLength(value));
      this.text(value);
    } else {
      const list = this.beginList(tag, key);
      for (const item of value) this.listItem(item);
      this.endList(list);
    }
  }

  /** Begins a KeyValue with an array of strings. The three marks are kept in one number. */
  beginList(tag: number, key: Key): number {
    const mark = this.begin(tag);
    this.words(key.words, key.length);
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
