// SPDX-License-Identifier: Apache-2.0

/*
 * Kernel bytes to text. Names, paths and arguments are any bytes; OTLP strings are UTF-8. Bytes that are not become
 * \xNN, and in such a string a backslash is doubled, so that nothing an attacker writes can look like an escape.
 */

const HEX = '0123456789abcdef';

/** Length of the UTF-8 sequence at `at` (Unicode 15, table 3-7), or 0 when there is none before `end`. */
function sequenceLength(bytes: Uint8Array, at: number, end: number): number {
  const first = bytes[at]!;
  if (first < 0x80) return 1;
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || at + length > end) return 0;
  const second = bytes[at + 1]!;
  const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  if (second < low || second > high) return 0;
  for (let i = 2; i < length; i++) if ((bytes[at + i]! & 0xc0) !== 0x80) return 0;
  return length;
}

/** Whether all bytes are ASCII: the common case, which needs no decoding. */
export function isAscii(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i]! > 0x7f) return false;
  return true;
}

/** Whether {@link decodeText} must escape: some byte belongs to no UTF-8 sequence. */
export function needsEscape(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; ) {
    const length = bytes[at]! < 0x80 ? 1 : sequenceLength(bytes, at, end);
    if (length === 0) return true;
    at += length;
  }
  return false;
}

/**
 * The bytes as a string; see the top of this file for what is escaped. Who makes an attribute of several pieces passes
 * whether any of them must be: one rule holds for the whole attribute.
 */
export function decodeText(
  bytes: Buffer,
  start: number,
  end: number,
  escaped = needsEscape(bytes, start, end),
): string {
  if (!escaped) return bytes.toString(isAscii(bytes, start, end) ? 'latin1' : 'utf8', start, end);
  let text = '';
  for (let at = start; at < end; ) {
    const length = sequenceLength(bytes, at, end);
    const byte = bytes[at]!;
    if (length === 0) text += `\\x${HEX[byte >> 4]}${HEX[byte & 15]}`;
    else if (byte === 0x5c) text += '\\\\';
    else text += bytes.toString('utf8', at, at + length);
    at += length || 1;
  }
  return text;
}

/** Calls `visit` with start and end of each NUL-terminated string; the last may lack its NUL (argv was cut). */
export function eachString(
  bytes: Buffer,
  start: number,
  stop: number,
  visit: (start: number, end: number) => void,
): void {
  for (let from = start; from < stop; ) {
    let to = bytes.indexOf(0, from);
    if (to < 0 || to > stop) to = stop;
    visit(from, to);
    from = to + 1;
  }
}

/** Last component of a path. */
export function nameOf(path: string): string {
  // lastIndexOf is a call into the runtime, ten times as slow.
  let at = path.length;
  while (at > 0 && path.charCodeAt(at - 1) !== 0x2f) at--;
  return path.slice(at);
}

/** Longest path that is turned round: PATH_MAX, and one component that the walk's limit lets pass. */
const PATH_BYTES = 4096 + 256 + 8;
/** Where {@link PathText.turn} leaves its result. */
const turned = Buffer.alloc(PATH_BYTES);

/**
 * Turns a `struct path_text` round (leaf first, NUL after each component; an empty one at the end marks the root) into
 * `into`. Returns the length; a path without leading slash is an object without a place, or the end of a path that
 * is longer than 4096 bytes.
 */
function turnPath(bytes: Uint8Array, start: number, length: number, into: Buffer = turned): number {
  let end = start + Math.min(length, PATH_BYTES - 1);
  if (end === start) return 0;
  let at = 0;
  let rooted = bytes[end - 1] === 0 && (end - 1 === start || bytes[end - 2] === 0);
  if (rooted) end--;
  if (rooted && end === start) {
    into[0] = 0x2f;
    return 1;
  }
  while (end > start) {
    const stop = bytes[end - 1] === 0 ? end - 1 : end;
    let from = stop;
    while (from > start && bytes[from - 1] !== 0) from--;
    if (rooted) into[at++] = 0x2f;
    for (let i = from; i < stop; i++) into[at++] = bytes[i]!;
    rooted = true;
    end = from;
  }
  return at;
}

/** Whether turning gives a whole path from the root, longer than the root's own. */
function isRooted(bytes: Uint8Array, start: number, length: number): boolean {
  const end = start + length;
  return length > 2 && length < PATH_BYTES && bytes[end - 1] === 0 && bytes[end - 2] === 0;
}

/** A path turned round: `bytes` is shared and holds until the next turn. */
export const PathText: {
  readonly bytes: Buffer;
  turn(bytes: Uint8Array, start: number, length: number): number;
  isRooted(bytes: Uint8Array, start: number, length: number): boolean;
} = {
  bytes: turned,
  turn: turnPath,
  isRooted,
};

/** A path turned round and a name behind it. */
const joined = Buffer.alloc(2 * PATH_BYTES);

function joinPath(
  bytes: Uint8Array,
  start: number,
  length: number,
  nameStart: number,
  nameLength: number,
): number {
  let at = turnPath(bytes, start, length, joined);
  const end = nameStart + Math.min(nameLength, PATH_BYTES);
  if (end === nameStart) return at;
  // One slash between them, whoever brings it; without a directory the name stands alone.
  const both = (at === 1 && joined[0] === 0x2f) || bytes[nameStart] === 0x2f;
  if (at === 1 && bytes[nameStart] === 0x2f) at = 0;
  else if (at > 0 && !both) joined[at++] = 0x2f;
  for (let i = nameStart; i < end; i++) joined[at++] = bytes[i]!;
  return at;
}

/** A path in two pieces: `bytes` is shared and holds until the next join. */
export const JoinedPath: {
  readonly bytes: Buffer;
  /** The name is as it was written; a slash at its start is the caller's root, which the path names. */
  join(bytes: Uint8Array, start: number, length: number, nameStart: number, nameLength: number): number;
} = { bytes: joined, join: joinPath };
