// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync } from 'node:fs';

/** Ticks of a second in /proc/PID/stat (sysconf(_SC_CLK_TCK)): 100 on every Linux. */
const TICKS = 100;

interface Stat {
  readonly comm: string;
  readonly parent: number;
  /** User and system time, s. */
  readonly cpu: number;
}

function statOf(pid: number): Stat | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return {
      comm: stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')')),
      parent: Number(fields[1]),
      cpu: (Number(fields[11]) + Number(fields[12])) / TICKS,
    };
  } catch {
    return undefined; // It has ended meanwhile.
  }
}

/** A process and all below it, and kernel threads by name. */
export function tree(root: number, threads: readonly string[] = []): number[] {
  const stats = new Map<number, Stat>();
  for (const name of readdirSync('/proc')) {
    const stat = /^\d+$/.test(name) ? statOf(Number(name)) : undefined;
    if (stat) stats.set(Number(name), stat);
  }
  const found = [root];
  for (const pid of found) for (const [child, { parent }] of stats) if (parent === pid) found.push(child);
  for (const [pid, { comm }] of stats) if (threads.includes(comm)) found.push(pid);
  return found;
}

/** Seconds of CPU that these have used since they were born. */
export const cpuOf = (pids: readonly number[]): number =>
  pids.reduce((sum, pid) => sum + (statOf(pid)?.cpu ?? 0), 0);

/** Bytes of resident memory; kernel threads have none. */
export function rssOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    try {
      const kib = /^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
      return sum + Number(kib ?? 0) * 1024;
    } catch {
      return sum;
    }
  }, 0);
}
