// SPDX-License-Identifier: Apache-2.0
import { processExec } from '../decode/layout.gen.ts';
import { WHO_WORDS } from '../decode/record.ts';
import { Writer } from '../otlp-writer.ts';
import { writeOwnRows } from './own-rows.ts';
import type { HostContext, Process } from './process.ts';
import {
  type BlockAttribute,
  COMMON_ROWS,
  type Detail,
  escapedCommon,
  escapedOwn,
  hostUser,
} from './process-block.ts';

/** An encoded block: attributes of a LogRecord, and the names of those in which bytes were escaped. */
export interface Block {
  readonly bytes: Buffer;
  readonly escaped: readonly string[];
}

/** The second half of a block, and all that it was made of. */
interface CommonBlock extends Block {
  readonly words: Uint32Array;
  readonly detail: Detail;
  readonly host: HostContext;
  /** Names of the passwd file, which may change. */
  readonly user: string | undefined;
  readonly realUser: string | undefined;
}

/** So many sessions and containers are remembered, about 1 KiB each; two that meet at one place take turns. */
const PLACES = 1024;
const commonBlocks: (CommonBlock | undefined)[] = new Array(PLACES).fill(undefined);

const { who } = processExec;
const CGROUP = (who.cgroup.offset - who.start.offset) / 4;
/** From here on all words of `struct who` belong to the session or container. */
const FIRST = (who.uid.offset - who.start.offset) / 4;

/** By what tells sessions and containers apart: what is left out here, {@link isOf} compares. */
function placeOf(process: Process, detail: Detail): number {
  let hash = Math.imul(process.u32(who.cgroup) ^ detail, 0x01000193);
  hash = Math.imul(hash ^ process.u32(who.euid), 0x01000193);
  hash = Math.imul(hash ^ process.u32(who.auditSession), 0x01000193);
  hash = Math.imul(hash ^ process.u32(who.tty), 0x01000193);
  hash = Math.imul(hash ^ process.u32(who.mntNs), 0x01000193);
  return (hash ^ (hash >>> 15)) & (PLACES - 1);
}

function isOf({ words }: CommonBlock, process: Process): boolean {
  let different = (words[CGROUP]! ^ process.word(CGROUP)) | (words[CGROUP + 1]! ^ process.word(CGROUP + 1));
  for (let i = FIRST; i < WHO_WORDS; i++) different |= words[i]! ^ process.word(i);
  return different === 0;
}

/** Most processes start in a session or container that others started in before. */
function commonBlock(process: Process, detail: Detail, host: HostContext): CommonBlock {
  const [uid, euid] = [process.u32(who.uid), process.u32(who.euid)];
  const user = hostUser(euid, process, host);
  const realUser = uid === euid ? user : hostUser(uid, process, host);
  const place = placeOf(process, detail);
  const found = commonBlocks[place];
  if (
    found?.detail === detail &&
    found.host === host &&
    found.user === user &&
    found.realUser === realUser &&
    isOf(found, process)
  )
    return found;
  commonScratch.at = 0;
  writeRows(COMMON_ROWS[detail], process, host, commonScratch);
  const words = Uint32Array.from({ length: WHO_WORDS }, (_, i) => process.word(i));
  const escaped = escapedCommon(process, detail);
  return (commonBlocks[place] = { bytes: kept(commonScratch), escaped, words, detail, host, user, realUser });
}

/** A path of 4096 bytes, each escaped to four, twice (path and name), and 8 KiB for all that is short. */
const scratch = new Writer(Buffer.alloc(2 * 4 * 4352 + 8192));
/** One of its own, because it is used while the other is. */
const commonScratch = new Writer(Buffer.alloc(8192));

function writeRows(rows: readonly BlockAttribute[], process: Process, host: HostContext, out: Writer): void {
  for (let i = 0; i < rows.length; i++) {
    const { key, read } = rows[i]!;
    const value = read(process, host);
    if (value !== undefined) out.attribute(key, value);
  }
}

/** What was written to a scratch, as a buffer of its own. */
function kept(from: Writer): Buffer {
  const bytes = Buffer.allocUnsafe(from.at);
  from.bytes.copy(bytes, 0, 0, from.at);
  return bytes;
}

/** Writes the process block; names of the attributes in which bytes were escaped. */
export function writeBlock(
  process: Process,
  detail: Detail,
  host: HostContext,
  out: Writer,
): readonly string[] {
  const common = commonBlock(process, detail, host);
  const own = escapedOwn(process, detail);
  writeOwnRows(process, detail, host, out);
  out.whole(common.bytes);
  return own.length > 0 ? [...own, ...common.escaped] : common.escaped;
}

/** The process block in a buffer of its own. */
export function encodeBlock(process: Process, detail: Detail, host: HostContext): Block {
  scratch.at = 0;
  const escaped = writeBlock(process, detail, host, scratch);
  return { bytes: kept(scratch), escaped };
}
