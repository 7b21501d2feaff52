// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { type Attempt, connectOf } from '../support/connect.ts';
import { execBy, execOf, expectExec } from '../support/exec.ts';
import { trick } from '../support/trick.ts';
import { triggerPath } from '../support/triggers.ts';
import type { Truth } from '../support/truth.ts';

const NAME = '[kworker/0:0]';
const ARGS = ['first argument', '--second'];

trick(
  {
    number: 25,
    title: 'false names: argv[0], argv overwritten later, no argv at all, prctl(PR_SET_NAME)',
    how: 'the executable is the mapped file, argv is what it was at exec; only the name of the thread can be set',
    events: ['process.exec', 'network.connect'],
  },
  async (watch, context) => {
    expectExec(watch, await execBy(context, watch, [], { args: [NAME] }));
    expectExec(watch, await execBy(context, watch, [], { way: 'no-args' }));

    const [attempt, after] = await watch.lines<Attempt & { cmdline: string }>('spoof', ARGS);
    assert.equal(after!.cmdline.replaceAll('\0', ''), NAME, 'the disguise did not work');
    const { attributes } = execOf(watch, (after as Truth).proc);
    assert.deepEqual(attributes['process.command_args'], [triggerPath('spoof'), ...ARGS]);
    const connect = await connectOf(watch, attempt!);
    assert.equal(connect.attributes['process.executable.path'], triggerPath('spoof'));
    assert.equal(connect.attributes['thread.name'], 'kworker/0:0');
  },
);
