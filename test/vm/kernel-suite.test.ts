// SPDX-License-Identifier: Apache-2.0
// The whole kernel suite on stock kernels: every attribute against what the triggers say, as on this one.
import assert from 'node:assert/strict';
import { skip } from '../support/skip.ts';
import { runInVm } from '../support/vm.ts';

/** Emulated, the suite takes about eight minutes. */
const TIMEOUT_MS = 20 * 60_000;

for (const series of ['6.1', '6.12']) {
  describe(`on a stock ${series} kernel`, () => {
    it('the kernel suite passes', async function () {
      this.timeout(TIMEOUT_MS * 2);
      const command = `${process.execPath} build/test/run.js kernel`;
      const { skipped, output, log } = await runInVm(series, command, { timeoutMs: TIMEOUT_MS });
      if (skipped !== undefined) skip(this, skipped);
      const [, passed, failed, others] = /^(\d+) passed, (\d+) failed, (\d+) skipped$/m.exec(output) ?? [];
      console.log(`    ${series}: ${passed} passed, ${failed} failed, ${others} skipped`);
      assert.equal(Number(failed), 0, output + log);
      assert.ok(Number(passed) > 100, output + log);
    });
  });
}
