// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { execBy, expectExec } from '../support/exec.ts';
import { inFolder } from '../support/folder.ts';
import { trick } from '../support/trick.ts';
import { triggerPath } from '../support/triggers.ts';

trick(
  {
    number: 9,
    title: 'a program that is deleted before it runs',
    how: 'the path that it had, and that no link is left',
    events: ['process.exec'],
  },
  (watch, context) =>
    inFolder(async (folder) => {
      const program = join(folder, 'doomed');
      copyFileSync(triggerPath('process-exec'), program);
      const { attributes } = expectExec(watch, await execBy(context, watch, [], { way: 'deleted', program }));
      assert.ok(!existsSync(program));
      assert.equal(attributes['process.executable.path'], program);
      assert.equal(attributes['agentsmith.process.executable.deleted'], true);
    }),
);
