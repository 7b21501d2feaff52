// SPDX-License-Identifier: Apache-2.0
import type { Field, RawEvent } from '../decode/record.ts';
import { decodeText, eachString, needsEscape } from '../decode/text.ts';
import { findSecrets, onlyAscii, survey } from '../enrich/redact.ts';
import { key } from '../otlp-bytes.ts';
import type { Column, Notes } from './column.ts';

/** What stands in the place of a secret. */
export const MARK = '[redacted]';
/** A summary shows this much of the arguments. */
const SUMMARY_CHARACTERS = 200;
const NONE: readonly number[] = [];
const NO_NOTES: Notes = { name: '', escaped: [], redacted: [] };

/**
 * The arguments of a command: a list as attribute, joined by blanks in a summary, secrets replaced when `redact` is
 * set. Nearly all are ASCII without a secret: those never become strings.
 */
export function commandArgs(field: Field, redact: boolean): Column {
  // Body and attribute ask for the same record one after the other.
  let serial = -1;
  let secrets = NONE;
  let isPlain = false;
  const look = (event: RawEvent) => {
    if (event.serial === serial) return;
    serial = event.serial;
    const start = event.textStart(field);
    const end = start + event.textLength(field);
    const found = survey(event.bytes, start, end);
    secrets = redact ? findSecrets(event.bytes, start, end, found) : NONE;
    isPlain = secrets.length === 0 && onlyAscii(found);
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
        const start = event.textStart(field);
        if (isPlain) return out.stringsAttribute(k, event.bytes, start, start + event.textLength(field));
        notes.name = name;
        out.attribute(k, read(event, notes));
      };
    },
    text: (event, _process, out) => {
      look(event);
      const start = event.textStart(field);
      let end = start + event.textLength(field);
      if (isPlain) {
        if (end > start && event.bytes[end - 1] === 0) end--;
        const isCut = end - start > SUMMARY_CHARACTERS;
        out.joined(event.bytes, start, isCut ? start + SUMMARY_CHARACTERS - 1 : end);
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
