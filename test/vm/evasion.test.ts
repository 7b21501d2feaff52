// SPDX-License-Identifier: Apache-2.0
// The tricks of test/evasion on tier A: what docs/evasion.md says of it. Tier B is this machine's, in the part `evasion`.
import assert from 'node:assert/strict';
import { skip } from '../support/skip.ts';
import { runInVm } from '../support/vm.ts';

/** Emulated, the tricks take some three minutes. */
const TIMEOUT_MS = 10 * 60_000;

describe('on a stock 6.12 kernel', () => {
  it('every trick has the outcome that is written', async function () {
    this.timeout(TIMEOUT_MS * 2);
    const command = `${process.execPath} build/test/run.js evasion`;
    const { skipped, output, log } = await runInVm('6.12', command, { timeoutMs: TIMEOUT_MS });
    if (skipped !== undefined) skip(this, skipped);
    const [, passed, failed, others] = /^(\d+) passed, (\d+) failed, (\d+) skipped$/m.exec(output) ?? [];
    console.log(`    6.12: ${passed} passed, ${failed} failed, ${others} skipped`);
    assert.equal(Number(failed), 0, output + log);
    assert.ok(Number(passed) >= 30, output + log);
  });
});
