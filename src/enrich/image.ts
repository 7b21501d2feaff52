// SPDX-License-Identifier: Apache-2.0
import { ExecFlag, processExec } from '../decode/layout.gen.ts';
import type { RawEvent } from '../decode/record.ts';
import { decodeText, nameOf, needsEscape, PathText } from '../decode/text.ts';

/** What a process runs since its last exec. */
export interface Image {
  readonly execIdLow: number;
  readonly execIdHigh: number;
  readonly path: string;
  /** Last component of the path. */
  readonly name: string;
  readonly escaped: boolean;
  readonly memfd: boolean;
  readonly deleted: boolean;
  /** What is remembered of the path; of few paths nothing is. */
  readonly program: Program | undefined;
}

/** A program by its path, which is ASCII. */
export interface Program {
  readonly path: string;
  readonly name: string;
  /** Both as attributes, from when they are first asked for. */
  rows: Uint8Array | undefined;
}

/** Most execs are of a program that ran before. So many are remembered, each of 3 KiB at the worst; two that meet take turns. */
const PLACES = 1024;
/** Bytes of a path that is remembered: hardly a program has a longer one, and it bounds what all of them take. */
export const PLAIN_MAX = 1024;
const programs: (Program | undefined)[] = new Array(PLACES).fill(undefined);

function isPathOf(path: string, bytes: Uint8Array, length: number): boolean {
  if (path.length !== length) return false;
  for (let i = 0; i < length; i++) if (path.charCodeAt(i) !== bytes[i]) return false;
  return true;
}

/** The program of a path of ASCII, decoded once; undefined for any other. */
function plainProgram(bytes: Buffer, length: number): Program | undefined {
  if (length > PLAIN_MAX) return undefined;
  let hash = length;
  let all = 0;
  for (let i = 0; i < length; i++) {
    const byte = bytes[i]!;
    hash = Math.imul(hash ^ byte, 0x01000193);
    all |= byte;
  }
  if (all > 127) return undefined;
  const place = (hash ^ (hash >>> 15)) & (PLACES - 1);
  const found = programs[place];
  if (found && isPathOf(found.path, bytes, length)) return found;
  const path = bytes.toString('latin1', 0, length);
  return (programs[place] = { path, name: nameOf(path), rows: undefined });
}

/** The image that an introduction or exec record tells of; undefined when it has no path. */
export function imageOf(event: RawEvent): Image | undefined {
  const field = processExec.executable;
  const length = PathText.turn(event.bytes, event.textStart(field), event.textLength(field));
  if (length === 0) return undefined;
  const plain = plainProgram(PathText.bytes, length);
  const path = plain ? plain.path : decodeText(PathText.bytes, 0, length);
  const flags = event.u32(processExec.flags);
  return {
    execIdLow: event.low(processExec.who.execId),
    execIdHigh: event.high(processExec.who.execId),
    path,
    name: plain ? plain.name : nameOf(path),
    escaped: !plain && needsEscape(PathText.bytes, 0, length),
    memfd: (flags & ExecFlag.MEMFD) !== 0,
    deleted: (flags & ExecFlag.DELETED) !== 0,
    program: plain,
  };
}
