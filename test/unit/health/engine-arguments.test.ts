// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { engineArguments, engineEnvironment } from '../../../src/health/engine-arguments.ts';

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

describe('engineEnvironment', () => {
  it('keeps what was given, and adds how memory is kept', () => {
    const environment = engineEnvironment({ PATH: '/bin' });
    assert.equal(environment.PATH, '/bin');
    assert.equal(environment.MALLOC_ARENA_MAX, '1');
    assert.equal(environment.MALLOC_TRIM_THRESHOLD_, '131072');
  });

  it('leaves alone what the user has chosen', () => {
    for (const given of [{ MALLOC_ARENA_MAX: '4' }, { GLIBC_TUNABLES: 'glibc.malloc.arena_max=4' }])
      assert.deepEqual(engineEnvironment(given), given);
  });
});
