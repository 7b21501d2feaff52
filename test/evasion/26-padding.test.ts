// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { execBy, expectExec } from '../support/exec.ts';
import { trick } from '../support/trick.ts';

const PADDING = 'x'.repeat(100_000);

trick(
  {
    number: 26,
    title: 'arguments padded so that the payload lies beyond what is copied',
    how: '32 KiB are kept; the record says that argv was cut, how long it was and how many arguments there were',
    events: ['process.exec'],
  },
  async (watch, context) => {
    const args = ['program', PADDING, '--payload'];
    const truth = await execBy(context, watch, [], { args });
    assert.deepEqual(truth.args, args);
    const { attributes } = expectExec(watch, truth);
    assert.equal(attributes['agentsmith.process.command_args.truncated'], true);
    assert.equal(attributes['agentsmith.process.command_args.size'], args.join('\0').length + 1);
    assert.equal(attributes['process.args_count'], 3);
  },
);
