// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { copyFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { runChild } from '../support/child.ts';
import { execBy, expectExec } from '../support/exec.ts';
import { inFolder } from '../support/folder.ts';
import { trick } from '../support/trick.ts';
import { triggerPath } from '../support/triggers.ts';

trick(
  {
    number: 14,
    title: 'a known program under another name: a hard link, a rename',
    how: 'the new name is an event that has the old one; the exec has the name that was used',
    events: ['process.exec', 'file.link', 'file.rename'],
  },
  (watch, context) =>
    inFolder(async (folder) => {
      const [known, linked, renamed] = ['known', 'linked', 'renamed'].map((name) => join(folder, name)) as [
        string,
        string,
        string,
      ];
      copyFileSync(triggerPath('process-exec'), known);
      for (const [event, command, from, to] of [
        ['link', 'ln', known, linked],
        ['rename', 'mv', linked, renamed],
      ] as const) {
        const pid = await runChild(watch, folder, command, [from, to]);
        const { attributes } = watch.find(
          `agentsmith.file.${event}`,
          ({ attributes: a }) => a['process.pid'] === pid,
        );
        assert.equal(attributes['agentsmith.file.old_path'], from);
        assert.equal(attributes['file.path'], to);
        const truth = await execBy(context, watch, [], { program: to, args: ['innocent'] });
        assert.equal(expectExec(watch, truth).attributes['process.executable.path'], to);
        assert.equal(statSync(to).ino, statSync(known).ino);
      }
    }),
);
