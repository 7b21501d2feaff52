// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { copiesOfModule } from '../support/modules.ts';
import { deeds, errnoName, expectDeed } from '../support/ptrace.ts';
import { repository } from '../support/repository.ts';
import { trick } from '../support/trick.ts';
import { parentPid, pidOf, type Truth } from '../support/truth.ts';

trick(
  {
    number: 31,
    title: 'acts that others leave out: a module loaded by an orphan, ptrace of one’s own child',
    how: 'nobody is left out for whose child or parent it is',
    events: ['process.ptrace', 'kernel.module.load'],
  },
  async (watch, context, tier) => {
    const own = await deeds(context, watch, 'memory');
    for (const [deed, record] of own) expectDeed(watch, record, deed, tier);

    const modules = copiesOfModule();
    try {
      // What is no module is refused: the attempt is what counts.
      const file = modules?.garbage ?? `${repository}/package.json`;
      const orphan = await watch.run<Truth & { result: number }>('orphan-module', [file]);
      assert.ok(orphan.result < 0);
      const { attributes } = watch.find(
        'agentsmith.kernel.module.load',
        ({ attributes: a }) => a['process.pid'] === pidOf(orphan.proc),
      );
      assert.equal(attributes['error.type'], errnoName(orphan.result));
      assert.equal(attributes['agentsmith.kernel.module.from_memory'], true);
      assert.equal(attributes['process.parent_pid'], parentPid(orphan.proc));
    } finally {
      modules?.remove();
    }
  },
);
