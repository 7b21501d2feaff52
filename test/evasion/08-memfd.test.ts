// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { execBy, expectExec } from '../support/exec.ts';
import { trick } from '../support/trick.ts';

trick(
  {
    number: 8,
    title: 'a program that exists only in memory (memfd_create)',
    how: 'no link and its own parent: the record says memfd',
    events: ['process.exec'],
  },
  async (watch, context) => {
    for (const way of ['memfd', 'memfd-path']) {
      const { attributes } = expectExec(watch, await execBy(context, watch, [], { way }));
      assert.equal(attributes['agentsmith.process.executable.memfd'], true);
      assert.match(attributes['process.executable.path'] as string, /^memfd:/);
    }
  },
);
