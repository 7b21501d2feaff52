// SPDX-License-Identifier: Apache-2.0
// Which programs are chosen for which events. Whether the kernel takes them is left to test/kernel and test/vm.
import assert from 'node:assert/strict';
import type { Hooked } from '../../../src/sensor/sensor.ts';
import { Tiers, withoutOptional } from '../../../src/sensor/tiers.ts';

const everywhere: Hooked = { type: 3, programs: { always: ['process_exec'], alongSyscalls: ['exec_exit'] } };
const tiered: Hooked = {
  type: 9,
  programs: { A: ['open_entry', 'extra'], B: ['syscall_exit', 'open_exit'], optional: ['extra'] },
};
const failed = (program: string) => [{ program, hook: 'fentry/x', error: 'this kernel has no such hook' }];

describe('the choice of programs', () => {
  it('takes trampolines where they load', () => {
    const tiers = new Tiers(true);
    assert.deepEqual(tiers.programs([everywhere, tiered], ['fork']), [
      'fork',
      'process_exec',
      'open_entry',
      'extra',
    ]);
    assert.equal(tiers.summary([everywhere, tiered]), 'A');
  });

  it('watches system calls only for an event that needs it, and lets others profit', () => {
    const tiers = new Tiers(false);
    assert.deepEqual(tiers.programs([everywhere], ['fork']), ['fork', 'process_exec']);
    assert.deepEqual(tiers.programs([everywhere, tiered], []), [
      'process_exec',
      'syscall_exit',
      'open_exit',
      'exec_exit',
    ]);
    assert.equal(tiers.summary([everywhere]), 'B');
  });

  it('falls back by event when a program of tier A is not there', () => {
    const tiers = new Tiers(true);
    const other: Hooked = { type: 10, programs: { A: ['other_entry'], B: ['other_exit'] } };
    assert.ok(tiers.fall([tiered, other], failed('open_entry')));
    assert.deepEqual(tiers.programs([tiered, other], []), ['syscall_exit', 'open_exit', 'other_entry']);
    assert.equal(tiers.summary([tiered, other]), 'A+B');
    assert.ok(!tiers.fall([tiered, other], failed('open_entry')), 'it fell twice');
  });

  it('does without an optional program, and does not speak of it', () => {
    const tiers = new Tiers(true);
    assert.ok(!tiers.fall([tiered], failed('extra')));
    assert.deepEqual(withoutOptional(failed('extra'), [tiered]), []);
    assert.deepEqual(withoutOptional(failed('open_entry'), [tiered]), failed('open_entry'));
  });

  it('tries variants one after the other, and tells of the first when none is there', () => {
    const either: Hooked = {
      type: 12,
      programs: { A: ['made', 'made_old'], B: ['path_exit'], variants: [['made', 'made_old']] },
    };
    const tiers = new Tiers(true);
    assert.deepEqual(tiers.programs([either], []), ['made']);
    assert.ok(tiers.fall([either], failed('made')));
    assert.equal(tiers.of(either), 'A');
    assert.deepEqual(tiers.programs([either], []), ['made_old']);
    assert.deepEqual(tiers.hooksOf(either, failed('made')), []);
    assert.ok(tiers.fall([either], [...failed('made'), ...failed('made_old')]));
    assert.equal(tiers.of(either), 'B');
    assert.deepEqual(tiers.programs([either], []), ['path_exit']);
  });

  it('does not fall where there is nothing to fall to', () => {
    const onlyA: Hooked = { type: 11, programs: { A: ['lonely'] } };
    const tiers = new Tiers(true);
    assert.ok(!tiers.fall([onlyA], failed('lonely')));
    assert.deepEqual(tiers.hooksOf(onlyA, failed('lonely')), failed('lonely'));
  });
});
