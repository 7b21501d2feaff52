// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { type Deed, expectDeed } from '../support/ptrace.ts';
import { skip } from '../support/skip.ts';
import { trick } from '../support/trick.ts';
import { pidOf } from '../support/truth.ts';

trick(
  {
    number: 10,
    title: 'a process that overwrites its own code through /proc/self/mem, without an exec (DDexec)',
    how: 'the file of a process’s memory, opened for writing, is an event, of the process’s own too',
    events: ['process.ptrace'],
  },
  async (watch, context, tier) => {
    const deed = await watch.run<Deed & { runs: number }>('overwrite');
    if (deed.skip !== undefined) skip(context, deed.skip);
    assert.equal(deed.runs, 2, 'the code was not replaced');
    const record = watch.find(
      'agentsmith.process.ptrace',
      ({ attributes }) => attributes['process.pid'] === pidOf(deed.proc),
    );
    expectDeed(watch, record, deed, tier);
  },
);
