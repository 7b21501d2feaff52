// SPDX-License-Identifier: Apache-2.0
// What the guard makes of what it finds. That the kernel tells it is left to test/kernel/guard.test.ts and test/vm.
import assert from 'node:assert/strict';
import { Guard } from '../../../src/sensor/guard.ts';
import type { HookReport } from '../../../src/sensor/sensor.ts';

const HOOKS: readonly HookReport[] = [
  { program: 'open', hook: 'fentry/security_file_open', error: '' },
  { program: 'exec', hook: 'tp_btf/sched_process_exec', error: '' },
  { program: 'gone', hook: 'fexit/arch_ptrace', error: 'this kernel has no such hook' },
];
const quiet = () => ({ programs: [], globals: [] });

describe('the guard', () => {
  it('says when ftrace is switched off and on, for the hooks that hang on it, once', () => {
    let ftrace = '1\n';
    const guard = new Guard({ verify: quiet }, () => ftrace);
    const check = () => guard.check(HOOKS, () => HOOKS);
    assert.deepEqual(check(), []);
    ftrace = '0\n';
    const hook = 'fentry/security_file_open';
    assert.deepEqual(check(), [{ program: 'open', hook, cause: 'ftrace_disabled' }]);
    assert.deepEqual(check(), []);
    ftrace = '1\n';
    assert.deepEqual(check(), [{ program: 'open', hook, cause: 'reattached' }]);
  });

  it('does not ask about ftrace when nothing hangs on it', () => {
    const guard = new Guard({ verify: quiet }, () => assert.fail('it asked'));
    assert.deepEqual(
      guard.check([HOOKS[1]!], () => HOOKS),
      [],
    );
  });

  it('attaches again what was detached, and says whether that went well', () => {
    let attached = 0;
    const attach = () => {
      attached++;
      return HOOKS;
    };
    let lost = ['exec'];
    const guard = new Guard({ verify: () => ({ programs: lost, globals: ['excluded'] }) }, () => '1');
    const change = { program: 'exec', hook: 'tp_btf/sched_process_exec' };
    const settings = { program: undefined, hook: undefined, cause: 'map_changed' as const };
    assert.deepEqual(guard.check(HOOKS, attach), [
      { ...change, cause: 'detached' },
      settings,
      { ...change, cause: 'reattached' },
    ]);
    assert.equal(attached, 1);
    const refused = HOOKS.map((hook) => ({ ...hook, error: 'no' }));
    assert.deepEqual(
      guard.check(HOOKS, () => refused),
      [{ ...change, cause: 'detached' }, settings],
    );
    lost = [];
    assert.deepEqual(
      guard.check(HOOKS, () => assert.fail('nothing was lost')),
      [settings],
    );
  });
});
