// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { execBy, expectExec, operand } from '../support/exec.ts';
import { inFolder } from '../support/folder.ts';
import { trick } from '../support/trick.ts';
import { triggerPath } from '../support/triggers.ts';

/** What ends records and fields elsewhere, moves the cursor, and is no text at all. */
const NAME = 'a\nb\x1e\x17\x1b[2J"{}\\,\xff';

trick(
  {
    number: 27,
    title: 'newlines, separators and bytes that are no text, in names and arguments',
    how: 'texts have a length, never an end mark; what is no UTF-8 is escaped, and the record says where',
    events: ['process.exec'],
  },
  (watch, context) =>
    inFolder(async (folder) => {
      const path = `${folder}/${NAME}`;
      const steps = ['mkdir', operand(path), 'cwd', operand(path)];
      const copy = ['copy', operand(triggerPath('process-exec')), operand(NAME)];
      const truth = await execBy(context, watch, [...steps, ...copy], {
        program: `./${NAME}`,
        args: ['program', NAME],
      });
      const escaped = [
        'process.command_args',
        'process.working_directory',
        'process.executable.path',
        'process.executable.name',
        'thread.name',
      ];
      const record = expectExec(watch, truth, { more: { 'agentsmith.escaped': escaped } });
      const shown = 'a\nb\x1e\x17\x1b[2J"{}\\\\,\\xff';
      assert.equal(record.attributes['process.executable.path'], `${folder}/${shown}/${shown}`);
    }),
);
