// SPDX-License-Identifier: Apache-2.0
// Where a process comes from: `agentsmith.process.ancestry` and `--tree`.
import assert from 'node:assert/strict';
import type { Process } from '../../../src/enrich/process.ts';
import { Processes, type ProcessesOptions } from '../../../src/enrich/processes.ts';
import { batchOf, connect, fork, introduction } from '../../support/records.ts';

/** Pid `i` of a chain started at second `i`, its parent is `i - 1`. */
const link = (pid: number, parentPid = pid - 1) => ({
  pid,
  start: BigInt(pid) * 1_000_000_000n,
  parentPid,
  parentStart: BigInt(parentPid) * 1_000_000_000n,
  execId: BigInt(pid),
});

/** The process of each record, handed over in this order. */
function seen(options: ProcessesOptions, ...records: Buffer[]): Process[] {
  const processes = new Processes(options);
  return Array.from(batchOf(records), (event) => processes.of(event));
}

const SEEDS = new Map([
  [1, { name: 'init', parent: 0 }],
  [50, { name: 'sshd', parent: 1 }],
  [60, { name: 'bash', parent: 50 }],
]);

describe('ancestry', () => {
  it('names the ancestors, nearest first, from the cache', () => {
    const [, , child] = seen(
      { seeds: SEEDS },
      introduction({ who: link(61, 60), executable: '/usr/bin/make' }),
      introduction({ who: link(62), executable: '/bin/sh' }),
      fork({ who: link(63), originExecId: 62n }),
    );
    assert.deepEqual(child!.ancestry.labels, ['62:sh', '61:make', '60:bash', '50:sshd', '1:init']);
  });

  it('shows a parent without a known executable by its pid', () => {
    const [, child] = seen({}, connect({ who: link(70) }), connect({ who: link(71) }));
    assert.deepEqual(child!.ancestry.labels, ['70']);
  });

  it('ends after sixteen', () => {
    const chain = Array.from({ length: 30 }, (_, i) =>
      introduction({ who: link(100 + i), executable: `/bin/p${100 + i}` }),
    );
    const last = seen({}, ...chain).at(-1)!;
    assert.equal(last.ancestry.labels.length, 16);
    assert.equal(last.ancestry.labels[0], '128:p128');
    assert.equal(last.ancestry.labels[15], '113:p113');
  });

  it('ends after sixteen seeds too, whatever they say', () => {
    const loop = new Map([
      [60, { name: 'a', parent: 61 }],
      [61, { name: 'b', parent: 60 }],
    ]);
    assert.equal(seen({ seeds: loop }, connect({ who: link(62, 60) }))[0]!.ancestry.labels.length, 16);
  });

  it('stays that of the birth when the process is reparented: an orphan keeps where it came from', () => {
    const [, orphan] = seen(
      { seeds: SEEDS },
      introduction({ who: link(61, 60), executable: '/usr/bin/make' }),
      fork({ who: link(62), originExecId: 61n }),
      connect({ who: { ...link(62, 1), execId: 61n } }),
    );
    assert.equal(orphan!.ancestry.labels[0], '61:make');
  });

  it('of a child of an orphan goes through the orphan', () => {
    const child = seen(
      { seeds: SEEDS },
      introduction({ who: link(61, 60), executable: '/usr/bin/make' }),
      introduction({ who: link(62), executable: '/bin/daemon' }),
      connect({ who: { ...link(62, 1) } }),
      fork({ who: link(63), originExecId: 62n }),
    ).at(-1)!;
    assert.deepEqual(child.ancestry.labels.slice(0, 2), ['62:daemon', '61:make']);
  });
});

describe('--tree', () => {
  const selected = (...records: Buffer[]) =>
    seen({ seeds: SEEDS, tree: 60 }, ...records).map((process) => process.selected);

  it('selects the process itself and what descends from it', () => {
    assert.deepEqual(
      selected(
        connect({ who: link(60, 50) }),
        fork({ who: link(61) }),
        fork({ who: link(62) }),
        connect({ who: link(63) }),
      ),
      [true, true, true, true],
    );
  });

  it('selects descendants that were there before the agent', () => {
    assert.deepEqual(selected(connect({ who: link(61, 60) })), [true]);
  });

  it('leaves out all others', () => {
    assert.deepEqual(
      selected(connect({ who: link(51, 50) }), fork({ who: link(52) }), connect({ who: link(99, 98) })),
      [false, false, false],
    );
  });

  it('keeps an orphan of the tree', () => {
    assert.deepEqual(
      selected(connect({ who: link(61, 60) }), fork({ who: link(62) }), connect({ who: link(62, 1) })),
      [true, true, true],
    );
  });

  it('selects all when there is none', () => assert.ok(seen({}, connect({ who: link(99) }))[0]!.selected));
});
