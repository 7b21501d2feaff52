// SPDX-License-Identifier: Apache-2.0
import type { Field, RawEvent } from '../decode/record.ts';
import { decodeText, eachString, needsEscape } from '../decode/text.ts';
import { findSecrets, onlyAscii, surveyStrings } from '../enrich/redact.ts';
import { key } from '../otlp-bytes.ts';
import { StringList } from '../otlp-writer.ts';
import type { Column, Notes } from './column.ts';

/** What stands in the place of a secret. */
export const MARK = '[redacted]';
/** A summary shows this much of the arguments. */
const SUMMARY_CHARACTERS = 200;
const NONE: readonly number[] = [];
const NO_BYTES = new DataView(new ArrayBuffer(0));
const NO_NOTES: Notes = { name: '', escaped: [], redacted: [] };

/** Arguments with a secret are copied without it where they fit; longer ones become strings. */
const HIDDEN_MAX = 16 * 1024;

/**
 * The arguments of a command: a list as attribute, joined by blanks in a summary, secrets replaced when `redact` is
 * set. Nearly all are ASCII: those never become strings, unless a secret is looked for in them.
 */
export function commandArgs(field: Field, redact: boolean): Column {
  // Body and attribute ask for the same record one after the other.
  let serial = -1;
  let secrets = NONE;
  /** The arguments can be copied as they stand in `view` from `from` to `to`. */
  let isPlain = false;
  let view: DataView = NO_BYTES;
  let from = 0;
  let to = 0;
  const strings = new StringList();
  const hidden = Buffer.alloc(HIDDEN_MAX);
  const hiddenView = new DataView(hidden.buffer, hidden.byteOffset, hidden.length);
  const look = (event: RawEvent) => {
    if (event.serial === serial) return;
    serial = event.serial;
    view = event.view;
    from = event.textStart(field);
    to = from + event.textLength(field);
    const found = surveyStrings(event.bytes, from, to, strings);
    secrets = redact ? findSecrets(event.bytes, from, to, found) : NONE;
    isPlain = onlyAscii(found);
    if (!isPlain || secrets.length === 0) return;
    const length = hideSecrets(event.bytes, from, to, secrets, hidden);
    isPlain = length >= 0;
    if (!isPlain) return;
    surveyStrings(hidden, 0, length, strings);
    view = hiddenView;
    from = 0;
    to = length;
  };
  const read = (event: RawEvent, notes: Notes) => {
    look(event);
    return argumentsOf(event, field, secrets, notes);
  };
  return {
    type: 'string[]',
    read: (event, _process, notes) => read(event, notes),
    writer: (name) => {
      const k = key(name);
      return (event, _process, out, notes) => {
        look(event);
        if (isPlain) {
          if (secrets.length > 0) notes.redacted.push(name);
          return out.stringsAttribute(k, view, from, strings);
        }
        notes.name = name;
        out.attribute(k, read(event, notes));
      };
    },
    text: (event, _process, out) => {
      look(event);
      if (isPlain) {
        const end = to > from && view.getUint8(to - 1) === 0 ? to - 1 : to;
        const isCut = end - from > SUMMARY_CHARACTERS;
        out.joined(view, from, isCut ? from + SUMMARY_CHARACTERS - 1 : end);
        if (isCut) out.text('…');
        return true;
      }
      const joined = read(event, NO_NOTES).join(' ');
      NO_NOTES.escaped.length = NO_NOTES.redacted.length = 0;
      out.text(joined.length > SUMMARY_CHARACTERS ? `${joined.slice(0, SUMMARY_CHARACTERS - 1)}…` : joined);
      return true;
    },
  };
}

/** Copies bytes with {@link MARK} for each secret; how many they are, -1 when there is no room for them. */
function hideSecrets(
  bytes: Buffer,
  start: number,
  end: number,
  secrets: readonly number[],
  into: Buffer,
): number {
  if (end - start + (secrets.length / 2) * MARK.length > into.length) return -1;
  let length = 0;
  let at = start;
  for (let i = 0; i < secrets.length; i += 2) {
    length += bytes.copy(into, length, at, start + secrets[i]!);
    length += into.write(MARK, length, 'latin1');
    at = start + secrets[i + 1]!;
  }
  return length + bytes.copy(into, length, at, end);
}

function argumentsOf(event: RawEvent, field: Field, secrets: readonly number[], notes: Notes): string[] {
  const first = event.textStart(field);
  const list: string[] = [];
  // Of all arguments or of none: `\\xff` beside an escaped byte must not look like one.
  const escaped = needsEscape(event.bytes, first, first + event.textLength(field));
  let next = 0;
  eachString(event.bytes, first, first + event.textLength(field), (from, to) => {
    let text = '';
    let at = from;
    const plain = (end: number) => {
      if (end > at) text += decodeText(event.bytes, at, end, escaped);
    };
    for (; next < secrets.length && first + secrets[next]! < to; next += 2) {
      plain(first + secrets[next]!);
      text += MARK;
      at = first + secrets[next + 1]!;
    }
    plain(to);
    list.push(text);
  });
  if (escaped) notes.escaped.push(notes.name);
  if (secrets.length > 0) notes.redacted.push(notes.name);
  return list;
}
