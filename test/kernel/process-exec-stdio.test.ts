// SPDX-License-Identifier: Apache-2.0
// Descriptors, terminals, sessions and namespaces of programs that are started.
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execBy, expectExec } from '../support/exec.ts';
import { scaled, skip, triggerPath } from '../support/triggers.ts';
import { parentPid, pidOf } from '../support/truth.ts';
import { openWatch, type Watch } from '../support/watch.ts';

describe('process.exec around the program', function () {
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

  const kinds: readonly (readonly [string, RegExp | undefined])[] = [
    ['file', /\/file\d$/],
    ['fifo', /\/fifo\d$/],
    ['null', /^\/dev\/null$/],
    ['pipe', /^pipe:\[\d+\]$/],
    ['socketpair', /^socket:\[\d+\]$/],
    ['inet', /^socket:\[\d+\]$/],
    ['eventfd', /^anon_inode:\[eventfd\]$/],
    ['memfd', /^memfd:secret stash$/],
    ['closed', undefined],
  ];
  const streams = ['stdin', 'stdout', 'stderr'] as const;

  for (const [kind, shape] of kinds) {
    for (const [fd, stream] of streams.entries()) {
      it(`says what ${stream} is when it is ${kind === 'closed' ? 'closed' : `a ${kind}`}`, async function () {
        const placed = kind === 'file' || kind === 'fifo' ? `=${join(folder, kind)}${fd}` : '';
        const what = `${kind}${placed}${kind === 'memfd' ? '=secret%20stash' : ''}`;
        const truth = await execBy(this, watch, ['fd', `${fd}`, what]);
        const record = expectExec(watch, truth);
        const told = record.attributes[`agentsmith.process.${stream}.path`];
        if (shape) assert.match(String(told), shape);
        else assert.equal(told, undefined);
      });
    }
  }

  it('tells the terminal of an interactive program, and that it leads a session', async function () {
    const truth = await execBy(this, watch, ['tty']);
    const record = expectExec(watch, truth, { behind: [`${parentPid(truth.proc)}:exec-ways`] });
    assert.match(String(record.attributes['agentsmith.process.tty']), /^\/dev\/pts\/\d+$/);
    assert.equal(record.attributes['process.interactive'], true);
    assert.equal(record.attributes['process.session_leader.pid'], pidOf(truth.proc));
  });

  it('tells a new session without a terminal', async function () {
    const truth = await execBy(this, watch, ['setsid']);
    const record = expectExec(watch, truth, { behind: [`${parentPid(truth.proc)}:exec-ways`] });
    assert.equal(record.attributes['process.session_leader.pid'], pidOf(truth.proc));
    assert.equal(record.attributes['process.interactive'], false);
  });

  it('tells the namespaces that a program was put into, its pid there and its host name', async function () {
    const steps = [
      'unshare',
      'mnt',
      'unshare',
      'net',
      'unshare',
      'uts',
      'hostname',
      'another-host',
      'unshare',
      'pid',
    ];
    const truth = await execBy(this, watch, steps);
    const record = expectExec(watch, truth, { behind: [`${parentPid(truth.proc)}:exec-ways`] });
    assert.equal(record.attributes['process.vpid'], 1);
    assert.equal(record.attributes['agentsmith.uts.nodename'], 'another-host');
    assert.equal(record.attributes['process.user.name'], undefined);
  });

  it('tells user ids as the host numbers them', async function () {
    const truth = await execBy(this, watch, ['unshare', 'user']);
    assert.match(truth.proc.status, /^Uid:\t1234\t/m);
    const ids = { 'process.user.id': process.geteuid!(), 'process.real_user.id': process.getuid!() };
    const groups = {
      'agentsmith.process.group.id': process.getegid!(),
      'agentsmith.process.real_group.id': process.getgid!(),
    };
    const names = { 'process.user.name': 'root', 'process.real_user.name': 'root' };
    expectExec(watch, truth, { instead: { ...ids, ...groups, ...names } });
  });

  it('tells the host’s path of a program in a chroot', async function () {
    const program = join(folder, 'program');
    copyFileSync(triggerPath('process-exec'), program);
    const truth = await execBy(this, watch, ['chroot', folder], { program: '/program' });
    if (truth.proc.exe !== '/program') skip(this, `the trigger cannot see /proc: ${truth.proc.exe}`);
    const places = { 'process.executable.path': program, 'process.working_directory': folder };
    const devices = Object.fromEntries(
      ['stdin', 'stdout'].map((stream) => [`agentsmith.process.${stream}.path`, '/dev/null']),
    );
    expectExec(watch, truth, { instead: { ...places, ...devices } });
  });
});
