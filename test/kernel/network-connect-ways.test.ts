// SPDX-License-Identifier: Apache-2.0
// Connections that are not made by connect(2) alone: all must look like those that are.
import assert from 'node:assert/strict';
import {
  attempts,
  type ConnectExpectation,
  connectOf,
  connectsOf,
  expectConnect,
} from '../support/connect.ts';
import { scaled } from '../support/triggers.ts';
import { pidOf } from '../support/truth.ts';
import { openWatch, type Watch } from '../support/watch.ts';

describe('network.connect by other ways', function () {
  this.timeout(scaled(30_000));
  let watch: Watch;

  before(function () {
    watch = openWatch(this);
  });

  after(() => watch?.close());

  const expectAll = async (context: Mocha.Context, way: string, expected: ConnectExpectation) => {
    const made = await attempts(context, watch, 'connect-ways', way);
    await watch.run('process-exec');
    for (const attempt of made) {
      assert.equal(attempt.result, 0);
      expectConnect(watch, await connectOf(watch, attempt), attempt, expected);
      assert.equal(connectsOf(watch, attempt).length, 1);
    }
    return made;
  };

  it('sees connect of the 32-bit system calls, with its descriptor', async function () {
    await expectAll(this, 'int80', {});
  });

  it('sees socketcall, with its descriptor', async function () {
    await expectAll(this, 'socketcall', {});
  });

  it('sees io_uring', async function () {
    await expectAll(this, 'io_uring', { fd: false });
  });

  it('names the process of an io_uring worker', async function () {
    const [attempt] = await attempts(this, watch, 'connect-ways', 'io_uring-worker');
    const record = await connectOf(watch, attempt!);
    const worker = record.attributes['thread.id'];
    assert.match(String(record.attributes['thread.name']), /^iou-wrk-/);
    assert.notEqual(worker, record.attributes['process.pid']);
    const proc = {
      ...attempt!.proc,
      comm: String(record.attributes['thread.name']),
      thread: `task/${worker}`,
    };
    expectConnect(watch, record, { ...attempt!, proc }, { fd: false });
  });

  it('sees TCP fast open by sendto, with and without a cookie', async function () {
    assert.equal((await expectAll(this, 'fast-open', { fd: false })).length, 2);
  });

  it('sees a fast open that connect(2) only promises', async function () {
    await expectAll(this, 'fast-open-connect', {});
  });

  it('sees the subflow of MPTCP', async function () {
    const [attempt] = await attempts(this, watch, 'connect-ways', 'mptcp');
    const pid = pidOf(attempt!.proc);
    const record = watch.find('agentsmith.network.connect', (r) => r.attributes['process.pid'] === pid);
    // The kernel connects the subflow behind the program's socket: the id is that one's.
    const cookie = String(record.attributes['agentsmith.network.connect.id']);
    assert.notEqual(cookie, attempt!.cookie);
    expectConnect(watch, record, { ...attempt!, cookie });
  });
});
