// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { nameOf } from '../decode/text.ts';
import type { HostNamespaces, Seed } from '../sensor/sensor.ts';

/** pid_max of Linux: more entries than that /proc cannot have. */
const SEEDS_MAX = 4_194_304;

function read<T>(get: () => T): T | undefined {
  try {
    return get();
  } catch {
    // The process is gone, or hidden from us: it has no seed.
    return undefined;
  }
}

/** Parent and comm from proc_pid_stat(5); comm may hold blanks and parentheses, so it ends at the last one. */
export function parseStat(stat: string): { comm: string; parent: number } | undefined {
  const open = stat.indexOf('(');
  const close = stat.lastIndexOf(')');
  const parent = Number(stat.slice(close + 2).split(' ')[1]);
  return open < 0 || close < open || !Number.isInteger(parent)
    ? undefined
    : { comm: stat.slice(open + 1, close), parent };
}

/**
 * The processes that run now, for the names of ancestors: read once, at start. Everything else about a process comes
 * from the kernel with its first event.
 */
export function readSeeds(root = '/proc'): Map<number, Seed> {
  const seeds = new Map<number, Seed>();
  for (const entry of read(() => readdirSync(root)) ?? []) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || seeds.size >= SEEDS_MAX) continue;
    const stat = read(() => parseStat(readFileSync(`${root}/${entry}/stat`, 'utf8')));
    if (!stat) continue;
    // A kernel thread has no executable; a deleted one keeps its name.
    const executable = read(() => readlinkSync(`${root}/${entry}/exe`).replace(/ \(deleted\)$/, ''));
    seeds.set(pid, { name: executable ? nameOf(executable) : stat.comm, parent: stat.parent });
  }
  return seeds;
}

/** Namespace inodes of the host's first process; of our own where that may not be looked at. */
export function readHostNamespaces(root = '/proc'): HostNamespaces {
  const inode = (name: string) => {
    const link =
      read(() => readlinkSync(`${root}/1/ns/${name}`)) ?? read(() => readlinkSync(`${root}/self/ns/${name}`));
    return Number(/\[(\d+)\]/.exec(link ?? '')?.[1] ?? 0);
  };
  return { pid: inode('pid'), mnt: inode('mnt'), net: inode('net'), uts: inode('uts'), user: inode('user') };
}
