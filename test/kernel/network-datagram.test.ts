// SPDX-License-Identifier: Apache-2.0
// Datagrams without a connect: the first to each address is told, by whatever call it leaves.
import assert from 'node:assert/strict';
import { attempts, connectsOf, expectConnect } from '../support/connect.ts';
import { scaled } from '../support/triggers.ts';
import { pidOf } from '../support/truth.ts';
import { openWatch, type Watch } from '../support/watch.ts';

describe('network.connect of a datagram, without a hook on system calls', function () {
  this.timeout(scaled(30_000));
  let watch: Watch;

  before(function () {
    watch = openWatch(this, {
      trampolines: false,
      events: ['process.exec', 'process.exit', 'network.connect'],
    });
  });

  after(() => watch?.close());

  for (const [way, host, fd] of [
    ['sendto', '127.0.0.1', true],
    ['sendto', '::1', true],
    ['sendto', '::ffff:127.0.0.1', true],
    ['sendmsg', '127.0.0.1', true],
    ['sendmmsg', '::1', true],
    // No call of io_uring names the socket.
    ['io_uring', '127.0.0.1', false],
  ] as const) {
    it(`tells ${way} to ${host}`, async function () {
      const [attempt] = await attempts(this, watch, 'datagram', way, host);
      const records = connectsOf(watch, attempt!);
      assert.equal(records.length, 1);
      expectConnect(watch, records[0]!, attempt!, {
        transport: 'udp',
        unconnected: true,
        fd,
        ...(host.startsWith('::ffff') && { mapped: true }),
      });
    });
  }

  it('tells a stream of datagrams once', async function () {
    const [attempt] = await attempts(this, watch, 'datagram', 'twice');
    assert.equal(connectsOf(watch, attempt!).length, 1);
  });

  for (const host of ['127.0.0.1', '::1']) {
    it(`does not tell an answer: ${host}`, async function () {
      const [attempt] = await attempts(this, watch, 'datagram', 'answer', host);
      assert.equal(connectsOf(watch, attempt!).length, 2);
      const own = watch.all(
        'agentsmith.network.connect',
        ({ attributes }) => attributes['process.pid'] === pidOf(attempt!.proc),
      );
      assert.equal(own.length, 2);
    });
  }

  it('tells each address that a socket sends to', async function () {
    const made = await attempts(this, watch, 'datagram', 'two');
    const records = connectsOf(watch, made[0]!);
    assert.equal(records.length, 2);
    for (const [i, attempt] of made.entries())
      expectConnect(watch, records[i]!, attempt, { transport: 'udp', unconnected: true });
  });
});
