// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copiesOfModule, MODULE } from '../support/modules.ts';
import { errnoName } from '../support/ptrace.ts';
import { repository } from '../support/repository.ts';
import { trick } from '../support/trick.ts';
import { Trigger } from '../support/triggers.ts';
import type { Truth } from '../support/truth.ts';

const LOAD = 'agentsmith.kernel.module.load';
const REASON = 'kexec_load makes no event; kexec as a program is an exec';

trick(
  {
    number: 32,
    title: 'another kernel’s code: a module from memory (init_module), by modprobe, kexec',
    how: 'both system calls, with what was refused; what the kernel asks for is told as the act of modprobe',
    events: ['kernel.module.load'],
    escapes: { A: REASON, B: REASON },
  },
  async (watch) => {
    const modules = copiesOfModule();
    const actor = new Trigger('kernel-module', [], { stdin: 'pipe' });
    try {
      // A kernel without modules refuses any file.
      const { result } = await actor.do<Truth & { result: number }>(
        `init ${modules?.plain ?? `${repository}/package.json`}`,
      );
      const own = () => watch.all(LOAD, ({ attributes }) => attributes['process.pid'] === actor.pid);
      await watch.until('the module', () => own().length > 0);
      const { attributes } = own()[0]!;
      assert.equal(attributes['agentsmith.kernel.module.from_memory'], true);
      assert.equal(attributes['error.type'], errnoName(result));
      if (!modules) return;
      assert.equal(result, 0);
      assert.equal(attributes['agentsmith.kernel.module.name'], MODULE);
      await actor.do(`delete ${MODULE}`);

      execFileSync('modprobe', [MODULE]);
      const helper = () => watch.all(LOAD, ({ attributes: a }) => a['process.executable.name'] === 'kmod');
      await watch.until('modprobe', () => helper().length > 0);
      assert.equal(helper().at(-1)!.attributes['agentsmith.kernel.module.name'], MODULE);
    } finally {
      if (modules && existsSync(`/sys/module/${MODULE}`)) execFileSync('rmmod', [MODULE]);
      modules?.remove();
      await actor.end();
    }
  },
  async (watch) => {
    const { proc } = await watch.run<Truth>('kexec');
    const pid = Number.parseInt(proc.stat, 10);
    const seen = watch.records.filter(
      ({ eventName, attributes }) =>
        attributes['process.pid'] === pid && !eventName.startsWith('agentsmith.process.ex'),
    );
    assert.notDeepEqual(seen, []);
  },
);
