// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { copyFileSync, existsSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { execBy } from '../support/exec.ts';
import { inFolder } from '../support/folder.ts';
import { skip } from '../support/skip.ts';
import { trick } from '../support/trick.ts';
import { triggerPath } from '../support/triggers.ts';
import { pidOf } from '../support/truth.ts';

const LOADERS = ['/lib64/ld-linux-x86-64.so.2', '/lib/ld-linux-aarch64.so.1'];

trick(
  {
    number: 11,
    title: 'the dynamic loader runs a file that is no program by its mode (ld.so FILE)',
    how: 'the executable is the loader, which nobody else runs, and FILE is its argument, read when the image was new',
    events: ['process.exec'],
  },
  (watch, context) =>
    inFolder(async (folder) => {
      const loader = LOADERS.find((path) => existsSync(path)) ?? skip(context, 'no loader was found');
      const hidden = join(folder, 'not-executable');
      copyFileSync('/bin/sh', hidden);
      const args = [loader, hidden, '-c', `exec ${triggerPath('process-exec')}`];
      // That anything is told proves that the hidden shell ran.
      const { proc } = await execBy(context, watch, [], { program: loader, args });
      const { attributes } = watch.find(
        'agentsmith.process.exec',
        ({ attributes: a }) =>
          a['process.pid'] === pidOf(proc) && a['process.executable.path'] === realpathSync(loader),
      );
      assert.deepEqual(attributes['process.command_args'], args);
    }),
);
