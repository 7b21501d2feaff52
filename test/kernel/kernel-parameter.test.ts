// SPDX-License-Identifier: Apache-2.0
// Writes to /proc/sys with both values, and to the files elsewhere by which the kernel starts a program.
import assert from 'node:assert/strict';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expectBetween, expectRecord } from '../support/expect.ts';
import { skip } from '../support/skip.ts';
import { TIERS } from '../support/tiers.ts';
import { scaled } from '../support/triggers.ts';
import { pidOf, type Truth } from '../support/truth.ts';
import { openWatch, type Watch } from '../support/watch.ts';

const PARAMETER = 'agentsmith.kernel.parameter.change';
const HELPER = 'agentsmith.kernel.helper.change';

/** What test/kernel/triggers/kernel-parameter.c wrote. */
interface Deed extends Truth {
  readonly name: string;
  readonly value: string;
  readonly old: string;
  readonly path: string;
  readonly began: string;
  readonly ended: string;
}

/** One record of a deed. */
async function deedOf(context: Mocha.Context, watch: Watch, event: string, args: readonly string[]) {
  watch.requires(context, event);
  const deed = await watch.run<Deed>('kernel-parameter', args);
  if (deed.skip !== undefined) skip(context, deed.skip);
  return { deed, record: watch.find(event, (r) => r.attributes['process.pid'] === pidOf(deed.proc)) };
}

describe('kernel.parameter.change without a hook on system calls', function () {
  this.timeout(scaled(30_000));
  let watch: Watch;

  before(function () {
    if (process.getuid!() !== 0) skip(this, 'only root may write parameters');
    watch = openWatch(this, {
      trampolines: false,
      events: ['process.exec', 'process.exit', 'kernel.parameter.change'],
    });
  });

  after(() => watch?.close());

  for (const [way, severity] of [
    ['core-pattern', 13],
    ['setting', 9],
    ['long', 9],
  ] as const) {
    it(`tells what is written and what was there: ${way}`, async function () {
      const { deed, record } = await deedOf(this, watch, PARAMETER, [way]);
      const value = deed.value.slice(0, 1023);
      const shown = record.body!.slice(record.body!.indexOf(' → ') + 3);
      expectRecord(watch, record, {
        severity,
        program: 'kernel_parameter',
        full: false,
        lean: false,
        own: {
          'agentsmith.kernel.parameter.name': deed.name,
          'agentsmith.kernel.parameter.value': value || undefined,
          'agentsmith.kernel.parameter.old_value': deed.old || undefined,
          'agentsmith.kernel.parameter.truncated': value.length < deed.value.length || undefined,
        },
        body: `${deed.name}${deed.old && `: ${deed.old}`}${value && ` → ${shown}`}`,
        proc: deed.proc,
      });
      assert.ok(value.startsWith(shown) || shown.startsWith('…') || shown.endsWith('…'));
      expectBetween(watch, record, deed.began, deed.ended);
    });
  }
});

for (const tier of TIERS) {
  describe(`kernel.helper.change on tier ${tier}`, function () {
    this.timeout(scaled(30_000));
    let watch: Watch;
    let folder: string;

    before(function () {
      if (process.getuid!() !== 0) skip(this, 'only root may mount control groups');
      watch = openWatch(this, {
        trampolines: tier === 'A',
        events: ['process.exec', 'process.exit', 'kernel.helper.change'],
      });
      folder = realpathSync(mkdtempSync(join(tmpdir(), 'helper-')));
    });

    after(async () => {
      if (folder) rmSync(folder, { recursive: true });
      await watch?.close();
    });

    it('tells that release_agent is opened for writing, and nothing of readers', async function () {
      const { deed, record } = await deedOf(this, watch, HELPER, ['release-agent', folder]);
      expectRecord(watch, record, {
        severity: 13,
        program: tier === 'A' ? 'kernel_helper_open' : 'kernel_helper_exit',
        full: false,
        lean: false,
        own: { 'file.path': deed.path },
        body: deed.path,
        proc: deed.proc,
      });
      expectBetween(watch, record, deed.began, deed.ended);
    });
  });
}
