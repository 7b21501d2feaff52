// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { execBy } from '../support/exec.ts';
import { trick } from '../support/trick.ts';
import { pidOf } from '../support/truth.ts';

trick(
  {
    number: 8,
    title: 'a program that exists only in memory (memfd_create)',
    how: 'no link and its own parent: the record says memfd',
    events: ['process.exec'],
  },
  async (watch, context) => {
    const { proc } = await execBy(context, watch, [], { way: 'memfd' });
    const execs = watch.all('agentsmith.process.exec', (r) => r.attributes['process.pid'] === pidOf(proc));
    const { attributes } = execs.at(-1)!;
    assert.equal(attributes['agentsmith.process.executable.memfd'], true);
    assert.match(attributes['process.executable.path'] as string, /^memfd:/);
  },
);
