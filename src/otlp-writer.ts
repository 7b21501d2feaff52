// SPDX-License-Identifier: Apache-2.0

/*
 * OTLP attributes as bytes. Messages: opentelemetry/proto/common/v1/common.proto.
 */
import { ByteWriter, type Key, type Packed, packed, SHORT, varintSize } from './otlp-bytes.ts';

/** What an attribute can be; exact doubles are written by {@link Writer.doubleAttribute}, not from here. */
export type AttributeValue = string | number | boolean | readonly string[];

/** NUL-terminated strings one behind the other, as whoever read them noted it; the last may lack its NUL. */
export class StringList {
  /** Where each ends, from the start of the first: a text of a record has 64 KiB at most. */
  readonly ends: Uint16Array = new Uint16Array(1 << 16);
  count = 0;
}

/** A string of less than this many bytes has lengths of one byte, its own and that of the value around it. */
const ITEM_SHORT = 126;

/** The tag of LogRecord.attributes (field 6). */
export const ATTRIBUTE = 0x32;

/** A cursor that knows attributes: KeyValues of a LogRecord. */
export class Writer extends ByteWriter {
  intAttribute(key: Key, value: number): void {
    const size = value < 0 ? 10 : varintSize(value);
    this.packed(key.ints[size] ?? intHead(key, size));
    if (value < 0) this.#negative(value);
    else this.varint(value);
  }

  /** A negative integer down to -2^31 as the ten-byte varint of its 64-bit two's complement. */
  #negative(value: number): void {
    for (let i = 0, rest = value; i < 9; i++, rest >>= 7) this.bytes[this.at++] = (rest & 127) | 128;
    this.bytes[this.at++] = 1;
  }

  doubleAttribute(key: Key, value: number): void {
    this.bytes[this.at++] = ATTRIBUTE;
    this.varint(key.length + 11);
    this.packed(key);
    this.bytes[this.at++] = 0x12;
    this.bytes[this.at++] = 9;
    this.bytes[this.at++] = 0x21;
    this.double(value);
  }

  boolAttribute(key: Key, value: boolean): void {
    this.bytes[this.at++] = ATTRIBUTE;
    this.varint(key.length + 4);
    this.packed(key);
    this.bytes[this.at++] = 0x12;
    this.bytes[this.at++] = 2;
    this.bytes[this.at++] = 0x10;
    this.bytes[this.at++] = value ? 1 : 0;
  }

  /** Begins a KeyValue with a string of known length; the caller writes exactly `length` bytes behind it. */
  stringAttribute(key: Key, length: number): void {
    if (length < SHORT) {
      this.packed(key.strings[length] ?? stringHead(key, length));
      return;
    }
    this.longStringAttribute(key, length);
  }

  /** {@link stringAttribute} of any length, byte by byte. */
  longStringAttribute(key: Key, length: number): void {
    const value = 1 + varintSize(length) + length;
    this.bytes[this.at++] = ATTRIBUTE;
    this.varint(key.length + 1 + varintSize(value) + value);
    this.packed(key);
    this.bytes[this.at++] = 0x12;
    this.varint(value);
    this.bytes[this.at++] = 0x0a;
    this.varint(length);
  }

  /** Any attribute, from a JS value; for what is written rarely. Integers are ints, other numbers doubles. */
  attribute(key: Key, value: AttributeValue): void {
    if (typeof value === 'number') {
      if (Number.isInteger(value)) this.intAttribute(key, value);
      else this.doubleAttribute(key, value);
    } else if (typeof value === 'boolean') {
      this.boolAttribute(key, value);
    } else if (typeof value === 'string') {
      const start = this.at;
      this.stringAttribute(key, value.length);
      if (this.ascii(value)) return;
      this.at = start;
      this.stringAttribute(key, Buffer.byteLength(value));
      this.text(value);
    } else {
      const list = this.beginList(key);
      for (const item of value) this.listItem(item);
      this.endList(list);
    }
  }

  /** KeyValue with an array of strings of ASCII, which begin at `start` of `from`. */
  stringsAttribute(key: Key, from: DataView, start: number, { ends, count }: StringList): void {
    let size = 0;
    for (let i = 0, begin = 0; i < count; i++) {
      const length = ends[i]! - begin;
      size += length < ITEM_SHORT ? 4 + length : longItem(length);
      begin = ends[i]! + 1;
    }
    const any = 1 + varintSize(size) + size;
    this.bytes[this.at++] = ATTRIBUTE;
    this.varint(key.length + 1 + varintSize(any) + any);
    this.packed(key);
    this.bytes[this.at++] = 0x12;
    this.varint(any);
    this.bytes[this.at++] = 0x2a;
    this.varint(size);
    const { view } = this;
    for (let i = 0, begin = start; i < count; i++) {
      const stop = start + ends[i]!;
      const length = stop - begin;
      if (length < ITEM_SHORT) {
        view.setUint32(this.at, 0x000a_000a | ((length + 2) << 8) | (length << 24), true);
        this.at += 4;
      } else {
        this.bytes[this.at++] = 0x0a;
        this.varint(1 + varintSize(length) + length);
        this.bytes[this.at++] = 0x0a;
        this.varint(length);
      }
      this.words(from, begin, stop);
      begin = stop + 1;
    }
  }

  /** Copies bytes with blanks for NULs; up to three bytes behind them are overwritten. */
  joined(from: DataView, start: number, end: number): void {
    const { bytes, view } = this;
    const shift = this.at - start;
    let at = start;
    for (const last = Math.min(end, from.byteLength - 3); at < last; at += 4) {
      const word = from.getInt32(at, true);
      // The high bit of each byte that is not 0.
      const filled = (((word & 0x7f7f7f7f) + 0x7f7f7f7f) | word) & 0x80808080;
      view.setInt32(at + shift, word | ((filled ^ 0x80808080) >>> 2), true);
    }
    for (; at < end; at++) bytes[at + shift] = from.getUint8(at) || 0x20;
    this.at = end + shift;
  }

  /** Begins a KeyValue with an array of strings. The three marks are kept in one number. */
  beginList(key: Key): number {
    const mark = this.begin(ATTRIBUTE);
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

const head = new Writer(Buffer.alloc(256));

/** Bytes of a string of an array, from {@link ITEM_SHORT} on. */
function longItem(length: number): number {
  const item = 1 + varintSize(length) + length;
  return 1 + varintSize(item) + item;
}

/** What stands before an int of so many bytes. */
function intHead(key: Key, size: number): Packed {
  head.at = 0;
  head.byte(ATTRIBUTE);
  head.varint(key.length + 3 + size);
  head.packed(key);
  head.byte(0x12);
  head.byte(1 + size);
  head.byte(0x18);
  return (key.ints[size] = packed(head.bytes.subarray(0, head.at)));
}

/** What stands before a string of so many bytes. */
function stringHead(key: Key, length: number): Packed {
  head.at = 0;
  head.longStringAttribute(key, length);
  return (key.strings[length] = packed(head.bytes.subarray(0, head.at)));
}
