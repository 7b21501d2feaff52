// SPDX-License-Identifier: Apache-2.0
// Programs that could not be started, and what each profile can know of them.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expectFailedExec, type FailedExec, type FailedExpectation } from '../support/exec.ts';
import { scaled, skip } from '../support/triggers.ts';
import { pidOf } from '../support/truth.ts';
import { openWatch, type Watch, type WatchOptions } from '../support/watch.ts';

const PLAIN = ['process.exec', 'process.exit'];

const PROFILES: readonly (readonly [string, WatchOptions])[] = [
  ['without a hook on system calls', { trampolines: false, events: PLAIN }],
  ['where system calls are watched', { trampolines: false, events: PLAIN, syscalls: true }],
  ['on the best tier of this kernel', { events: PLAIN }],
];

for (const [profile, options] of PROFILES) {
  describe(`process.exec that fails ${profile}`, function () {
    this.timeout(scaled(30_000));
    let watch: Watch;
    let folder: string;

    before(function () {
      watch = openWatch(this, options);
      folder = realpathSync(mkdtempSync(join(tmpdir(), 'failed-')));
      mkdirSync(join(folder, 'inside'));
      writeFileSync(join(folder, 'inside/text'), 'no program\n', { mode: 0o644 });
      writeFileSync(join(folder, 'inside/noise'), 'no program\n', { mode: 0o755 });
      writeFileSync(join(folder, 'inside/script'), '#!/nowhere/interpreter\n', { mode: 0o755 });
    });

    after(async () => {
      await watch?.close();
      if (folder) rmSync(folder, { recursive: true });
    });

    const fail = async (
      context: Mocha.Context,
      [way, program, ...args]: readonly [string, string, ...string[]],
      error: string,
      expected: Partial<FailedExpectation> & { readonly path: string; readonly hook?: string },
    ) => {
      const truth = await watch.run<FailedExec>('exec-failed', [way, folder, program, ...args]);
      if (truth.skip !== undefined) skip(context, truth.skip);
      const told = watch.all(
        'agentsmith.process.exec',
        (r) => r.attributes['process.pid'] === pidOf(truth.proc) && 'error.type' in r.attributes,
      );
      const seen = watch.hook('process_exec_exit')
        ? 'process_exec_exit'
        : watch.hook(expected.hook ?? 'process_exec_call') && (expected.hook ?? 'process_exec_call');
      assert.equal(seen !== undefined, options.syscalls === true || watch.sensor.tier === 'A');
      assert.equal(told.length, seen ? 1 : 0);
      if (!seen) return;
      assert.equal(told[0]!.attributes['error.type'], error);
      expectFailedExec(watch, told[0]!, truth, { args, program: seen, ...expected });
      const names = watch.all(
        'agentsmith.process.exit',
        (r) => r.attributes['process.pid'] === pidOf(truth.proc),
      );
      assert.equal(names[0]!.attributes['process.executable.name'], 'exec-failed', 'it took over the image');
    };

    it('tells what was not found, absolute and relative', async function () {
      await fail(this, ['exec', '/nowhere/program', 'program', 'two words', ''], 'ENOENT', {
        path: '/nowhere/program',
      });
      await fail(this, ['exec', 'inside/nothing', 'x'], 'ENOENT', { path: join(folder, 'inside/nothing') });
    });

    it('tells what may not be executed, and what is no program', async function () {
      await fail(this, ['exec', 'inside/text', 'x'], 'EACCES', { path: join(folder, 'inside/text') });
      await fail(this, ['exec', 'inside/noise', 'x'], 'ENOEXEC', { path: join(folder, 'inside/noise') });
    });

    it('tells a script whose interpreter is not there', async function () {
      await fail(this, ['exec', 'inside/script', 'x'], 'ENOENT', { path: join(folder, 'inside/script') });
    });

    it('starts the path of execveat where its descriptor points', async function () {
      const hook = 'process_exec_at_call';
      await fail(this, ['at', 'nothing', 'x'], 'ENOENT', { path: join(folder, 'inside/nothing'), hook });
      await fail(this, ['at', '/nowhere', 'x'], 'ENOENT', { path: '/nowhere', hook });
      await fail(this, ['empty', '', 'x'], 'EACCES', { path: join(folder, 'inside'), hook });
    });

    it('sees the 32-bit system call, whose pointers are shorter', async function () {
      await fail(this, ['int80', '/nowhere', 'one', 'two'], 'ENOENT', {
        path: '/nowhere',
        hook: 'process_exec_compat_call',
      });
    });

    it('does without arguments', async function () {
      await fail(this, ['no-args', '/nowhere'], 'ENOENT', { path: '/nowhere', args: [] });
    });

    it('says when there are more arguments than it looked at', async function () {
      const args = Array.from({ length: 2048 }, () => 'x');
      await fail(this, ['many', '/nowhere', 'x'], 'ENOENT', { path: '/nowhere', args, truncated: true });
    });

    it('says when the arguments cannot be read', async () => {
      const truth = await watch.run<FailedExec>('exec-failed', ['fault', folder, '/nowhere', 'x']);
      const [told] = watch.all(
        'agentsmith.process.exec',
        (r) => r.attributes['process.pid'] === pidOf(truth.proc) && 'error.type' in r.attributes,
      );
      // Which of the two errors comes first is the kernel's choice.
      if (told) assert.match(String(told.attributes['error.type']), /^(EFAULT|ENOENT)$/);
      assert.equal(told?.attributes['agentsmith.process.command_args.truncated'], told && true);
    });

    it('names the thread', async function () {
      await fail(this, ['thread', '/nowhere', 'x'], 'ENOENT', { path: '/nowhere' });
    });
  });
}
