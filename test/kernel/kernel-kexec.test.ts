// SPDX-License-Identifier: Apache-2.0
// Requests to load another kernel. All are refused before anything changes: what a request says is told all the same.
import assert from 'node:assert/strict';
import { realpathSync } from 'node:fs';
import { expectBetween, expectRecord } from '../support/expect.ts';
import { errnoName } from '../support/ptrace.ts';
import { repository } from '../support/repository.ts';
import { skip } from '../support/skip.ts';
import { TIERS } from '../support/tiers.ts';
import { scaled } from '../support/triggers.ts';
import { pidOf, type Truth } from '../support/truth.ts';
import { openWatch, type Watch } from '../support/watch.ts';

const KEXEC = 'agentsmith.kernel.kexec.load';
/** Any file will do: it is not read. In the tree of `npm run test:asan` it is a link. */
const FILE = realpathSync(`${repository}/package.json`);

/** What test/kernel/triggers/kernel-kexec.c asked for. */
interface Deed extends Truth {
  readonly action: string;
  readonly path?: string;
  readonly result: number;
  readonly began: string;
  readonly ended: string;
}

for (const tier of TIERS) {
  describe(`kernel.kexec.load on tier ${tier}`, function () {
    this.timeout(scaled(30_000));
    let watch: Watch;

    before(function () {
      watch = openWatch(this, {
        trampolines: tier === 'A',
        events: ['process.exec', 'process.exit', 'kernel.kexec.load'],
      });
    });

    after(() => watch?.close());

    for (const [way, program] of [
      ['memory', 'native'],
      ['crash', 'native'],
      ['int80', 'compat'],
      ['file', 'file_native'],
      ['forbidden', 'file_native'],
    ] as const) {
      it(`tells what is asked for: ${way}`, async function () {
        const fromFile = program === 'file_native';
        // On tier A a kernel without kexec has no function to hook.
        if (tier === 'A' && !watch.hook(`kernel_kexec_${program}`)) skip(this, 'this kernel has no kexec');
        const deed = await watch.run<Deed>('kernel-kexec', [way, ...(fromFile ? [FILE] : [])]);
        if (deed.skip !== undefined) skip(this, deed.skip);
        assert.ok(deed.result < 0);
        const record = watch.find(KEXEC, (r) => r.attributes['process.pid'] === pidOf(deed.proc));
        const { action, path } = deed;
        const error = errnoName(deed.result);
        expectRecord(watch, record, {
          severity: 13,
          program: tier === 'B' ? 'kernel_kexec_exit' : `kernel_kexec_${program}`,
          full: false,
          lean: false,
          own: {
            'agentsmith.kernel.kexec.action': action,
            'file.path': path,
            'agentsmith.kernel.kexec.from_memory': fromFile ? undefined : true,
            'error.type': error,
          },
          body: `${action}${path ? ` ${path}` : ''} ${error}`,
          proc: deed.proc,
        });
        expectBetween(watch, record, deed.began, deed.ended);
      });
    }
  });
}
