// SPDX-License-Identifier: Apache-2.0
// Loaded, attached and closed many times, nothing is left: no descriptor, mapping, map or program, and no memory.
// 1,000 times with AGENTSMITH_LOADS=1000 (`npm run test:loads`).
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { eventually } from '../support/eventually.ts';
import type { Left } from '../support/loads.ts';
import { scaled, skip } from '../support/triggers.ts';
import { openWatch } from '../support/watch.ts';

const LOADS = Number(process.env.AGENTSMITH_LOADS ?? 50);
/** What malloc's arenas and V8's heap were seen to move within a hundred loads. */
const NOISE_KIB = 3072;
/** Less than anything that one load takes: a page of its ring, the instructions of its smallest program. */
const A_LOAD_KIB = 4;

const most = (of: readonly Left[]) => Math.max(...of.map(({ memory }) => memory));

/** Ids of all that the kernel holds. */
function idsOf(kind: 'prog' | 'map'): Set<number> {
  const list = JSON.parse(execFileSync('bpftool', [kind, 'list', '-j'], { encoding: 'utf8' }));
  return new Set((list as { id: number }[]).map(({ id }) => id));
}

describe(`${LOADS} loads of the BPF object`, function () {
  const limitMs = scaled(120_000) * Math.max(1, LOADS / 100);
  this.timeout(limitMs);
  const all: Left[] = [];

  before(async function () {
    await openWatch(this).close();
    const program = join(import.meta.dirname, '../support/loads.js');
    const child = spawn(process.execPath, ['--expose-gc', program, `${LOADS}`], {
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: limitMs - 10_000,
    });
    const ended = once(child, 'close');
    for await (const line of createInterface({ input: child.stdout })) all.push(JSON.parse(line) as Left);
    assert.deepEqual(await ended, [0, null]);
    assert.equal(all.length, LOADS);
  });

  it('leave the descriptors that were there before, and no mapping', () => {
    // Behind the first one its line is written, for which Node opens what it keeps.
    for (const { descriptors, mapped, mappings } of all.slice(1)) {
      assert.deepEqual(descriptors, all[1]!.descriptors);
      assert.ok(mapped > 0);
      assert.equal(mappings, 0);
    }
    assert.deepEqual(
      all[1]!.descriptors.filter((target) => /bpf|cgroup/.test(target)),
      [],
    );
  });

  it('leave no program and no map in the kernel', async function () {
    const [programs, maps] = [all.flatMap((each) => each.programs), all.flatMap((each) => each.maps)];
    assert.ok(programs.length >= LOADS && maps.length >= LOADS, 'nothing was loaded');
    assert.equal(new Set(programs).size, programs.length);
    try {
      idsOf('prog');
    } catch (error) {
      skip(this, `bpftool does not run here: ${(error as Error).message.split('\n')[0]}`);
    }
    let left: number[] = [];
    // The kernel frees them a little later.
    await eventually(() => {
      const [loadedPrograms, loadedMaps] = [idsOf('prog'), idsOf('map')];
      left = [...programs.filter((id) => loadedPrograms.has(id)), ...maps.filter((id) => loadedMaps.has(id))];
      return left.length === 0;
    }).catch(() => assert.deepEqual(left, [], 'outlived the one who held them'));
  });

  it('take no more memory in their second half than in their first', function () {
    if (process.env.ASAN_OPTIONS !== undefined)
      skip(this, 'AddressSanitizer keeps what was freed for a while');
    const half = all.length >> 1;
    const grown = most(all.slice(half)) - most(all.slice(0, half));
    const bound = NOISE_KIB + A_LOAD_KIB * half;
    assert.ok(grown <= bound, `${grown} KiB more after ${half} loads more; ${bound} KiB are no leak`);
  });
});
