// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { askAgents, ControlSocket } from '../../../src/health/control-socket.ts';
import { loadNative } from '../../../src/sensor/native.ts';

describe('the control socket', () => {
  let root: string;
  let directory: string;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'agentsmith-'));
    directory = join(root, 'control');
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const open = (native = loadNative() as Pick<ReturnType<typeof loadNative>, 'peerCredentials'>) =>
    ControlSocket.open(() => ({ pid: process.pid }), native, directory);

  it('answers who may ask, and is gone afterwards', async () => {
    const control = await open();
    assert.equal(statSync(directory).mode & 0o777, 0o700);
    assert.deepEqual(await askAgents(undefined, directory), [{ pid: process.pid }]);
    assert.deepEqual(await askAgents(process.pid, directory), [{ pid: process.pid }]);
    assert.deepEqual(await askAgents(process.pid + 1, directory), []);
    control.close();
    assert.equal(existsSync(control.path), false);
    assert.deepEqual(await askAgents(undefined, directory), []);
  });

  it('says nothing to another user', async () => {
    const asked: number[] = [];
    const control = await open({
      peerCredentials: (fd) => {
        const [pid] = loadNative().peerCredentials(fd);
        asked.push(pid);
        return [pid, 12_345];
      },
    });
    await assert.rejects(askAgents(undefined, directory), /the agent hung up without an answer/);
    assert.deepEqual(asked, [process.pid], 'the kernel names who asks');
    control.close();
  });

  it('is neither made nor asked in a directory that others can enter', async () => {
    mkdirSync(directory);
    chmodSync(directory, 0o755);
    await assert.rejects(open(), /is not a directory of mode 0700/);
    await assert.rejects(askAgents(undefined, directory), /is not a directory of mode 0700/);
  });

  it('of an agent that was killed is taken away', async () => {
    mkdirSync(directory, { mode: 0o700 });
    const path = join(directory, '1.sock');
    const dead = createServer();
    await new Promise<void>((resolve) => dead.listen(join(root, 'other'), resolve));
    await new Promise((resolve) => dead.close(resolve));
    const stale = createServer().listen(path);
    await new Promise((resolve) => stale.once('listening', resolve));
    const { renameSync } = await import('node:fs');
    renameSync(path, join(root, 'kept'));
    await new Promise((resolve) => stale.close(resolve));
    renameSync(join(root, 'kept'), path);
    assert.deepEqual(await askAgents(undefined, directory), []);
    assert.equal(existsSync(path), false);
  });

  it('is nowhere when no agent ever ran', async () => {
    assert.deepEqual(await askAgents(undefined, join(root, 'none')), []);
  });
});
