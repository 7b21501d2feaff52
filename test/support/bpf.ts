// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { eventually } from './eventually.ts';

/** Names that ebpf/programs gives; bpf(2) keeps the first 15 letters. */
const OURS =
  /^(process_(exec|exit|fork|credent|ptrace|memory|readv|writev|getfd)|network_(connect|bind)|dns_(egress|ingress)|kernel_(bpf|module)_|syscall_exit)/;

/** Ids of loaded programs of ours. */
function loadedPrograms(): number[] {
  const json = execFileSync('bpftool', ['prog', 'list', '-j'], { encoding: 'utf8' });
  const programs = JSON.parse(json) as { id: number; name?: string }[];
  return programs.filter(({ name }) => OURS.test(name ?? '')).map(({ id }) => id);
}

/** Ids of programs that a living process holds, by itself or by a link: fdinfo names them. */
function heldPrograms(): Set<number> {
  const held = new Set<number>();
  const tryRead = <T>(read: () => T): T | undefined => {
    try {
      return read();
    } catch {
      return undefined; // It has ended meanwhile.
    }
  };
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    for (const fd of tryRead(() => readdirSync(`/proc/${pid}/fdinfo`)) ?? []) {
      const info = tryRead(() => readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8')) ?? '';
      for (const [, id] of info.matchAll(/^prog_id:\s*(\d+)$/gm)) held.add(Number(id));
    }
  }
  return held;
}

/** In an `after` hook: no program of ours is left in the kernel that no process holds. */
export async function checkOrphans(): Promise<void> {
  try {
    loadedPrograms();
  } catch {
    console.log('      skipped: bpftool does not run here, so nobody looks for what is left in the kernel');
    return;
  }
  let orphans: number[] = [];
  await eventually(() => {
    const loaded = loadedPrograms();
    const held = heldPrograms();
    orphans = loaded.filter((id) => !held.has(id));
    return orphans.length === 0;
  }).catch(() => assert.deepEqual(orphans, [], 'programs that outlived their process'));
}
