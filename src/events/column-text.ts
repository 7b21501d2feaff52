// SPDX-License-Identifier: Apache-2.0
import type { Field, RawEvent } from '../decode/record.ts';
import { Recurring } from '../decode/recurring.ts';
import { decodeText, JoinedPath, needsEscape, PathText } from '../decode/text.ts';
import { key } from '../otlp-bytes.ts';
import type { Writer } from '../otlp-writer.ts';
import type { Column, Notes } from './column.ts';
import { shaped } from './shape.ts';

/** Bytes [start, end) of `bytes` as a string attribute, escaped where they are no UTF-8. */
function writeText(
  out: Writer,
  k: ReturnType<typeof key>,
  bytes: Buffer,
  start: number,
  end: number,
  notes: Notes,
): void {
  const before = out.at;
  out.stringAttribute(k, end - start);
  if (out.copyAscii(bytes, start, end)) return;
  out.at = before;
  if (needsEscape(bytes, start, end)) notes.escaped.push(k.name);
  out.attribute(k, decodeText(bytes, start, end));
}

function readText(bytes: Buffer, start: number, end: number, notes: Notes): string {
  if (needsEscape(bytes, start, end)) notes.escaped.push(notes.name);
  return decodeText(bytes, start, end);
}

/** A fixed array of characters, up to its NUL. */
export function chars(field: Field & { readonly length: number }): Column {
  const end = (event: RawEvent) => {
    const start = event.at + field.offset;
    let at = start;
    while (at < start + field.length && event.bytes[at] !== 0) at++;
    return at;
  };
  return {
    type: 'string',
    read: (event, _process, notes) => readText(event.bytes, event.at + field.offset, end(event), notes),
    writer: shaped(
      (name) => {
        const k = key(name);
        return (event, _process, out, notes) =>
          writeText(out, k, event.bytes, event.at + field.offset, end(event), notes);
      },
      { kind: 'chars', field },
    ),
  };
}

/** Text that `fill` writes to the beginning of `bytes`; it returns the length, 0 = the attribute is absent. */
function filled(bytes: Buffer, fill: (event: RawEvent) => number): Column {
  return {
    type: 'string',
    read: (event, _process, notes) => {
      const length = fill(event);
      return length === 0 ? undefined : readText(bytes, 0, length, notes);
    },
    writer: (name) => {
      const k = key(name);
      return (event, _process, out, notes) => {
        const length = fill(event);
        if (length > 0) writeText(out, k, bytes, 0, length, notes);
      };
    },
  };
}

/** A `struct path_text`. */
export function path(field: Field): Column {
  return filled(PathText.bytes, (event) =>
    PathText.turn(event.bytes, event.textStart(field), event.textLength(field)),
  );
}

/** So many paths of a {@link recurringPath} are remembered, each of 1 KiB at the worst. */
const PATHS_KEPT = 512;
const PATH_KEPT_MAX = 256;

/** A `struct path_text` that is the same in many records: its whole attribute is encoded once. */
export function recurringPath(field: Field): Column {
  const column = path(field);
  return {
    ...column,
    writer: (name) => {
      const write = column.writer(name);
      const attributes = new Recurring<Uint8Array>(PATHS_KEPT, PATH_KEPT_MAX);
      return (event, process, out, notes) => {
        const { view } = event;
        const start = event.textStart(field);
        const length = event.textLength(field);
        if (length === 0) return;
        const found = attributes.find(view, start, length);
        if (found) return out.whole(found);
        const before = out.at;
        const { length: escaped } = notes.escaped;
        write(event, process, out, notes);
        // What was escaped has to be noted each time.
        if (attributes.isWanted && notes.escaped.length === escaped)
          attributes.keep(view, start, length, Uint8Array.prototype.slice.call(out.bytes, before, out.at));
      };
    },
  };
}

/** A `struct text`. */
export function text(field: Field): Column {
  const end = (event: RawEvent) => event.textStart(field) + event.textLength(field);
  return {
    type: 'string',
    read: (event, _process, notes) =>
      event.textLength(field) === 0
        ? undefined
        : readText(event.bytes, event.textStart(field), end(event), notes),
    writer: (name) => {
      const k = key(name);
      return (event, _process, out, notes) => {
        if (event.textLength(field) > 0)
          writeText(out, k, event.bytes, event.textStart(field), end(event), notes);
      };
    },
    text: (event, _process, out) =>
      event.textLength(field) > 0 && writeShort(event.bytes, event.textStart(field), end(event), out),
  };
}

/** Characters of a path that a summary shows; of a longer one the end, which tells more. */
const SUMMARY_PATH = 200;

function writeShort(bytes: Buffer, start: number, end: number, out: Writer): true {
  if (end - start <= SUMMARY_PATH && out.copyAscii(bytes, start, end)) return true;
  const whole = decodeText(bytes, start, end);
  let from = Math.max(0, whole.length - SUMMARY_PATH + 1);
  if (whole.length <= SUMMARY_PATH) from = 0;
  // Not between the halves of a character beyond U+FFFF.
  else if (whole.charCodeAt(from) >>> 10 === 0x37) from++;
  out.text(from === 0 ? whole : `…${whole.slice(from)}`);
  return true;
}

// Which path stands in JoinedPath.bytes: the summary and the attribute ask for the same one behind the other.
const joined = { serial: -1, base: -1, length: 0 };

/** A `struct path_text`, and behind it what the caller wrote: together one path. Either may be all there is. */
export function joinedPath(base: Field, name: Field): Column {
  const join = (event: RawEvent) => {
    if (joined.serial === event.serial && joined.base === base.offset) return joined.length;
    joined.serial = event.serial;
    joined.base = base.offset;
    joined.length = JoinedPath.join(
      event.bytes,
      event.textStart(base),
      event.textLength(base),
      event.textStart(name),
      event.textLength(name),
    );
    return joined.length;
  };
  return {
    ...filled(JoinedPath.bytes, join),
    text: (event, _process, out) => {
      const length = join(event);
      return length > 0 && writeShort(JoinedPath.bytes, 0, length, out);
    },
  };
}
