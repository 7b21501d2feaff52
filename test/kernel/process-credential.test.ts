// SPDX-License-Identifier: Apache-2.0
// Who gains privileges, by system calls and by exec, and that nobody else is told of.
import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { changes, changesOf, expectChange } from '../support/credential.ts';
import { scaled, skip, triggerPath } from '../support/triggers.ts';
import { openWatch, type Watch, type WatchOptions } from '../support/watch.ts';

const WARN = 13;
const WARN2 = 14;
const INFO = 9;

const PLAIN = ['process.exec', 'process.exit', 'process.credential.change'];

const PROFILES: readonly (readonly [string, WatchOptions])[] = [
  ['without a hook on system calls', { trampolines: false, events: PLAIN }],
  ['where system calls are watched', { trampolines: false, events: PLAIN, syscalls: true }],
  ['on the best tier of this kernel', { events: PLAIN }],
];

for (const [profile, options] of PROFILES) {
  describe(`process.credential.change ${profile}`, function () {
    this.timeout(scaled(30_000));
    let watch: Watch;
    let folder: string;
    /** Who sees system calls; undefined where nobody does. */
    let syscalls: string | undefined;

    before(function () {
      if (process.getuid!() !== 0) skip(this, 'only root has anything to gain back');
      watch = openWatch(this, options);
      folder = realpathSync(mkdtempSync(join(tmpdir(), 'credential-')));
      chmodSync(folder, 0o755);
      syscalls = ['process_credential_commit', 'process_credential_exit'].find((name) => watch.hook(name));
      assert.equal(syscalls !== undefined, options.syscalls || watch.sensor.tier === 'A');
    });

    after(async () => {
      await watch?.close();
      if (folder) rmSync(folder, { recursive: true });
    });

    const program = (name: string, mode: number) => {
      const path = join(folder, name);
      copyFileSync(triggerPath('process-credential'), path);
      chmodSync(path, mode);
      return path;
    };

    for (const [deed, severity, body] of [
      ['setuid', WARN2, '1000 → 0'],
      ['setreuid', WARN2, '1000 → 0'],
      ['setresuid', WARN, '1000 gains real user 0'],
      ['int80', WARN2, '1000 → 0'],
      ['capset', WARN, '0 gains capabilities 20'],
      ['thread', WARN2, '1000 → 0'],
    ] as const) {
      it(`${deed} of a process that may gain`, async function () {
        const [change] = await changes(this, watch, deed);
        const records = changesOf(watch, change!);
        assert.equal(records.length, syscalls ? 1 : 0);
        if (syscalls) expectChange(watch, records[0]!, change!, { severity, body, program: syscalls });
      });
    }

    it('setfsuid, which gives the rights over files back', async function () {
      const [change] = await changes(this, watch, 'setfsuid');
      const records = changesOf(watch, change!);
      assert.equal(records.length, syscalls ? 1 : 0);
      if (!syscalls) return;
      const body = String(records[0]!.body);
      assert.match(body, /^0 gains capabilities [0-9a-f]+$/);
      expectChange(watch, records[0]!, change!, { severity: WARN, body, program: syscalls });
    });

    it('each time that a process becomes root again', async function () {
      const made = await changes(this, watch, 'again');
      const records = changesOf(watch, made[0]!);
      assert.equal(records.length, syscalls ? 2 : 0);
      for (const [i, record] of records.entries())
        expectChange(watch, record, made[i]!, { severity: WARN2, body: '1000 → 0', program: syscalls! });
    });

    it('a user namespace of its own, for information', async function () {
      const [change] = await changes(this, watch, 'namespace');
      const records = changesOf(watch, change!);
      assert.equal(records.length, syscalls ? 1 : 0);
      if (!syscalls) return;
      const body = String(records[0]!.body);
      assert.match(body, /^1000 gains capabilities [0-9a-f]+$/);
      const users = change!.before;
      expectChange(watch, records[0]!, change!, { severity: INFO, body, program: syscalls, users });
      assert.ok(records[0]!.attributes['agentsmith.namespace.user.inode']);
    });

    it('nothing where nothing is gained', async function () {
      const [change] = await changes(this, watch, 'nothing');
      assert.deepEqual(changesOf(watch, change!), []);
    });

    it('the exec of a set-user-id file', async function () {
      const [change] = await changes(this, watch, 'exec', program('setuid', 0o4755));
      const [record, ...others] = changesOf(watch, change!);
      expectChange(watch, record!, change!, { severity: WARN2, body: '1000 → 0', program: 'process_exec' });
      assert.deepEqual(others, []);
      const execs = watch.all(
        'agentsmith.process.exec',
        (exec) => exec.attributes['process.pid'] === record!.attributes['process.pid'],
      );
      assert.ok(
        watch.records.indexOf(execs.at(-1)!) < watch.records.indexOf(record!),
        'the exec comes first',
      );
      assert.equal(watch.introductions.get(record!.attributes['process.pid'] as number) ?? 0, 0);
    });

    for (const [deed, body] of [
      ['exec-capable', '1000 gains capabilities 20'],
      ['exec-permitted', '1000 gains capabilities 20'],
    ] as const) {
      it(`the exec of a file with capabilities (${deed})`, async function () {
        const [change] = await changes(this, watch, deed, program(deed, 0o755));
        const [record, ...others] = changesOf(watch, change!);
        expectChange(watch, record!, change!, { severity: WARN, body, program: 'process_exec' });
        assert.deepEqual(others, []);
      });
    }

    for (const [deed, mode] of [
      ['exec', 0o755],
      ['exec', 0o2755],
      ['exec-as-root', 0o4755],
      ['exec-after-rename', 0o4755],
    ] as const) {
      it(`nothing for ${deed} of a file with mode ${mode.toString(8)}`, async function () {
        const [change] = await changes(this, watch, deed, program(`${deed}-${mode}`, mode));
        const told = changesOf(watch, change!).filter(({ views }) =>
          String(views.all.attributes['agentsmith.event.hook']).includes('exec'),
        );
        assert.deepEqual(told, []);
      });
    }
  });
}
