// SPDX-License-Identifier: Apache-2.0
// The programs load, attach and see the truth on stock kernels: 6.1 rejects what newer ones accept, 6.12 is current,
// 5.10 is the oldest that is promised and gets the legacy object. What each record holds is left to test/kernel.
import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import { skip } from '../support/skip.ts';
import { runInVm } from '../support/vm.ts';

interface Row {
  readonly series: string;
  /** Doctor finds nothing missing. */
  readonly complete: boolean;
}

const KERNELS: readonly Row[] = [
  { series: '6.1', complete: true },
  { series: '6.12', complete: true },
  { series: '5.10', complete: false },
];

interface JsonRecord {
  readonly eventName: string;
  readonly attributes: readonly { readonly key: string; readonly value: Readonly<Record<string, unknown>> }[];
}

const value = (record: JsonRecord, key: string) =>
  record.attributes.find((attribute) => attribute.key === key)?.value;

for (const { series, complete } of KERNELS) {
  describe(`a stock ${series} kernel`, () => {
    it('takes the programs, and they see what happens', async function () {
      this.timeout('12m');
      const command = `sh test/vm/attach-in-guest.sh ${process.execPath}`;
      const result = await runInVm(series, command, { timeoutMs: 240_000 });
      if (result.skipped !== undefined) skip(this, result.skipped);
      assert.equal(result.code, 0, result.output + result.log);
      const [release = '', btf, ...lines] = result.output.trimEnd().split('\n');
      assert.ok(release.startsWith(`${series}.`), release);
      assert.ok(Number(btf) > 1_000_000, `BTF of ${btf} bytes`);
      const doctor = lines.filter((line) => line.startsWith('doctor: '));
      assert.equal(
        doctor.length > 5 && doctor.every((line) => !line.startsWith('doctor: !!')),
        complete,
        doctor.join('\n'),
      );
      const records = lines
        .filter((line) => line.startsWith('record: '))
        .map((line) => JSON.parse(line.slice('record: '.length)) as JsonRecord);
      const args = { arrayValue: { values: [{ stringValue: '/bin/true' }, { stringValue: 'marker' }] } };
      const exec = records.find((r) => isDeepStrictEqual(value(r, 'process.command_args'), args));
      assert.deepEqual(exec && value(exec, 'process.executable.path'), { stringValue: '/usr/bin/true' });
      const exit = records.find(
        (r) =>
          r.eventName === 'agentsmith.process.exit' &&
          value(r, 'agentsmith.process.id')?.stringValue ===
            value(exec!, 'agentsmith.process.id')?.stringValue,
      );
      assert.deepEqual(exit && value(exit, 'process.exit.code'), { intValue: '0' });
      const connect = records.find((r) => r.eventName === 'agentsmith.network.connect');
      assert.equal(
        connect !== undefined,
        complete,
        'connect needs socket storage in tracing programs (5.13)',
      );
      if (connect) assert.deepEqual(value(connect, 'error.type'), { stringValue: 'ECONNREFUSED' });
    });
  });
}
