// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CAPABILITIES, neededCapabilities } from '../../../src/health/privileges.ts';
import { repository } from '../../support/repository.ts';

const ALWAYS = ['BPF', 'PERFMON', 'NET_ADMIN', 'SYS_PTRACE', 'DAC_READ_SEARCH'];

describe('neededCapabilities', () => {
  for (const [what, settings, host, more] of [
    ['a plain agent', {}, {}, []],
    ['one without a mounted cgroup2', {}, { hasCgroup2: () => false }, ['SYS_ADMIN']],
    [
      "a file in somebody else's directory",
      { output: 'file:/x/y' },
      { isOurs: () => false },
      ['DAC_OVERRIDE'],
    ],
    ['a file in a directory of root', { output: 'file:/x/y' }, {}, []],
    ['a low port for probes', { health: { host: '127.0.0.1', port: 80 } }, {}, ['NET_BIND_SERVICE']],
    ['a high port for probes', { health: { host: '127.0.0.1', port: 13_134 } }, {}, []],
  ] as const) {
    it(`of ${what}: ${['five', ...more].join(' and ')}`, () => {
      const needed = neededCapabilities(
        { output: 'console', health: undefined, ...settings },
        { hasCgroup2: () => true, isOurs: () => true, ...host },
      );
      assert.deepEqual(needed, [...ALWAYS, ...more]);
    });
  }

  it('have a reason each in the threat model', () => {
    const page = readFileSync(join(repository, 'docs/threat-model.md'), 'utf8');
    for (const name of Object.keys(CAPABILITIES))
      assert.match(page, new RegExp(`\\| \`CAP_${name}\` \\| .{20}`));
  });
});
