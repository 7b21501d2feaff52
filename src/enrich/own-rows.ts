// SPDX-License-Identifier: Apache-2.0
import { processExec } from '../decode/layout.gen.ts';
import { digitCount, hexCount, ISO_LENGTH, varintSize } from '../otlp-bytes.ts';
import { Writer } from '../otlp-writer.ts';
import * as at from '../semconv.ts';
import { type Image, KEPT_MAX } from './image.ts';
import type { HostContext, Process } from './process.ts';
import { Detail, keyOfRow } from './process-block.ts';

/*
 * The rows of the block that differ from process to process, straight into bytes: the same as OWN of process-block.ts
 * one by one, where a call for each row was most of what they cost.
 */

const { who } = processExec;

const PID = keyOfRow(at.ATTR_PROCESS_PID);
const ID = keyOfRow(at.PROCESS_ID);
const PARENT_ID = keyOfRow(at.PROCESS_PARENT_ID);
const CREATION_TIME = keyOfRow(at.ATTR_PROCESS_CREATION_TIME);
const PARENT_PID = keyOfRow(at.ATTR_PROCESS_PARENT_PID);
const GROUP_LEADER = keyOfRow(at.ATTR_PROCESS_GROUP_LEADER_PID);
const SESSION_LEADER = keyOfRow(at.ATTR_PROCESS_SESSION_LEADER_PID);
const VPID = keyOfRow(at.ATTR_PROCESS_VPID);
const PATH = keyOfRow(at.ATTR_PROCESS_EXECUTABLE_PATH);
const NAME = keyOfRow(at.ATTR_PROCESS_EXECUTABLE_NAME);
const DELETED = keyOfRow(at.PROCESS_EXECUTABLE_DELETED);
const MEMFD = keyOfRow(at.PROCESS_EXECUTABLE_MEMFD);

/** Rows that were written, and where in them stands what differs from process to process. */
interface Template {
  readonly shape: number;
  readonly bytes: Uint8Array;
  readonly pid: number;
  readonly id: number;
  readonly parentId: number;
  readonly created: number;
  readonly parentPid: number;
  readonly groupLeader: number;
  readonly sessionLeader: number;
}

/**
 * Most of the rows is names, and where numbers have as many digits as those of another process the rest stands at the same
 * places. So many of such shapes are remembered, each of half a KiB; a host has a few dozens.
 */
const SHAPES_MAX = 512;
const templates = new Map<number, Template>();
/** Of the process before: what starts together has the same. */
let last: Template | undefined;

/** Writes what a process has for itself. */
export function writeOwnRows(process: Process, detail: Detail, host: HostContext, out: Writer): void {
  const pid = process.u32(who.pid);
  const parentPid = process.u32(who.parentPid);
  // Signed: larger ones would be doubles, each with an object of its own.
  const low = process.u32(who.start) | 0;
  const high = process.high(who.start) | 0;
  const parentLow = process.u32(who.parentStart) | 0;
  const parentHigh = process.high(who.parentStart) | 0;
  const isLean = detail === Detail.LEAN;
  const groupLeader = isLean ? 0 : process.u32(who.groupLeader);
  const sessionLeader = isLean ? 0 : process.u32(who.sessionLeader);
  // A number of n digits has a varint of hardly more than one length, but of which one they do not say.
  const shape =
    digitCount(pid) |
    (hexCount(low, high) << 4) |
    (digitCount(parentPid) << 9) |
    (hexCount(parentLow, parentHigh) << 13) |
    (varintSize(pid) << 18) |
    (varintSize(parentPid) << 21) |
    ((groupLeader === 0 ? 0 : varintSize(groupLeader)) << 24) |
    ((sessionLeader === 0 ? 0 : varintSize(sessionLeader)) << 27);
  const found = last?.shape === shape ? last : templates.get(shape);
  const start = out.at;
  if (found) {
    last = found;
    out.whole(found.bytes);
    const end = out.at;
    out.at = start + found.pid;
    out.varint(pid);
    out.at = start + found.id;
    writeId(pid, low, high, out);
    out.at = start + found.parentId;
    writeId(parentPid, parentLow, parentHigh, out);
    out.at = start + found.created;
    out.isoTime(process.created(host.clock));
    out.at = start + found.parentPid;
    out.varint(parentPid);
    if (groupLeader !== 0) {
      out.at = start + found.groupLeader;
      out.varint(groupLeader);
    }
    if (sessionLeader !== 0) {
      out.at = start + found.sessionLeader;
      out.varint(sessionLeader);
    }
    out.at = end;
  } else {
    const before = (size: number) => out.at - size - start;
    out.intAttribute(PID, pid);
    const pidAt = before(varintSize(pid));
    out.stringAttribute(ID, digitCount(pid) + 1 + hexCount(low, high));
    const idAt = before(0);
    writeId(pid, low, high, out);
    out.stringAttribute(PARENT_ID, digitCount(parentPid) + 1 + hexCount(parentLow, parentHigh));
    const parentIdAt = before(0);
    writeId(parentPid, parentLow, parentHigh, out);
    out.stringAttribute(CREATION_TIME, ISO_LENGTH);
    const createdAt = before(0);
    out.isoTime(process.created(host.clock));
    out.intAttribute(PARENT_PID, parentPid);
    const parentPidAt = before(varintSize(parentPid));
    if (groupLeader !== 0) out.intAttribute(GROUP_LEADER, groupLeader);
    const groupLeaderAt = before(varintSize(groupLeader));
    if (sessionLeader !== 0) out.intAttribute(SESSION_LEADER, sessionLeader);
    if (templates.size >= SHAPES_MAX) templates.clear();
    templates.set(shape, {
      shape,
      bytes: Uint8Array.prototype.slice.call(out.bytes, start, out.at),
      pid: pidAt,
      id: idAt,
      parentId: parentIdAt,
      created: createdAt,
      parentPid: parentPidAt,
      groupLeader: groupLeaderAt,
      sessionLeader: before(varintSize(sessionLeader)),
    });
  }
  const vpid = process.u32(who.vpid);
  if (!isLean && vpid !== pid) out.intAttribute(VPID, vpid);
  const image = process.currentImage;
  if (image) writeImage(image, detail, out);
}

/** `<pid>-<start in ns, hex>` */
function writeId(pid: number, low: number, high: number, out: Writer): void {
  out.digits(pid);
  out.byte(0x2d);
  out.hex(low, high);
}

function writeImage(image: Image, detail: Detail, out: Writer): void {
  if (image.isKept && detail !== Detail.LEAN) {
    out.whole((image.rows ??= rowsOf(image)));
  } else {
    out.attribute(PATH, image.path);
    if (detail !== Detail.LEAN) out.attribute(NAME, image.name);
  }
  if (image.deleted) out.boolAttribute(DELETED, true);
  if (image.memfd) out.boolAttribute(MEMFD, true);
}

/** Path and name, each byte escaped to four, and their keys. */
const scratch = new Writer(Buffer.alloc(2 * 4 * KEPT_MAX + 256));

function rowsOf({ path, name }: Image): Uint8Array {
  scratch.at = 0;
  scratch.attribute(PATH, path);
  scratch.attribute(NAME, name);
  return Uint8Array.prototype.slice.call(scratch.bytes, 0, scratch.at);
}
