// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { runChild } from '../support/child.ts';
import { execBy, expectExec } from '../support/exec.ts';
import { inFolder } from '../support/folder.ts';
import { trick } from '../support/trick.ts';
import { triggerPath } from '../support/triggers.ts';

trick(
  {
    number: 13,
    title: 'symbolic links, relative paths and .. in front of a program or a file',
    how: 'the path is walked from the file that the kernel found, not taken from the call',
    events: ['process.exec', 'file.create'],
  },
  (watch, context) =>
    inFolder(async (folder) => {
      mkdirSync(join(folder, 'real/inner'), { recursive: true });
      symlinkSync('real/inner', join(folder, 'link'));
      copyFileSync(triggerPath('process-exec'), join(folder, 'real/program'));
      symlinkSync('program', join(folder, 'real/innocent'));
      const program = 'link/.././/innocent';
      const truth = await execBy(context, watch, ['cwd', folder], { program, args: ['innocent'] });
      const { attributes } = expectExec(watch, truth);
      assert.equal(attributes['process.executable.path'], join(folder, 'real/program'));

      const pid = await runChild(watch, folder, '/bin/sh', ['-c', ': > link/../new']);
      const record = watch.find(
        'agentsmith.file.create',
        ({ attributes: a }) => a['process.pid'] === pid && a['file.path'] !== '/dev/null',
      );
      assert.equal(record.attributes['file.path'], join(folder, 'real/new'));
    }),
);
