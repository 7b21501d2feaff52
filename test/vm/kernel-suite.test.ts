// SPDX-License-Identifier: Apache-2.0
// The whole kernel suite on stock kernels: every attribute against what the triggers say, as on this one.
import assert from 'node:assert/strict';
import { skip } from '../support/skip.ts';
import { runInVm, type VmResult } from '../support/vm.ts';

/** Emulated, the suite takes about ten minutes; a hang is ended after four times as long. */
const TIMEOUT_MS = 40 * 60_000;
const SERIES = ['6.1', '6.12'] as const;

describe('the kernel suite', function () {
  this.timeout(TIMEOUT_MS + 10 * 60_000);
  let runs: ReadonlyMap<string, Promise<VmResult>>;

  // At the same time: most of a test is waiting, and a guest keeps hardly more than one core busy.
  before(() => {
    const command = `${process.execPath} build/test/run.js kernel`;
    runs = new Map(SERIES.map((series) => [series, runInVm(series, command, { timeoutMs: TIMEOUT_MS })]));
    for (const run of runs.values()) run.catch(() => {});
  });

  for (const series of SERIES) {
    it(`passes on a stock ${series} kernel`, async function () {
      const { skipped, output, log } = await runs.get(series)!;
      if (skipped !== undefined) skip(this, skipped);
      const [, passed, failed, others] = /^(\d+) passed, (\d+) failed, (\d+) skipped$/m.exec(output) ?? [];
      console.log(`    ${series}: ${passed} passed, ${failed} failed, ${others} skipped`);
      assert.equal(Number(failed), 0, output + log);
      assert.ok(Number(passed) > 100, output + log);
    });
  }
});
