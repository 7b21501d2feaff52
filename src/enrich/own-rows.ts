// SPDX-License-Identifier: Apache-2.0
import { processExec } from '../decode/layout.gen.ts';
import { digitCount, hexCount, ISO_LENGTH, type Key } from '../otlp-bytes.ts';
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

/** Writes what a process has for itself. */
export function writeOwnRows(process: Process, detail: Detail, host: HostContext, out: Writer): void {
  const pid = process.u32(who.pid);
  const parentPid = process.u32(who.parentPid);
  out.intAttribute(PID, pid);
  writeId(ID, pid, process.u32(who.start), process.high(who.start), out);
  writeId(PARENT_ID, parentPid, process.u32(who.parentStart), process.high(who.parentStart), out);
  out.stringAttribute(CREATION_TIME, ISO_LENGTH);
  out.isoTime(process.created(host.clock));
  out.intAttribute(PARENT_PID, parentPid);
  if (detail !== Detail.LEAN) {
    const groupLeader = process.u32(who.groupLeader);
    const sessionLeader = process.u32(who.sessionLeader);
    const vpid = process.u32(who.vpid);
    if (groupLeader !== 0) out.intAttribute(GROUP_LEADER, groupLeader);
    if (sessionLeader !== 0) out.intAttribute(SESSION_LEADER, sessionLeader);
    if (vpid !== pid) out.intAttribute(VPID, vpid);
  }
  const image = process.currentImage;
  if (image) writeImage(image, detail, out);
}

/** `<pid>-<start in ns, hex>` */
function writeId(key: Key, pid: number, low: number, high: number, out: Writer): void {
  out.stringAttribute(key, digitCount(pid) + 1 + hexCount(low, high));
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
