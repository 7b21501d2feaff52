// SPDX-License-Identifier: Apache-2.0
// Modules that are loaded and that are refused, from files and from memory, on both tiers. A kernel without modules
// refuses them all.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { expectBetween, expectRecord } from '../support/expect.ts';
import { copiesOfModule, MODULE, type Modules } from '../support/modules.ts';
import { errnoName } from '../support/ptrace.ts';
import { repository } from '../support/repository.ts';
import { TIERS } from '../support/tiers.ts';
import { scaled, skip, Trigger } from '../support/triggers.ts';
import type { Truth } from '../support/truth.ts';
import { openWatch, type Watch } from '../support/watch.ts';

const LOAD = 'agentsmith.kernel.module.load';
const NO_MODULES = 'this kernel has no modules that can be loaded';
/** Any file will do where modules are off. */
const ANY = `${repository}/package.json`;

/** Then the kernel takes signed modules only. */
function isLockedDown(): boolean {
  const path = '/sys/kernel/security/lockdown';
  return existsSync(path) && !readFileSync(path, 'utf8').includes('[none]');
}

interface Deed extends Truth {
  readonly path?: string;
  readonly result: number;
  readonly before: string;
  readonly after: string;
}

for (const tier of TIERS) {
  describe(`kernel.module.load on tier ${tier}`, function () {
    this.timeout(scaled(30_000));
    let watch: Watch;
    let modules: Modules | undefined;
    let actor: Trigger;
    /** Records of the actor that were compared. */
    let seen = 0;

    before(function () {
      watch = openWatch(this, { events: ['kernel.module.load', 'process.exit'], trampolines: tier === 'A' });
      modules = copiesOfModule();
    });

    beforeEach(function () {
      watch.requires(this, LOAD);
      actor = new Trigger('kernel-module', [], { stdin: 'pipe' });
      seen = 0;
    });

    afterEach(async () => {
      // A test that failed may have left it.
      if (modules && existsSync(`/sys/module/${MODULE}`)) execFileSync('rmmod', [MODULE]);
      await actor?.end();
    });

    after(async () => {
      modules?.remove();
      await watch?.close();
    });

    /** Loads, compares the record, and unloads what was loaded; 0 or -errno. */
    const load = async (context: Mocha.Context, deed: string): Promise<number> => {
      const truth = await actor.do<Deed>(deed);
      if (truth.skip !== undefined) return skip(context, truth.skip);
      const records = () => watch.all(LOAD, (r) => r.attributes['process.pid'] === actor.pid);
      await watch.until(deed, () => records().length > seen);
      assert.equal(records().length, ++seen);
      const record = records()[seen - 1]!;
      const loaded = truth.result === 0;
      const taint = loaded ? readFileSync(`/sys/module/${MODULE}/taint`, 'latin1').trim() : undefined;
      if (loaded) assert.equal((await actor.do<Deed>(`delete ${MODULE}`)).result, 0);
      const error = errnoName(truth.result);
      const abi = deed.split(' ')[0]!.endsWith('80') ? 'compat' : 'native';
      const memory = deed.startsWith('init');
      const what = memory ? 'from memory' : (truth.path ?? 'no file');
      expectRecord(watch, record, {
        dataType: 603,
        severity: 13,
        program: tier === 'A' ? `kernel_module_${memory ? 'init' : 'finit'}_${abi}` : 'kernel_module_exit',
        full: false,
        lean: false,
        own: {
          'file.path': memory ? undefined : truth.path,
          'agentsmith.kernel.module.from_memory': memory || undefined,
          'agentsmith.kernel.module.name': loaded ? MODULE : undefined,
          'agentsmith.kernel.module.signed': loaded ? !taint!.includes('E') : undefined,
          'agentsmith.kernel.module.taints': taint || undefined,
          'error.type': error,
        },
        body: `${loaded ? `${MODULE} ` : ''}${what}${error ? ` ${error}` : ''}`,
        proc: truth.proc,
      });
      expectBetween(watch, record, truth.before, truth.after);
      return truth.result;
    };

    it('sees a module from a file, with its real path', async function () {
      if (!modules) return skip(this, NO_MODULES);
      assert.equal(await load(this, `finit ${modules.plain}`), 0);
    });

    it('sees a module from memory', async function () {
      if (!modules) return skip(this, NO_MODULES);
      assert.equal(await load(this, `init ${modules.plain}`), 0);
    });

    it('sees a compressed module, whether the kernel takes it or not', async function () {
      if (!modules?.shipped.endsWith('z')) return skip(this, 'modules of this kernel are not compressed');
      await load(this, `finit ${modules.shipped} 4`);
    });

    it('sees whether it was signed, and one whose signature is wrong', async function () {
      if (!modules?.unsigned || !modules.altered) return skip(this, 'modules of this kernel are not signed');
      assert.equal(await load(this, `finit ${modules.unsigned}`), isLockedDown() ? -1 : 0);
      assert.notEqual(await load(this, `finit ${modules.altered}`), 0);
    });

    it('sees what is no module', async function () {
      if (!modules) return skip(this, NO_MODULES);
      const expected = isLockedDown() ? -1 : -8;
      assert.equal(await load(this, `finit ${modules.garbage}`), expected);
      assert.equal(await load(this, `init ${modules.garbage}`), expected);
      assert.equal(await load(this, 'finit-nothing'), -9);
    });

    it('sees the 32-bit system calls', async function () {
      const path = modules?.plain ?? ANY;
      const expected = modules ? 0 : -38;
      assert.equal(await load(this, `finit80 ${path}`), expected);
      assert.equal(await load(this, `init80 ${path}`), expected);
    });

    it('sees attempts on a kernel without modules', async function () {
      if (modules) return skip(this, 'this kernel has modules');
      assert.equal(await load(this, `finit ${ANY}`), -38);
      assert.equal(await load(this, `init ${ANY}`), -38);
      assert.equal(await load(this, 'finit-nothing'), -38);
    });

    it('sees who may not', async function () {
      await actor.do('nobody');
      const expected = modules ? -1 : -38;
      assert.equal(await load(this, `finit ${ANY}`), expected);
      assert.equal(await load(this, `init ${ANY}`), expected);
    });

    it('sees modprobe where it loads', async function () {
      if (!modules) return skip(this, NO_MODULES);
      execFileSync('modprobe', [MODULE]);
      const found = () => watch.all(LOAD, (r) => r.attributes['process.executable.name'] === 'kmod');
      await watch.until('modprobe', () => found().length > 0);
      assert.equal(found().at(-1)!.attributes['agentsmith.kernel.module.name'], MODULE);
    });
  });
}
