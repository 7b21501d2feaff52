// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { needsCommand } from './needs.ts';

/** What the kernel says of a kind of BPF object that this process holds, by fdinfo. */
function heldIds(field: string): Set<number> {
  const ids = readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const info = readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1');
      const found = new RegExp(`^${field}:\\s*(\\d+)$`, 'm').exec(info);
      return found ? [Number(found[1])] : [];
    } catch {
      return [];
    }
  });
  return new Set(ids);
}

const bpftool = (...args: readonly string[]) => execFileSync('bpftool', args, { encoding: 'utf8' });

/** Skips where nobody can tamper with the agent as somebody with root and bpftool would. */
export function needsBpftool(context: Mocha.Context): void {
  needsCommand(context, 'bpftool', 'link', 'list');
}

/** Detaches what this process has attached to cgroups; how many links that were. */
export function detachLinks(): number {
  const ours = heldIds('link_id');
  const links = JSON.parse(bpftool('link', 'list', '-j')) as { id: number; type: string }[];
  const cgroup = links.filter(({ id, type }) => ours.has(id) && type === 'cgroup');
  assert.ok(cgroup.length >= 3, 'no links of cgroups were found');
  for (const { id } of cgroup) bpftool('link', 'detach', 'id', `${id}`);
  return cgroup.length;
}

/** Enters a process in the agent's list of its own, whose events are left out. */
export function hideProcess(pid: number): void {
  const ours = heldIds('map_id');
  const maps = JSON.parse(bpftool('map', 'list', '-j')) as { id: number; name?: string }[];
  const bss = maps.find(({ id, name }) => ours.has(id) && name?.endsWith('.bss'));
  assert.ok(bss, 'the map of globals was not found');
  // bpftool prints bytes; the agent's own pid stands at the start of `excluded`, the next place is free.
  const [{ value }] = JSON.parse(bpftool('map', 'dump', 'id', `${bss.id}`, '-j')) as [{ value: string[] }];
  const bytes = Buffer.from(value.map((byte) => Number.parseInt(byte, 16)));
  const own = Buffer.alloc(4);
  own.writeUInt32LE(process.pid);
  let at = bytes.indexOf(own);
  while (at % 4 !== 0) at = bytes.indexOf(own, at + 1);
  bytes.writeUInt32LE(pid, at + 4);
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0'));
  bpftool('map', 'update', 'id', `${bss.id}`, 'key', '0', '0', '0', '0', 'value', 'hex', ...hex);
}
