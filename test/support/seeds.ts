// SPDX-License-Identifier: Apache-2.0
import { readFileSync, readlinkSync } from 'node:fs';

/** What is behind the name in /proc/PID/stat: state, parent, group, session, terminal, … */
export function statFields(stat: string): string[] {
  return stat
    .slice(stat.lastIndexOf(')') + 2)
    .trim()
    .split(' ');
}

/** Last component of the executable; a kernel thread has none and is called by its comm. */
export function processName(pid: number): string {
  try {
    const path = readlinkSync(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, '');
    return path.slice(path.lastIndexOf('/') + 1);
  } catch {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
  }
}

export function parentOf(pid: number): number {
  return Number(statFields(readFileSync(`/proc/${pid}/stat`, 'latin1'))[1]);
}
