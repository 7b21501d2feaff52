// SPDX-License-Identifier: Apache-2.0

import type { Clock } from '../clock.ts';
import { processExec } from '../decode/layout.gen.ts';
import { ttyPath } from '../decode/names.ts';
import { WHO_WORDS } from '../decode/record.ts';
import { decodeText, needsEscape } from '../decode/text.ts';
import { type AttributeValue, type Key, key, Writer } from '../otlp-writer.ts';
import * as at from '../semconv.ts';
import type { HostNamespaces } from '../sensor/sensor.ts';

/** How much of the process block an event carries; docs/events.md. */
export const Detail = { LEAN: 0, STANDARD: 1, FULL: 2 } as const;
export type Detail = (typeof Detail)[keyof typeof Detail];

/** What the block takes from outside the process. */
export interface HostContext {
  readonly clock: Clock;
  readonly namespaces: HostNamespaces;
  /** User name of the host's passwd file. */
  userName(uid: number): string | undefined;
}

/** What a process runs since its last exec. */
export interface Image {
  readonly execIdLow: number;
  readonly execIdHigh: number;
  readonly path: string;
  readonly escaped: boolean;
  readonly memfd: boolean;
  readonly deleted: boolean;
}

/** An encoded block: attributes of a LogRecord, and the names of those in which bytes were escaped. */
export interface Block {
  readonly bytes: Buffer;
  readonly escaped: readonly string[];
}

const { who } = processExec;
const word = (field: { offset: number }) => (field.offset - who.start.offset) / 4;
const UNSET = 0xffffffff;

/** A process as user space knows it: the words of its last `struct who`, its image, its ancestors' labels. */
export class Process {
  readonly who: Uint32Array = new Uint32Array(WHO_WORDS);
  image: Image | undefined;
  /** The image before the last exec, for results that arrive late. */
  previous: Image | undefined;
  /** `pid:name` of the ancestors when the process was born, nearest first, at most 16. */
  ancestry: readonly string[] = [];
  exited = false;
  /** Within the tree that `--tree` asks for. */
  selected = true;
  #creationTime: string | undefined;
  readonly #blocks: (Block | undefined)[] = [];

  get pid(): number {
    return this.who[word(who.pid)]!;
  }

  get startLow(): number {
    return this.who[0]!;
  }

  get startHigh(): number {
    return this.who[1]!;
  }

  u32(field: { offset: number }): number {
    return this.who[word(field)]!;
  }

  u64(field: { offset: number }): bigint {
    return (BigInt(this.who[word(field) + 1]!) << 32n) | BigInt(this.who[word(field)]!);
  }

  /** The image that the last `who` was running; absent when that was never told. */
  get currentImage(): Image | undefined {
    const low = this.u32(who.execId);
    const high = this.who[word(who.execId) + 1]!;
    if (this.image?.execIdLow === low && this.image.execIdHigh === high) return this.image;
    if (this.previous?.execIdLow === low && this.previous.execIdHigh === high) return this.previous;
    return undefined;
  }

  get nodename(): string {
    const bytes = Buffer.from(this.who.buffer);
    const start = who.nodename.offset - who.start.offset;
    const end = bytes.indexOf(0, start);
    return decodeText(bytes, start, end < 0 ? start + who.nodename.length : end);
  }

  get nodenameEscaped(): boolean {
    const bytes = Buffer.from(this.who.buffer);
    const start = who.nodename.offset - who.start.offset;
    const end = bytes.indexOf(0, start);
    return needsEscape(bytes, start, end < 0 ? start + who.nodename.length : end);
  }

  /** ISO 8601; computed once, so that a step of the clock does not give a process two birthdays. */
  creationTime(clock: Clock): string {
    this.#creationTime ??= new Date(
      Number(clock.wall(this.startLow, this.startHigh) / 1_000_000n),
    ).toISOString();
    return this.#creationTime;
  }

  /** The encoded block; encoded once and again after {@link changed}. */
  block(detail: Detail, host: HostContext): Block {
    return (this.#blocks[detail] ??= encodeBlock(this, detail, host));
  }

  /** The encoded blocks no longer hold: `who` or the image is another. */
  changed(): void {
    this.#blocks[Detail.LEAN] = this.#blocks[Detail.STANDARD] = this.#blocks[Detail.FULL] = undefined;
  }
}

/** `<pid>-<start in ns, hex>`: the join key of `agentsmith.process.id`. */
function processId(pid: number, start: bigint): string {
  return `${pid}-${start.toString(16)}`;
}

interface BlockAttribute {
  readonly key: Key;
  readonly detail: Detail;
  read(process: Process, host: HostContext): AttributeValue | undefined;
}

const attribute = (
  name: string,
  detail: Detail,
  read: (process: Process, host: HostContext) => AttributeValue | undefined,
): BlockAttribute => ({ key: key(name), detail, read });

const { LEAN, STANDARD } = Detail;
const unlessUnset = (value: number) => (value === UNSET ? undefined : value);
const hostUser = (uid: number, process: Process, host: HostContext) =>
  process.u32(who.mntNs) === host.namespaces.mnt ? host.userName(uid) : undefined;
const ttyOf = (process: Process) => ttyPath(process.u32(who.tty));

/** A namespace is told where it differs from the host's; exec and exit (FULL) always tell. */
const namespace = (
  name: string,
  field: { offset: number },
  own: (host: HostNamespaces) => number,
): BlockAttribute[] => [
  attribute(name, Detail.FULL, (p) => `${p.u32(field)}`),
  attribute(name, STANDARD, (p, host) =>
    p.u32(field) === own(host.namespaces) ? undefined : `${p.u32(field)}`,
  ),
];

/** The process block of docs/events.md, in the order of the record. */
export const BLOCK: readonly BlockAttribute[] = [
  attribute(at.ATTR_PROCESS_PID, LEAN, (p) => p.pid),
  attribute(at.PROCESS_ID, LEAN, (p) => processId(p.pid, p.u64(who.start))),
  attribute(at.PROCESS_PARENT_ID, LEAN, (p) => processId(p.u32(who.parentPid), p.u64(who.parentStart))),
  attribute(at.ATTR_PROCESS_CREATION_TIME, LEAN, (p, host) => p.creationTime(host.clock)),
  attribute(at.ATTR_PROCESS_PARENT_PID, LEAN, (p) => p.u32(who.parentPid)),
  attribute(at.ATTR_PROCESS_GROUP_LEADER_PID, STANDARD, (p) => p.u32(who.groupLeader) || undefined),
  attribute(at.ATTR_PROCESS_SESSION_LEADER_PID, STANDARD, (p) => p.u32(who.sessionLeader) || undefined),
  attribute(at.ATTR_PROCESS_VPID, STANDARD, (p) => (p.u32(who.vpid) === p.pid ? undefined : p.u32(who.vpid))),
  attribute(at.ATTR_PROCESS_EXECUTABLE_PATH, LEAN, (p) => p.currentImage?.path),
  attribute(at.ATTR_PROCESS_EXECUTABLE_NAME, STANDARD, (p) => p.currentImage && nameOf(p.currentImage.path)),
  attribute(at.PROCESS_EXECUTABLE_DELETED, LEAN, (p) => p.currentImage?.deleted || undefined),
  attribute(at.PROCESS_EXECUTABLE_MEMFD, LEAN, (p) => p.currentImage?.memfd || undefined),
  attribute(at.ATTR_PROCESS_USER_ID, LEAN, (p) => p.u32(who.euid)),
  attribute(at.ATTR_PROCESS_USER_NAME, STANDARD, (p, host) => hostUser(p.u32(who.euid), p, host)),
  attribute(at.ATTR_PROCESS_REAL_USER_ID, STANDARD, (p) => p.u32(who.uid)),
  attribute(at.ATTR_PROCESS_REAL_USER_NAME, STANDARD, (p, host) => hostUser(p.u32(who.uid), p, host)),
  attribute(at.ATTR_PROCESS_SAVED_USER_ID, STANDARD, (p) =>
    p.u32(who.suid) === p.u32(who.euid) ? undefined : p.u32(who.suid),
  ),
  attribute(at.PROCESS_GROUP_ID, STANDARD, (p) => p.u32(who.egid)),
  attribute(at.PROCESS_REAL_GROUP_ID, STANDARD, (p) => p.u32(who.gid)),
  attribute(at.AUDIT_SESSION_ID, STANDARD, (p) => unlessUnset(p.u32(who.auditSession))),
  attribute(at.AUDIT_LOGIN_USER_ID, STANDARD, (p) => unlessUnset(p.u32(who.loginUid))),
  attribute(at.ATTR_PROCESS_INTERACTIVE, STANDARD, (p) => ttyOf(p) !== undefined),
  attribute(at.PROCESS_TTY, STANDARD, ttyOf),
  attribute(at.UTS_NODENAME, STANDARD, (p) => p.nodename),
  ...namespace(at.NAMESPACE_PID, who.pidNs, (host) => host.pid),
  ...namespace(at.NAMESPACE_MNT, who.mntNs, (host) => host.mnt),
  ...namespace(at.NAMESPACE_NET, who.netNs, (host) => host.net),
  ...namespace(at.NAMESPACE_UTS, who.utsNs, (host) => host.uts),
  ...namespace(at.NAMESPACE_USER, who.userNs, (host) => host.user),
  attribute(at.CGROUP_ID, STANDARD, (p) => `${p.u64(who.cgroup)}`),
];

const isNamespace = (a: BlockAttribute) => a.key.name.startsWith('agentsmith.namespace.');
/** The rows that each level of detail shows; of the two namespace rows FULL takes the first, STANDARD the second. */
const ROWS: Readonly<Record<Detail, readonly BlockAttribute[]>> = {
  [Detail.LEAN]: BLOCK.filter((a) => a.detail === LEAN),
  [Detail.STANDARD]: BLOCK.filter((a) => a.detail !== Detail.FULL),
  [Detail.FULL]: BLOCK.filter((a) => !(isNamespace(a) && a.detail === STANDARD)),
};

/** Last component of a path. */
export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** The block as readable attributes, in the order of the record. */
export function readBlock(
  process: Process,
  detail: Detail,
  host: HostContext,
): Record<string, AttributeValue> {
  const attributes: Record<string, AttributeValue> = {};
  for (const row of ROWS[detail]) {
    const value = row.read(process, host);
    if (value !== undefined) attributes[row.key.name] = value;
  }
  return attributes;
}

/** Names of block attributes in which bytes were escaped, in the order of the record. */
export function escapedInBlock(process: Process, detail: Detail): readonly string[] {
  const names: string[] = [];
  if (process.currentImage?.escaped) {
    names.push(at.ATTR_PROCESS_EXECUTABLE_PATH);
    if (detail !== Detail.LEAN) names.push(at.ATTR_PROCESS_EXECUTABLE_NAME);
  }
  if (detail !== Detail.LEAN && process.nodenameEscaped) names.push(at.UTS_NODENAME);
  return names;
}

/** A path of 4096 bytes, each escaped to four, twice (path and name), and 8 KiB for all that is short. */
const scratch = new Writer(Buffer.alloc(2 * 4 * 4352 + 8192));

function encodeBlock(process: Process, detail: Detail, host: HostContext): Block {
  scratch.at = 0;
  for (const row of ROWS[detail]) {
    const value = row.read(process, host);
    if (value !== undefined) scratch.attribute(0x32, row.key, value);
  }
  return {
    bytes: Buffer.from(scratch.bytes.subarray(0, scratch.at)),
    escaped: escapedInBlock(process, detail),
  };
}
