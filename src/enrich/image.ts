// SPDX-License-Identifier: Apache-2.0
import { ExecFlag, processExec } from '../decode/layout.gen.ts';
import type { RawEvent } from '../decode/record.ts';
import { Recurring } from '../decode/recurring.ts';
import { decodeText, isAscii, nameOf, needsEscape, PathText } from '../decode/text.ts';

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

/** Bytes of a path that is remembered: hardly a program has a longer one, and it bounds what all of them take. */
export const PLAIN_MAX = 1024;
/** Most execs are of a program that ran before. So many are remembered, each of 4 KiB at the worst. */
const programs = new Recurring<Program>(1024, PLAIN_MAX);

/** The program of a path of ASCII, decoded once; undefined for any other. */
function plainProgram(event: RawEvent): Program | undefined {
  const start = event.textStart(processExec.executable);
  const size = event.textLength(processExec.executable);
  const found = programs.find(event.view, start, size);
  if (found) return found;
  const length = PathText.turn(event.bytes, start, size);
  if (length === 0 || length > PLAIN_MAX || !isAscii(PathText.bytes, 0, length)) return undefined;
  const path = PathText.bytes.toString('latin1', 0, length);
  const program = { path, name: nameOf(path), rows: undefined };
  programs.keep(event.view, start, size, program);
  return program;
}

/** The image that an introduction or exec record tells of; undefined when it has no path. */
export function imageOf(event: RawEvent): Image | undefined {
  const field = processExec.executable;
  const plain = plainProgram(event);
  const length = plain ? 0 : PathText.turn(event.bytes, event.textStart(field), event.textLength(field));
  if (!plain && length === 0) return undefined;
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
