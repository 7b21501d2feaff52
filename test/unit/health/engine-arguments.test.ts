// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { engineArguments } from '../../../src/health/engine-arguments.ts';

describe('engineArguments', () => {
  it('keep what was given, and add a small young generation that Node takes', () => {
    const [first, ...more] = engineArguments(['--trace-warnings']);
    assert.equal(first, '--trace-warnings');
    assert.equal(more.length, 1);
    const { status, stderr } = spawnSync(process.execPath, [...more, '-e', '0'], { encoding: 'utf8' });
    assert.equal(stderr, '');
    assert.equal(status, 0);
  });

  it('leave the size alone that the user has chosen', () => {
    assert.deepEqual(engineArguments(['--max-semi-space-size=64']), ['--max-semi-space-size=64']);
    assert.deepEqual(engineArguments([], '--no-warnings --max_semi_space_size=64'), []);
  });
});
