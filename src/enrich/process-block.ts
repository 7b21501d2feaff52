// SPDX-License-Identifier: Apache-2.0
import { processExec } from '../decode/layout.gen.ts';
import { ttyPath } from '../decode/names.ts';
import { type Key, key } from '../otlp-bytes.ts';
import type { AttributeValue } from '../otlp-writer.ts';
import * as at from '../semconv.ts';
import type { HostNamespaces } from '../sensor/sensor.ts';
import type { HostContext, Process } from './process.ts';

/** How much of the process block an event carries; docs/events.md. */
export const Detail = { LEAN: 0, STANDARD: 1, FULL: 2 } as const;
export type Detail = (typeof Detail)[keyof typeof Detail];

const { who } = processExec;
const UNSET = 0xffffffff;

type Field = { readonly offset: number };
type Read = (process: Process, host: HostContext) => AttributeValue | undefined;

/** One row of the block. */
export interface BlockAttribute {
  readonly key: Key;
  readonly detail: Detail;
  readonly read: Read;
}

const attribute = (name: string, detail: Detail, read: Read): BlockAttribute => ({
  key: key(name),
  detail,
  read,
});

const { LEAN, STANDARD } = Detail;

/** A number of `struct who`; 0 = absent where `optional`. */
const number = (name: string, detail: Detail, field: Field, optional = false): BlockAttribute =>
  attribute(name, detail, (p) => (optional ? p.u32(field) || undefined : p.u32(field)));
const unlessUnset = (value: number) => (value === UNSET ? undefined : value);
/** The name of a user who is the host's. */
export const hostUser = (uid: number, process: Process, host: HostContext): string | undefined =>
  process.u32(who.mntNs) === host.namespaces.mnt ? host.userName(uid) : undefined;
const ttyOf = (process: Process) => ttyPath(process.u32(who.tty));

/** `<pid>-<start in ns, hex>`: the join key of `agentsmith.process.id`. */
const processId = (name: string, pid: Field, start: Field): BlockAttribute =>
  attribute(name, LEAN, (p) => `${p.u32(pid)}-${p.u64(start).toString(16)}`);

/** A namespace is told where it differs from the host's; exec and exit (FULL) always tell. */
const namespace = (name: string, field: Field, own: (host: HostNamespaces) => number): BlockAttribute[] => [
  attribute(name, Detail.FULL, (p) => `${p.u32(field)}`),
  attribute(name, STANDARD, (p, host) =>
    p.u32(field) === own(host.namespaces) ? undefined : `${p.u32(field)}`,
  ),
];

/** What differs from process to process; own-rows.ts writes the same. */
const OWN: readonly BlockAttribute[] = [
  number(at.ATTR_PROCESS_PID, LEAN, who.pid),
  processId(at.PROCESS_ID, who.pid, who.start),
  processId(at.PROCESS_PARENT_ID, who.parentPid, who.parentStart),
  attribute(at.ATTR_PROCESS_CREATION_TIME, LEAN, (p, host) => new Date(p.created(host.clock)).toISOString()),
  number(at.ATTR_PROCESS_PARENT_PID, LEAN, who.parentPid),
  number(at.ATTR_PROCESS_GROUP_LEADER_PID, STANDARD, who.groupLeader, true),
  number(at.ATTR_PROCESS_SESSION_LEADER_PID, STANDARD, who.sessionLeader, true),
  attribute(at.ATTR_PROCESS_VPID, STANDARD, (p) => (p.u32(who.vpid) === p.pid ? undefined : p.u32(who.vpid))),
  attribute(at.ATTR_PROCESS_EXECUTABLE_PATH, LEAN, (p) => p.currentImage?.path),
  attribute(at.ATTR_PROCESS_EXECUTABLE_NAME, STANDARD, (p) => p.currentImage?.name),
  attribute(at.PROCESS_EXECUTABLE_DELETED, LEAN, (p) => p.currentImage?.deleted || undefined),
  attribute(at.PROCESS_EXECUTABLE_MEMFD, LEAN, (p) => p.currentImage?.memfd || undefined),
];

/** What the processes of a session or a container have in common: made of `cgroup` and of `uid` and what follows it. */
const COMMON: readonly BlockAttribute[] = [
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

/** The process block of docs/events.md, in the order of the record. */
export const BLOCK: readonly BlockAttribute[] = [...OWN, ...COMMON];

type Rows = Readonly<Record<Detail, readonly BlockAttribute[]>>;
const isNamespace = (a: BlockAttribute) => a.key.name.startsWith('agentsmith.namespace.');

/** The rows that each level of detail shows; of the two namespace rows FULL takes the first, STANDARD the second. */
const rowsOf = (rows: readonly BlockAttribute[]): Rows => ({
  [Detail.LEAN]: rows.filter((a) => a.detail === LEAN),
  [Detail.STANDARD]: rows.filter((a) => a.detail !== Detail.FULL),
  [Detail.FULL]: rows.filter((a) => !(isNamespace(a) && a.detail === STANDARD)),
});
const ROWS = rowsOf(BLOCK);
export const COMMON_ROWS: Rows = rowsOf(COMMON);

/** The key of a row. @throws when there is no row of that name */
export function keyOfRow(name: string): Key {
  const row = BLOCK.find(({ key }) => key.name === name);
  if (!row) throw new RangeError(`no row ${name} in the block`);
  return row.key;
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
  return [...escapedOwn(process, detail), ...escapedCommon(process, detail)];
}

/** Of them those whose bytes are the process's own. */
export function escapedOwn(process: Process, detail: Detail): readonly string[] {
  if (!process.currentImage?.escaped) return [];
  return detail === LEAN
    ? [at.ATTR_PROCESS_EXECUTABLE_PATH]
    : [at.ATTR_PROCESS_EXECUTABLE_PATH, at.ATTR_PROCESS_EXECUTABLE_NAME];
}

/** Of them those that many processes share. */
export function escapedCommon(process: Process, detail: Detail): readonly string[] {
  return detail !== LEAN && process.nodenameEscaped ? [at.UTS_NODENAME] : [];
}
