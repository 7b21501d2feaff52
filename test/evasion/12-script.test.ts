// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execBy, expectExec } from '../support/exec.ts';
import { inFolder } from '../support/folder.ts';
import { trick } from '../support/trick.ts';
import { triggerPath } from '../support/triggers.ts';
import { pidOf } from '../support/truth.ts';

trick(
  {
    number: 12,
    title: 'a script hides behind its interpreter (#!, sh FILE)',
    how: 'the record has the script and the interpreter that its first line names; sh FILE has FILE among its arguments',
    events: ['process.exec'],
  },
  (watch, context) =>
    inFolder(async (folder) => {
      const interpreter = triggerPath('process-exec');
      const program = join(folder, 'script');
      writeFileSync(program, `#!${interpreter}\n`, { mode: 0o700 });
      expectExec(watch, await execBy(context, watch, [], { program }), {
        more: {
          'agentsmith.process.script.path': program,
          'agentsmith.process.interpreter.path': interpreter,
        },
      });

      const file = join(folder, 'not-executable');
      writeFileSync(file, `exec ${interpreter}\n`);
      const { proc } = await execBy(context, watch, [], { program: '/bin/sh', args: ['sh', file] });
      const { attributes } = watch.find(
        'agentsmith.process.exec',
        ({ attributes: a }) =>
          a['process.pid'] === pidOf(proc) && a['process.executable.path'] === realpathSync('/bin/sh'),
      );
      assert.deepEqual(attributes['process.command_args'], ['sh', file]);
    }),
);
