// SPDX-License-Identifier: Apache-2.0
import type { Envelope } from './batches.ts';

/*
 * OTLP protobuf to the JSON mapping of OTLP (OTLP specification, "JSON Protobuf Encoding"), bytes to bytes: names in
 * lowerCamelCase, 64-bit integers as decimal strings, enums as numbers, trace and span id in hexadecimal, other bytes in
 * base64. Text is copied, never decoded. Fields that are not known are left out.
 *
 * The elements of a repeated field have to follow each other, as every serializer writes them.
 */

type Kind = 'text' | 'base64' | 'hex' | 'bool' | 'int64' | 'int' | 'fixed32' | 'fixed64' | 'double' | Message;

interface JsonField {
  /** `"name":` */
  readonly label: string;
  readonly kind: Kind;
  readonly repeated: boolean;
}

/** By field number. */
type Message = (JsonField | undefined)[];

const field = (name: string, kind: Kind): JsonField => ({ label: `"${name}":`, kind, repeated: false });
const list = (name: string, kind: Kind): JsonField => ({ label: `"${name}":`, kind, repeated: true });

// opentelemetry-proto 1.10, common.proto, resource.proto, logs.proto; AnyValue holds itself.
const anyValue: Message = [];
const attribute: Message = [undefined, field('key', 'text'), field('value', anyValue)];
anyValue.push(
  undefined,
  field('stringValue', 'text'),
  field('boolValue', 'bool'),
  field('intValue', 'int64'),
  field('doubleValue', 'double'),
  field('arrayValue', [undefined, list('values', anyValue)]),
  field('kvlistValue', [undefined, list('values', attribute)]),
  field('bytesValue', 'base64'),
);
const resource: Message = [
  undefined,
  list('attributes', attribute),
  field('droppedAttributesCount', 'int'),
  list('entityRefs', [
    undefined,
    field('schemaUrl', 'text'),
    field('type', 'text'),
    list('idKeys', 'text'),
    list('descriptionKeys', 'text'),
  ]),
];
const scope: Message = [
  undefined,
  field('name', 'text'),
  field('version', 'text'),
  list('attributes', attribute),
  field('droppedAttributesCount', 'int'),
];
const logRecord: Message = [
  undefined,
  field('timeUnixNano', 'fixed64'),
  field('severityNumber', 'int'),
  field('severityText', 'text'),
  undefined,
  field('body', anyValue),
  list('attributes', attribute),
  field('droppedAttributesCount', 'int'),
  field('flags', 'fixed32'),
  field('traceId', 'hex'),
  field('spanId', 'hex'),
  field('observedTimeUnixNano', 'fixed64'),
  field('eventName', 'text'),
];

/** JSON of a ScopeLogs without its records, and of a ResourceLogs without its ScopeLogs: their fields one by one. */
const ENVELOPE_RESOURCE: Message = [undefined, field('resource', resource)];
const ENVELOPE_SCOPE: Message = [undefined, field('scope', scope), undefined, field('schemaUrl', 'text')];

/** `\n`, `\"`, `\u001f`: what a byte becomes within a JSON string where it is not itself. */
const ESCAPES: readonly (Uint8Array | undefined)[] = Array.from({ length: 256 }, (_, code) => {
  const text = JSON.stringify(String.fromCharCode(code)).slice(1, -1);
  return code < 128 && text.length > 1 ? Uint8Array.from(text, (letter) => letter.charCodeAt(0)) : undefined;
});
const NEEDS_ESCAPE = Uint8Array.from(ESCAPES, (escaped) => (escaped === undefined ? 0 : 1));

/** A buffer that grows: JSON is two to four times the size of its protobuf, six times that of control characters. */
class JsonBytes {
  bytes: Buffer = Buffer.allocUnsafeSlow(1 << 20);
  at = 0;

  room(size: number): void {
    if (this.at + size <= this.bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, this.at + size));
    this.bytes.copy(larger, 0, 0, this.at);
    this.bytes = larger;
  }

  ascii(text: string): void {
    this.room(text.length);
    const { bytes, at } = this;
    for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
    this.at = at + text.length;
  }

  byte(code: number): void {
    this.room(1);
    this.bytes[this.at++] = code;
  }

  /** UTF-8 as a JSON string. */
  quoted(from: Uint8Array, start: number, end: number): void {
    this.room((end - start) * 6 + 2);
    const { bytes } = this;
    let at = this.at;
    bytes[at++] = 0x22;
    for (let i = start; i < end; i++) {
      const code = from[i]!;
      if (NEEDS_ESCAPE[code] === 0) {
        bytes[at++] = code;
        continue;
      }
      const escaped = ESCAPES[code]!;
      for (let letter = 0; letter < escaped.length; letter++) bytes[at++] = escaped[letter]!;
    }
    bytes[at++] = 0x22;
    this.at = at;
  }
}

/** A cursor over protobuf that is known to be well-formed: we made it. */
class Input {
  readonly bytes: Buffer;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** A varint below 2^53: tags, lengths, uint32. */
  varint(): number {
    // Nearly all are one byte.
    const only = this.bytes[this.at]!;
    if (only < 128) {
      this.at++;
      return only;
    }
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.bytes[this.at++]!;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  }

  /** An int64 or int32, whose negative numbers are ten bytes of two's complement. */
  signed(): number | bigint {
    const start = this.at;
    const small = this.varint();
    if (small <= Number.MAX_SAFE_INTEGER) return small;
    let value = 0n;
    for (let i = this.at - 1; i >= start; i--) value = (value << 7n) | BigInt(this.bytes[i]! & 127);
    return BigInt.asIntN(64, value);
  }

  skip(wireType: number): void {
    if (wireType === 0) this.varint();
    else if (wireType === 1) this.at += 8;
    else if (wireType === 5) this.at += 4;
    else {
      const length = this.varint();
      this.at += length;
    }
  }
}

/** The fields of a message from `input.at` up to `end`, divided by commas, without braces. */
function writeFields(message: Message, input: Input, end: number, out: JsonBytes): void {
  let open = 0;
  let first = true;
  while (input.at < end) {
    const tag = input.varint();
    const number = Math.floor(tag / 8);
    const known = message[number];
    if (known === undefined) {
      input.skip(tag % 8);
      continue;
    }
    if (open !== 0 && open !== number) {
      out.byte(0x5d);
      open = 0;
    }
    if (!first) out.byte(0x2c);
    first = false;
    if (open === 0) {
      out.ascii(known.label);
      if (known.repeated) {
        out.byte(0x5b);
        open = number;
      }
    }
    writeValue(known.kind, input, out);
  }
  if (open !== 0) out.byte(0x5d);
}

function writeValue(kind: Kind, input: Input, out: JsonBytes): void {
  if (typeof kind === 'string' && kind !== 'text') {
    out.ascii(plain(kind, input));
    return;
  }
  const length = input.varint();
  const end = input.at + length;
  if (kind === 'text') out.quoted(input.bytes, input.at, end);
  else {
    out.byte(0x7b);
    writeFields(kind, input, end, out);
    out.byte(0x7d);
  }
  input.at = end;
}

/** A value that is short and ASCII. */
function plain(kind: Exclude<Kind, Message | 'text'>, input: Input): string {
  const { bytes, at } = input;
  switch (kind) {
    case 'int':
      return `${input.signed()}`;
    case 'int64':
      return `"${input.signed()}"`;
    case 'bool':
      return input.varint() === 0 ? 'false' : 'true';
    case 'fixed32':
      input.at += 4;
      return `${bytes.readUInt32LE(at)}`;
    case 'fixed64':
      input.at += 8;
      return `"${bytes.readBigUInt64LE(at)}"`;
    case 'double':
      input.at += 8;
      return double(bytes.readDoubleLE(at));
    default: {
      const length = input.varint();
      const start = input.at;
      input.at += length;
      return `"${bytes.toString(kind, start, input.at)}"`;
    }
  }
}

/** protobuf's JSON mapping: what JSON has no number for is a string. */
function double(value: number): string {
  if (!Number.isFinite(value)) return `"${value}"`;
  return Object.is(value, -0) ? '-0' : `${value}`;
}

function fieldsOf(message: Message, bytes: Uint8Array): string {
  const out = new JsonBytes();
  writeFields(message, new Input(bytes), bytes.length, out);
  return out.bytes.toString('utf8', 0, out.at);
}

/**
 * The Collector's readers of lines (filelog, otlp_json_file) cut a longer one unless told otherwise (`max_log_size`,
 * 1 MiB): a line ends before the record that would make it so. A single record that is larger stands alone.
 */
const LINE_MAX = 1_000_000;

/** One line of the file: a whole `LogsData` as JSON, line break included. */
export interface Line {
  readonly bytes: Buffer;
  /** The event type of each record, in order. */
  readonly types: Uint8Array;
}

/** Turns batches into lines; resource and scope around the records are encoded once. */
export class JsonLines {
  readonly #head: Buffer;
  readonly #tail: Buffer;
  readonly #out = new JsonBytes();
  readonly #maxBytes: number;

  constructor({ resource, scope, schemaUrl }: Envelope, maxBytes = LINE_MAX) {
    const parts = (message: Message, bytes: Uint8Array) => [fieldsOf(message, bytes)].filter(Boolean);
    const before = [...parts(ENVELOPE_RESOURCE, resource), '"scopeLogs":[{'].join();
    const inner = [...parts(ENVELOPE_SCOPE, scope), '"logRecords":['].join();
    const after = ['', ...parts(ENVELOPE_SCOPE, schemaUrl)].join();
    this.#head = Buffer.from(`{"resourceLogs":[{${before}${inner}`);
    this.#tail = Buffer.from(`]${after}}]}]}\n`);
    this.#maxBytes = maxBytes;
  }

  /** The lines of the records in `bytes` from `start` to `end`, which follow each other as `ScopeLogs.log_records`. */
  *of(bytes: Uint8Array, start: number, end: number, types: Uint8Array): Generator<Line> {
    const input = new Input(bytes);
    const out = this.#out;
    const head = this.#head.length;
    input.at = start;
    out.at = 0;
    out.room(head);
    out.at += this.#head.copy(out.bytes);
    let first = 0;
    for (let index = 0; index < types.length && input.at < end; index++) {
      const before = out.at;
      if (index > first) out.byte(0x2c);
      input.varint();
      writeValue(logRecord, input, out);
      if (index === first || out.at + this.#tail.length <= this.#maxBytes) continue;
      // This record, without the comma, begins the next line.
      const record = Buffer.from(out.bytes.subarray(before + 1, out.at));
      yield this.#end(before, types.subarray(first, index));
      first = index;
      out.at = head;
      out.room(record.length);
      out.at += record.copy(out.bytes, head);
    }
    yield this.#end(out.at, types.subarray(first));
  }

  #end(at: number, types: Uint8Array): Line {
    const bytes = Buffer.concat([this.#out.bytes.subarray(0, at), this.#tail]);
    return { bytes, types: types.slice() };
  }
}
