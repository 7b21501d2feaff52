// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copiesOfModule, MODULE } from '../support/modules.ts';
import { errnoName } from '../support/ptrace.ts';
import { repository } from '../support/repository.ts';
import { trick } from '../support/trick.ts';
import { Trigger } from '../support/triggers.ts';
import { pidOf, type Truth } from '../support/truth.ts';

/** Any file will do: it is not read. */
const FILE = `${repository}/package.json`;
const LOAD = 'agentsmith.kernel.module.load';
const KEXEC = 'agentsmith.kernel.kexec.load';

trick(
  {
    number: 32,
    title: 'another kernel’s code: a module from memory (init_module), by modprobe, kexec',
    how: 'every system call that loads, with what was refused; what the kernel asks for is told as the act of modprobe',
    events: ['kernel.module.load'],
  },
  async (watch) => {
    const modules = copiesOfModule();
    const actor = new Trigger('kernel-module', [], { stdin: 'pipe' });
    try {
      // A kernel without modules refuses any file.
      const { result } = await actor.do<Truth & { result: number }>(`init ${modules?.plain ?? FILE}`);
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
  // A kernel without kexec has no function to hook on tier A, and nothing to fear.
  async (watch, _context, tier) => {
    for (const [way, hook] of [
      ['memory', 'kernel_kexec_native'],
      ['file', 'kernel_kexec_file_native'],
    ] as const) {
      if (tier === 'A' && !watch.hook(hook)) continue;
      const { proc, result } = await watch.run<Truth & { result: number }>('kernel-kexec', [way, FILE]);
      const { attributes } = watch.find(KEXEC, (r) => r.attributes['process.pid'] === pidOf(proc));
      assert.equal(attributes['agentsmith.kernel.kexec.action'], 'load');
      assert.equal(attributes['file.path'], way === 'file' ? FILE : undefined);
      assert.equal(attributes['error.type'], errnoName(result));
    }
  },
);
