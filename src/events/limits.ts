// SPDX-License-Identifier: Apache-2.0

import { type Key, key } from '../otlp-bytes.ts';
import type { AttributeValue, Writer } from '../otlp-writer.ts';
import { ATTRIBUTE } from '../otlp-writer.ts';
import type { ReadableEvent, RunnableEvent } from './event.ts';

/** Bounds that a user sets for the attributes of a record (OTEL_LOGRECORD_ATTRIBUTE_*_LIMIT). */
export interface AttributeLimits {
  /** Attributes at most; the first ones stay. */
  readonly count?: number;
  /** Characters (UTF-16) of each text at most. */
  readonly valueLength?: number;
}

/**
 * The same event within limits. Only events that have limits are wrapped: others pay nothing for them.
 */
export function limited(event: RunnableEvent, limits: AttributeLimits): RunnableEvent {
  const { count = Number.POSITIVE_INFINITY, valueLength = Number.POSITIVE_INFINITY } = limits;
  if (count === Number.POSITIVE_INFINITY && valueLength === Number.POSITIVE_INFINITY) return event;
  const cutter = new Cutter(count, valueLength);
  return {
    ...event,
    read: (record, process, observed) => cutter.read(event.read(record, process, observed)),
    write: (record, process, observed, out) => {
      const start = out.at;
      event.write(record, process, observed, out);
      cutter.rewrite(out, start);
    },
  };
}

/** Never half of a character that takes two. */
function cutText(text: string, length: number): string {
  if (text.length <= length) return text;
  const last = text.charCodeAt(length - 1);
  return text.slice(0, last >= 0xd800 && last < 0xdc00 ? length - 1 : length);
}

function cutValue(value: AttributeValue, length: number): AttributeValue {
  if (typeof value === 'string') return cutText(value, length);
  return Array.isArray(value) ? value.map((text: string) => cutText(text, length)) : value;
}

/** Names of attributes that were cut, encoded; of a recording that somebody made up, not more than these. */
const KEYS_MAX = 256;

class Cutter {
  readonly #count: number;
  readonly #length: number;
  readonly #keys = new Map<string, Key>();
  /** The record as it was. Larger than any: see export/batches.ts. */
  #whole: Buffer = Buffer.alloc(64 * 1024);

  constructor(count: number, length: number) {
    this.#count = count;
    this.#length = length;
  }

  read(record: ReadableEvent): ReadableEvent {
    const entries = Object.entries(record.attributes).slice(0, Math.min(this.#count, 2 ** 31));
    return {
      ...record,
      attributes: Object.fromEntries(entries.map(([name, value]) => [name, cutValue(value, this.#length)])),
    };
  }

  /** Writes the LogRecord from `start` on again, within the limits. */
  rewrite(out: Writer, start: number): void {
    const size = out.at - start;
    if (this.#whole.length < size) this.#whole = Buffer.alloc(2 * size);
    const whole = this.#whole;
    out.bytes.copy(whole, 0, start, out.at);
    out.at = start;
    let kept = 0;
    let dropped = 0;
    for (let at = 0; at < size; ) {
      const { end, content } = field(whole, at);
      const tag = whole[at]!;
      if (tag === ATTRIBUTE) {
        if (kept < this.#count) {
          kept++;
          this.#attribute(whole, at, content, end, out);
        } else dropped++;
      } else if (tag === DROPPED_COUNT) {
        out.byte(DROPPED_COUNT);
        out.varint(dropped);
      } else out.copy(whole, at, end);
      at = end;
    }
  }

  #attribute(from: Buffer, start: number, content: number, end: number, out: Writer): void {
    // KeyValue: key (field 1), value (field 2); AnyValue: its only field.
    const name = field(from, content);
    const value = field(from, name.end);
    if (!this.#isLong(from, value.content)) {
      out.copy(from, start, end);
      return;
    }
    const text = from.toString('utf8', name.content, name.end);
    out.attribute(this.#key(text), cutValue(textsOf(from, value.content), this.#length));
  }

  /** Bytes are as many as characters or more. */
  #isLong(from: Buffer, any: number): boolean {
    const { content, end } = field(from, any);
    if (from[any] === STRING) return end - content > this.#length;
    if (from[any] !== ARRAY) return false;
    for (let at = content; at < end; ) {
      const item = field(from, at);
      const text = field(from, item.content);
      if (text.end - text.content > this.#length) return true;
      at = item.end;
    }
    return false;
  }

  #key(name: string): Key {
    let found = this.#keys.get(name);
    if (!found) {
      found = key(name);
      if (this.#keys.size < KEYS_MAX) this.#keys.set(name, found);
    }
    return found;
  }
}

const DROPPED_COUNT = 0x38;
/** Fields of AnyValue. */
const STRING = 0x0a;
const ARRAY = 0x2a;

/** A string or an array of strings. */
function textsOf(from: Buffer, any: number): AttributeValue {
  const { content, end } = field(from, any);
  if (from[any] === STRING) return from.toString('utf8', content, end);
  const texts: string[] = [];
  for (let at = content; at < end; ) {
    const item = field(from, at);
    const text = field(from, item.content);
    texts.push(from.toString('utf8', text.content, text.end));
    at = item.end;
  }
  return texts;
}

/** Where the content of the protobuf field at `at` begins and ends; all tags of ours take one byte. */
function field(bytes: Uint8Array, at: number): { content: number; end: number } {
  const type = bytes[at]! & 7;
  if (type === 1) return { content: at + 1, end: at + 9 };
  let number = 0;
  let next = at + 1;
  for (let scale = 1; ; scale *= 128) {
    const byte = bytes[next++]!;
    number += (byte & 127) * scale;
    if (byte < 128) break;
  }
  return type === 0 ? { content: at + 1, end: next } : { content: next, end: next + number };
}
