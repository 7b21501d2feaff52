// SPDX-License-Identifier: Apache-2.0
// The scenario of test/chaos that needs a machine of its own.
import assert from 'node:assert/strict';
import { skip } from '../support/skip.ts';
import { runInVm } from '../support/vm.ts';

const TIMEOUT_MS = 8 * 60_000;

describe('in a guest whose clock is set', () => {
  it('no event is lost, and each has the time that the clock showed', async function () {
    this.timeout(TIMEOUT_MS * 2);
    const command = `${process.execPath} build/test/run.js chaos -- build/test/chaos/clock.test.js`;
    const { skipped, output, log } = await runInVm('6.12', command, { timeoutMs: TIMEOUT_MS });
    if (skipped !== undefined) skip(this, skipped);
    assert.match(output, /^1 passed, 0 failed, 0 skipped$/m, output + log);
  });
});
