// SPDX-License-Identifier: Apache-2.0
// Which process an event belongs to and what is known of it; how its block looks: process.test.ts.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Process } from '../../../src/enrich/process.ts';
import { Processes, type ProcessesOptions } from '../../../src/enrich/processes.ts';
import { batchOf, connect, exec, exit, fork, introduction } from '../../support/records.ts';

const SHELL = { pid: 4000, start: 4_000_000_000n, parentPid: 1, parentStart: 1n, execId: 7n };
const CHILD = { pid: 4100, start: 5_000_000_000n, parentPid: 4000, parentStart: 4_000_000_000n, execId: 7n };

function processes(options: ProcessesOptions = {}) {
  const known = new Processes(options);
  /** Hands the records over; the process of the last one. */
  const see = (...records: Buffer[]): Process => {
    let last: Process | undefined;
    for (const event of batchOf(records)) last = known.of(event);
    return last!;
  };
  return { known, see };
}

const pathOf = (process: Process) => process.currentImage?.path;

describe('Processes', () => {
  it('learn an image from the introduction', () => {
    const { see } = processes();
    see(introduction({ who: SHELL, executable: '/bin/sh' }));
    assert.equal(pathOf(see(connect({ who: SHELL }))), '/bin/sh');
  });

  it('give a forked child the image of its parent', () => {
    const { see } = processes();
    see(introduction({ who: SHELL, executable: '/bin/sh' }), fork({ who: CHILD, originExecId: 7n }));
    assert.equal(pathOf(see(connect({ who: CHILD }))), '/bin/sh');
  });

  it('give a child the image its parent had when it forked, also when the parent has gone on', () => {
    const { see } = processes();
    see(
      introduction({ who: SHELL, executable: '/bin/sh' }),
      exec({ who: { ...SHELL, execId: 8n }, executable: '/bin/cat' }),
    );
    assert.equal(pathOf(see(fork({ who: CHILD, originExecId: 7n }))), '/bin/sh');
  });

  it('give a child of CLONE_PARENT the image of who cloned it, not of its parent', () => {
    const { see } = processes();
    const origin = { ...SHELL, pid: SHELL.pid! + 1, start: SHELL.start! + 1n };
    see(
      introduction({ who: SHELL, executable: '/bin/sh' }),
      introduction({ who: origin, executable: '/bin/runc' }),
    );
    const child = fork({ who: CHILD, originPid: origin.pid, originStart: origin.start, originExecId: 7n });
    assert.equal(pathOf(see(child)), '/bin/runc');
  });

  it('give a child no image rather than a wrong one', () => {
    const { see } = processes();
    see(introduction({ who: SHELL, executable: '/bin/sh' }));
    for (const originExecId of [6n, 7n + (1n << 32n)]) {
      const child = { ...CHILD, pid: Number(originExecId & 0xffn) + 5000, execId: originExecId };
      assert.equal(see(fork({ who: child, originExecId })).image, undefined);
    }
  });

  it('replace the image at exec', () => {
    const { see } = processes();
    see(introduction({ who: SHELL, executable: '/bin/sh' }), fork({ who: CHILD, originExecId: 7n }));
    const after = see(exec({ who: { ...CHILD, execId: 8n }, executable: '/bin/ls' }));
    assert.equal(pathOf(after), '/bin/ls');
    assert.equal(pathOf(see(exit({ who: { ...CHILD, execId: 8n } }))), '/bin/ls');
  });

  it('find the previous image for a result that arrives after the exec', () => {
    const { see } = processes();
    see(
      introduction({ who: SHELL, executable: '/bin/sh' }),
      exec({ who: { ...SHELL, execId: 8n }, executable: '/bin/ls' }),
    );
    assert.equal(pathOf(see(connect({ who: SHELL }))), '/bin/sh');
    assert.equal(pathOf(see(connect({ who: { ...SHELL, execId: 8n } }))), '/bin/ls');
  });

  it('tell no image for one of which they were never told', () => {
    const { see } = processes();
    see(introduction({ who: SHELL, executable: '/bin/sh' }));
    assert.equal(pathOf(see(connect({ who: { ...SHELL, execId: 9n } }))), undefined);
    assert.equal(pathOf(see(introduction({ who: { ...SHELL, execId: 9n }, executable: '' }))), undefined);
  });

  it('keep an exited process for results that arrive late', () => {
    const { see } = processes();
    see(introduction({ who: SHELL, executable: '/bin/sh' }));
    assert.ok(see(exit({ who: SHELL })).exited);
    assert.equal(pathOf(see(connect({ who: SHELL }))), '/bin/sh');
  });

  it('forget exited processes when a thousand more have exited', () => {
    const { known, see } = processes();
    for (let i = 0; i < 1100; i++) see(exit({ who: { ...CHILD, pid: 10_000 + i } }));
    assert.equal(known.size, 1024);
    assert.equal(known.evictions, 0);
  });
});

describe('a reused pid', () => {
  const LATER = { ...SHELL, start: 9_000_000_000n, execId: 20n };

  it('is another process', () => {
    const { known, see } = processes();
    see(introduction({ who: SHELL, executable: '/bin/sh' }), exit({ who: SHELL }));
    const later = see(connect({ who: LATER }));
    assert.equal(pathOf(later), undefined);
    assert.equal(later.exited, false);
    assert.equal(known.size, 1);
  });

  it('does not give a late result to its new owner, nor take anything from it', () => {
    const { see } = processes();
    see(introduction({ who: SHELL, executable: '/bin/sh' }), exit({ who: SHELL }));
    see(introduction({ who: LATER, executable: '/bin/later' }));
    assert.equal(pathOf(see(connect({ who: SHELL }))), '/bin/sh');
    assert.equal(pathOf(see(connect({ who: LATER }))), '/bin/later');
  });

  it('stays with its new owner when a result comes of which nothing is known any more', () => {
    const { see } = processes();
    see(introduction({ who: LATER, executable: '/bin/later' }));
    assert.equal(pathOf(see(connect({ who: SHELL }))), undefined);
    assert.equal(pathOf(see(connect({ who: LATER }))), '/bin/later');
  });

  it('is no parent of the children of its new owner', () => {
    const { see } = processes();
    see(introduction({ who: SHELL, executable: '/bin/sh' }));
    const child = see(fork({ who: { ...CHILD, parentStart: LATER.start }, originExecId: 7n }));
    assert.equal(child.image, undefined);
    assert.deepEqual(child.ancestry.labels, []);
  });
});

describe('memory that is used again', () => {
  it('does not mix up the paths of programs, however many there are', () => {
    const { see } = processes();
    for (const round of [0, 1]) {
      for (let i = 0; i < 3000; i++) {
        const path = i % 3 === 0 ? `/bin/ü${i}` : `/bin/${i % 2 === 0 ? 'a' : 'bb'}${i}`;
        const who = { ...SHELL, pid: 10_000 + i, start: BigInt(1000 * round + 1000 + i) };
        // It is remembered when it comes again.
        for (const _time of [1, 2, 3]) {
          const { image } = see(introduction({ who, executable: path }));
          assert.deepEqual([image?.path, image?.name, image?.escaped], [path, path.slice(5), false]);
        }
      }
    }
  });

  it('shows nothing of the process that it was of', () => {
    const { see } = processes();
    const owner = { ...CHILD, parentPid: SHELL.pid, parentStart: SHELL.start };
    see(introduction({ who: SHELL, executable: '/bin/sh' }));
    for (let i = 0; i < 1100; i++) {
      const who = { ...owner, pid: 10_000 + i };
      see(
        introduction({ who, executable: '/bin/before' }),
        exec({ who: { ...who, execId: 8n } }),
        exit({ who }),
      );
    }
    for (let i = 0; i < 1100; i++) {
      const who = { ...CHILD, pid: 20_000 + i, start: 9_000_000_000n, parentPid: 3, parentStart: 3n };
      const process = see(connect({ who }));
      const { image, previous, ancestry, exited, selected } = process;
      assert.deepEqual(
        [image, previous, ancestry.labels, exited, selected],
        [undefined, undefined, [], false, true],
      );
      assert.equal(process.pid, who.pid);
    }
  });

  it('is of one process at a time, whatever happens to a few process ids', () => {
    const step = fc.record({
      pid: fc.integer({ min: 5000, max: 5003 }),
      act: fc.constantFrom('introduce', 'connect first', 'exec', 'exit', 'connect', 'late', 'sweep'),
    });
    interface Owner {
      readonly who: { pid: number; start: bigint; parentPid: number; parentStart: bigint; execId: bigint };
      path: string | undefined;
      exited: boolean;
    }
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { known, see } = processes();
        const owners = new Map<number, Owner>();
        const formers = new Map<number, Owner>();
        for (const [i, { pid, act }] of steps.entries()) {
          const owner = owners.get(pid);
          if (act === 'sweep') {
            known.sweep((id, low) => owners.get(id)?.who.start === BigInt(low));
            continue;
          }
          if (act === 'introduce' || act === 'connect first' || !owner) {
            const who = {
              pid,
              start: BigInt(1000 + i),
              parentPid: 1,
              parentStart: 1n,
              execId: BigInt(i + 1),
            };
            const path = act === 'introduce' ? `/bin/p${i}` : undefined;
            if (owner) formers.set(pid, owner);
            owners.set(pid, { who, path, exited: false });
            const process = see(path ? introduction({ who, executable: path }) : connect({ who }));
            assert.deepEqual([pathOf(process), process.exited], [path, false]);
            continue;
          }
          if (act === 'exec' && !owner.exited) {
            owner.path = `/bin/e${i}`;
            owner.who.execId = BigInt(i + 1);
            see(exec({ who: owner.who, executable: owner.path }));
          }
          if (act === 'exit') {
            see(exit({ who: owner.who }));
            owner.exited = true;
          }
          const asked = act === 'late' ? (formers.get(pid) ?? owner) : owner;
          // Of one whose end was never told nothing is known once its pid has a new owner.
          const isKnown = asked === owner || asked.exited;
          const process = see(connect({ who: asked.who }));
          assert.deepEqual(
            [process.pid, process.startLow, pathOf(process), process.exited],
            [pid, Number(asked.who.start), isKnown ? asked.path : undefined, isKnown && asked.exited],
          );
        }
      }),
      { numRuns: 3000 },
    );
  });
});

describe('a process whose end nobody tells', () => {
  it('is forgotten when the kernel did not know it twice in a row', () => {
    const { known, see } = processes();
    see(introduction({ who: SHELL, executable: '/bin/sh' }), fork({ who: CHILD, originExecId: 7n }));
    const alive = new Set([SHELL.pid]);
    const sweep = () => known.sweep((pid) => alive.has(pid));
    sweep();
    assert.equal(known.size, 2);
    sweep();
    assert.equal(known.size, 1);
    assert.equal(pathOf(see(connect({ who: SHELL }))), '/bin/sh');
  });

  it('stays when the kernel knew it in between, and is kept for late results when its end was told', () => {
    const { known, see } = processes();
    see(
      introduction({ who: SHELL, executable: '/bin/sh' }),
      introduction({ who: CHILD, executable: '/bin/ls' }),
    );
    known.sweep(() => false);
    known.sweep(() => true);
    known.sweep(() => false);
    assert.equal(known.size, 2);
    see(exit({ who: CHILD }));
    known.sweep(() => false);
    assert.deepEqual([known.size, pathOf(see(connect({ who: CHILD })))], [1, '/bin/ls']);
  });
});

describe('eviction', () => {
  const MAX = 32_768;

  it('drops the entry that was made first and lets the kernel introduce it again', () => {
    const forgotten: [number, number, number][] = [];
    const { known, see } = processes({ forget: (...entry) => forgotten.push(entry) });
    const start = 0x2_0000_0003n;
    const records = Array.from({ length: MAX + 2 }, (_, i) =>
      connect({ who: { ...CHILD, pid: 100_000 + i, start } }),
    );
    see(...records);
    assert.equal(known.size, MAX);
    assert.equal(known.evictions, 2);
    assert.deepEqual(forgotten, [
      [100_000, 3, 2],
      [100_001, 3, 2],
    ]);
  }).timeout('20s');
});
