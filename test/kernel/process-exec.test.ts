// SPDX-License-Identifier: Apache-2.0
// What an exec record says of the ways in which programs are started. Hostile bytes and sizes are left to
// process-exec-hostile.test.ts, descriptors and terminals to process-exec-stdio.test.ts.
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ExecTruth, execBy, expectExec } from '../support/exec.ts';
import { scaled, triggerPath } from '../support/triggers.ts';
import { parentPid, pidOf } from '../support/truth.ts';
import { openWatch, type Watch } from '../support/watch.ts';

describe('process.exec', function () {
  this.timeout(scaled(30_000));
  let watch: Watch;
  let folder: string;

  before(function () {
    watch = openWatch(this);
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'exec-')));
  });

  after(async () => {
    await watch?.close();
    if (folder) rmSync(folder, { recursive: true });
  });

  const script = (name: string, interpreter: string) => {
    const path = join(folder, name);
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, `#!${interpreter}\n`, { mode: 0o700 });
    return path;
  };

  it('says who runs what, with which arguments, where, and on which descriptors', async () => {
    const truth = await watch.run<ExecTruth>('process-exec', ['one', 'two words', ''], { cwd: folder });
    expectExec(watch, truth);
    assert.deepEqual(truth.args.slice(1), ['one', 'two words', '']);
    assert.equal(truth.proc.cwd, folder);
  });

  it('names the program that runs, whatever argv[0] says', async function () {
    const truth = await execBy(this, watch, [], { args: ['/usr/sbin/sshd', '-D'] });
    const record = expectExec(watch, truth);
    assert.equal(record.attributes['process.executable.path'], triggerPath('process-exec'));
    assert.equal(record.body, '/usr/sbin/sshd -D');
  });

  it('shows the empty argument that the kernel gives to a program started without any', async function () {
    const truth = await execBy(this, watch, [], { way: 'no-args' });
    assert.deepEqual(truth.args, ['']);
    expectExec(watch, truth);
  });

  it('names script and interpreter of a script', async function () {
    const path = script('absolute.sh', `${triggerPath('process-exec')} -x`);
    const truth = await execBy(this, watch, [], { program: path, args: ['ignored', 'argument'] });
    assert.deepEqual(truth.args, [triggerPath('process-exec'), '-x', path, 'argument']);
    expectExec(watch, truth, {
      more: {
        'agentsmith.process.script.path': path,
        'agentsmith.process.interpreter.path': triggerPath('process-exec'),
      },
    });
  });

  it('makes relative paths of script and interpreter absolute', async function () {
    script('scripts/relative.sh', 'programs/interpreter');
    mkdirSync(join(folder, 'programs'));
    copyFileSync(triggerPath('process-exec'), join(folder, 'programs/interpreter'));
    const truth = await execBy(this, watch, ['cwd', folder], { program: 'scripts/relative.sh' });
    expectExec(watch, truth, {
      more: {
        'agentsmith.process.script.path': join(folder, 'scripts/relative.sh'),
        'agentsmith.process.interpreter.path': join(folder, 'programs/interpreter'),
      },
    });
  });

  it('names the outer script and the last interpreter of a script whose interpreter is a script', async function () {
    const inner = script('inner.sh', `${triggerPath('process-exec')} inner`);
    const outer = script('outer.sh', `${inner} outer`);
    const truth = await execBy(this, watch, [], { program: outer });
    assert.deepEqual(truth.args, [triggerPath('process-exec'), 'inner', inner, 'outer', outer]);
    expectExec(watch, truth, {
      more: {
        'agentsmith.process.script.path': outer,
        'agentsmith.process.interpreter.path': triggerPath('process-exec'),
      },
    });
  });

  for (const way of ['memfd', 'memfd-path']) {
    it(`marks a program in a memfd, started by its ${way === 'memfd' ? 'descriptor' : 'path in /proc'}`, async function () {
      const record = expectExec(watch, await execBy(this, watch, [], { way }));
      assert.equal(record.attributes['process.executable.path'], 'memfd:hidden program');
      assert.equal(record.attributes['agentsmith.process.executable.memfd'], true);
    });
  }

  it('marks a program that was deleted before it started, under the path that it had', async function () {
    const program = join(folder, 'doomed');
    copyFileSync(triggerPath('process-exec'), program);
    const record = expectExec(watch, await execBy(this, watch, [], { way: 'deleted', program }));
    assert.equal(record.attributes['process.executable.path'], program);
    assert.equal(record.attributes['agentsmith.process.executable.deleted'], true);
  });

  for (const [way, what] of [
    ['at', 'execveat and a directory'],
    ['int80', 'the 32-bit system call of a 64-bit program'],
  ] as const) {
    it(`sees ${what}`, async function () {
      expectExec(watch, await execBy(this, watch, [], { way, args: ['program', 'x'] }));
    });
  }

  it('sees a program started behind vfork', async function () {
    const truth = await execBy(this, watch, [], { way: 'vfork' });
    const parent = parentPid(truth.proc);
    assert.notEqual(parent, process.pid);
    expectExec(watch, truth, { behind: [`${parent}:exec-ways`] });
  });

  it('gives the identity of the process to a program that another thread than the leader starts', async function () {
    const truth = await execBy(this, watch, [], { way: 'thread' });
    const record = expectExec(watch, truth);
    const [before] = watch.all(
      'agentsmith.process.exec',
      (r) => r.attributes['process.pid'] === pidOf(truth.proc),
    );
    assert.equal(record.attributes['agentsmith.process.id'], before!.attributes['agentsmith.process.id']);
    assert.equal(record.attributes['thread.id'], undefined);
  });
});
