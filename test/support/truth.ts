// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import { readFileSync, readlinkSync, statSync } from 'node:fs';
import { statFields } from './seeds.ts';
import type { Attributes, Watch, WatchedRecord } from './watch.ts';

/** What a trigger says about its process (json_proc in test/kernel/triggers/truth.h). One code point per byte. */
export interface Proc {
  readonly stat: string;
  readonly status: string;
  readonly cgroup: string;
  readonly loginuid?: string;
  readonly sessionid?: string;
  readonly parentStat?: string;
  readonly pid: string;
  readonly mnt: string;
  readonly net: string;
  readonly uts: string;
  readonly user: string;
  readonly exe?: string;
  readonly cwd?: string;
  readonly stdin?: string;
  readonly stdout?: string;
  readonly stderr?: string;
  readonly thread: string;
  readonly comm: string;
  readonly nodename: string;
  /** CLOCK_BOOTTIME when it was said, ns. */
  readonly boot: string;
}

export interface Truth {
  readonly proc: Proc;
  readonly skip?: string;
}

const TICK_NS = 10_000_000n;
const MS = 1_000_000n;

const decode = (bytes: Buffer) => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);

/** Bytes as our records write them: UTF-8, or \xNN for what is none, and then (or `always`) a doubled backslash. */
export function escaped(latin1: string, always = false): string {
  const bytes = Buffer.from(latin1, 'latin1');
  if (isUtf8(bytes) && !always) return decode(bytes);
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    // The shortest valid piece is one character.
    const length = [1, 2, 3, 4].find((n) => at + n <= bytes.length && isUtf8(bytes.subarray(at, at + n)));
    const byte = bytes[at]!.toString(16).padStart(2, '0');
    text += length ? decode(bytes.subarray(at, at + length)).replace('\\', '\\\\') : `\\x${byte}`;
    at += length ?? 1;
  }
  return text;
}

/** The numbers of a line of /proc/PID/status. */
export const numbers = (status: string, name: string) =>
  new RegExp(`^${name}:\t(.*)$`, 'm').exec(status)![1]!.trim().split(/\s+/).map(Number);

/** The process id as the host sees it. */
export const pidOf = (proc: Proc): number => Number.parseInt(proc.stat, 10);
export const parentPid = (proc: Proc): number => Number(statFields(proc.stat)[1]);
export const tidOf = (proc: Proc): number => Number(proc.thread.slice(proc.thread.lastIndexOf('/') + 1));

/** First match in the host's passwd file. */
export function userName(uid: number): string | undefined {
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n');
  return lines.map((line) => line.split(':')).find((entry) => Number(entry[2]) === uid)?.[0];
}

/** The inode of a namespace of the host. A sandbox may hide those of its first process; then ours are the host's. */
export function hostNamespace(name: string): number {
  const inode = (pid: string) => Number(/\[(\d+)\]/.exec(readlinkSync(`/proc/${pid}/ns/${name}`))![1]);
  try {
    return inode('1');
  } catch {
    return inode('self');
  }
}

/** The inode of the process's directory in the hierarchy that tells containers apart: v1's memory, else v2. */
export function cgroupId(cgroup: string): string | undefined {
  const groups = cgroup
    .trim()
    .split('\n')
    .map((line) => /^\d+:([^:]*):(.*)$/.exec(line)!);
  const memory = groups.find((group) => group[1]!.split(',').includes('memory'));
  const path = (memory ?? groups.find((group) => group[1] === ''))?.[2];
  for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
    const [mount = '', superblock = ''] = line.split(' - ');
    const [, , , root, point] = mount.split(' ');
    const wanted = memory ? /^cgroup .*\bmemory\b/.test(superblock) : superblock.startsWith('cgroup2 ');
    if (wanted && root === '/') return `${statSync(`${point}${path}`, { bigint: true }).ino}`;
  }
  return undefined;
}

/**
 * `process.id` of a record as [pid, start]. The start is known to user space only in ticks of 10 ms (/proc/PID/stat):
 * it must lie in the tick, and is then taken from the record.
 */
export function checkedStart(id: unknown, stat: string, what: string): bigint {
  const [pid, hex] = String(id).split('-');
  const start = BigInt(`0x${hex}`);
  assert.equal(Number(pid), Number.parseInt(stat, 10), what);
  assert.equal(start / TICK_NS, BigInt(statFields(stat)[19]!), `${what}: start`);
  return start;
}

function ttyPath(number: number): string | undefined {
  const major = (number >> 8) & 0xfff;
  const minor = (number & 0xff) | ((number >> 12) & 0xfff00);
  return major >= 136 && major <= 143 ? `/dev/pts/${(major - 136) * 256 + minor}` : undefined;
}

export const EXECUTABLE_ATTRIBUTES = [
  'process.executable.path',
  'process.executable.name',
  'agentsmith.process.executable.deleted',
  'agentsmith.process.executable.memfd',
] as const;

/** What the link /proc/PID/exe says, as attributes. */
export function executable(link: string): Attributes {
  const memfd = /^\/(memfd:.*) \(deleted\)$/s.exec(link);
  const path = escaped(memfd?.[1] ?? link.replace(/ \(deleted\)$/, ''));
  return {
    'process.executable.path': path,
    'process.executable.name': path.slice(path.lastIndexOf('/') + 1),
    ...(!memfd && link.endsWith(' (deleted)') && { 'agentsmith.process.executable.deleted': true }),
    ...(memfd && { 'agentsmith.process.executable.memfd': true }),
  };
}

/** The process block of the record as it must be: `full` for exec and exit, `lean` for the others on request. */
export function block(
  watch: Watch,
  record: WatchedRecord,
  proc: Proc,
  level: 'lean' | 'standard' | 'full',
): Attributes {
  const { attributes } = record;
  const [, ppid, pgid, sid, tty] = statFields(proc.stat).map(Number);
  const [uid, euid, suid] = numbers(proc.status, 'Uid') as [number, number, number];
  const [gid, egid] = numbers(proc.status, 'Gid') as [number, number];
  const pid = pidOf(proc);
  const vpid = numbers(proc.status, 'NSpid').at(-1)!;
  const start = checkedStart(attributes['agentsmith.process.id'], proc.stat, 'process.id');
  const parentId = attributes['agentsmith.process.parent.id'];
  if (proc.parentStat) checkedStart(parentId, proc.parentStat, 'parent.id');
  const created = Number((start + watch.host.clock.offset) / MS);
  const told = attributes['process.creation.time'];
  // The offset of the clocks is measured again and again: at the edge of a millisecond both sides are right.
  const near = Math.abs(Date.parse(String(told)) - created) <= 1;
  const lean: Record<string, Attributes[string] | undefined> = {
    'process.pid': pid,
    'agentsmith.process.id': `${pid}-${start.toString(16)}`,
    'agentsmith.process.parent.id': parentId,
    'process.creation.time': near ? told : new Date(created).toISOString(),
    'process.parent_pid': ppid,
    ...(proc.exe !== undefined && executable(proc.exe)),
    'process.user.id': euid,
  };
  const unset = (text: string | undefined) =>
    text === undefined || text === '4294967295' ? undefined : Number(text);
  const onHost = Number(/\d+/.exec(proc.mnt)![0]) === hostNamespace('mnt');
  const standard: typeof lean = {
    'process.group_leader.pid': pgid || undefined,
    'process.session_leader.pid': sid || undefined,
    'process.vpid': vpid === pid ? undefined : vpid,
    'process.user.name': onHost ? userName(euid) : undefined,
    'process.real_user.id': uid,
    'process.real_user.name': onHost ? userName(uid) : undefined,
    'process.saved_user.id': suid === euid ? undefined : suid,
    'agentsmith.process.group.id': egid,
    'agentsmith.process.real_group.id': gid,
    'agentsmith.audit.session.id': unset(proc.sessionid),
    'agentsmith.audit.login_user.id': unset(proc.loginuid),
    'process.interactive': tty !== 0,
    'agentsmith.process.tty': ttyPath(tty!),
    'agentsmith.uts.nodename': escaped(proc.nodename),
    'agentsmith.cgroup.id': cgroupId(proc.cgroup) ?? attributes['agentsmith.cgroup.id'],
  };
  for (const name of ['pid', 'mnt', 'net', 'uts', 'user'] as const) {
    const inode = /\d+/.exec(proc[name])![0];
    const shown = level === 'full' || Number(inode) !== hostNamespace(name);
    standard[`agentsmith.namespace.${name}.inode`] = shown ? inode : undefined;
  }
  if (level === 'lean') delete lean['process.executable.name'];
  return present(level === 'lean' ? lean : { ...lean, ...standard });
}

/** The attributes that have a value. */
export function present(attributes: Readonly<Record<string, Attributes[string] | undefined>>): Attributes {
  return Object.fromEntries(
    Object.entries(attributes).filter(([, value]) => value !== undefined),
  ) as Attributes;
}
