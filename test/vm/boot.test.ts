// SPDX-License-Identifier: Apache-2.0
// The stock kernels that we promise to run on start here, and have what we need. That our programs load and
// attach in them is left to the other tests of this folder.
import assert from 'node:assert/strict';
import { runInVm } from '../support/vm.ts';

/** A line of shell for each fact; `facts` takes the answers apart in the same order. */
const questions = [
  'uname -r',
  'stat -c %s /sys/kernel/btf/vmlinux',
  `${process.execPath} -p process.version`,
];

function facts(output: string) {
  const [release = '', btfSize = '', node = '', ...rest] = output.trimEnd().split('\n');
  assert.deepEqual(rest, []);
  return { release, btfSize: Number(btfSize), node };
}

for (const series of ['6.1', '6.12'])
  describe(`a stock ${series} kernel`, () => {
    it('boots on the files of this machine and has BTF', async function () {
      this.timeout('10m');
      const result = await runInVm(series, `set -e; ${questions.join('; ')}`, { timeoutMs: 120_000 });
      if (result.skipped !== undefined) {
        console.log(`    skipped: ${result.skipped}`);
        return this.skip();
      }
      assert.equal(result.code, 0, result.output + result.log);
      const { release, btfSize, node } = facts(result.output);
      assert.ok(release.startsWith(`${series}.`), release);
      assert.ok(btfSize > 1_000_000, `BTF of ${btfSize} bytes`);
      assert.equal(node, process.version);
    });
  });
