// SPDX-License-Identifier: Apache-2.0
// What is counted: the agent's own events, and every loss. The equations themselves are checked by Watch.close(),
// at the end of every file of kernel tests.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { EventType } from '../../src/decode/layout.gen.ts';
import { type Attempt, expectUdp } from '../support/connect.ts';
import { type ExecTruth, expectExec } from '../support/exec.ts';
import { scaled, Trigger } from '../support/triggers.ts';
import type { Truth } from '../support/truth.ts';
import { openWatch, type Watch } from '../support/watch.ts';

describe('the books', function () {
  this.timeout(scaled(60_000));
  let watch: Watch | undefined;

  afterEach(async () => {
    await watch?.close();
    watch = undefined;
  });

  it('count what the agent itself does as filtered, and leave it out', async function () {
    watch = openWatch(this);
    watch.requires(this, 'agentsmith.network.connect');
    const server = createServer((socket) => socket.end()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const before = watch.counts(EventType.NETWORK_CONNECT).filtered;
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1').resume();
    await once(socket, 'close');
    server.close();
    await watch.run('process-exec');
    assert.equal(watch.counts(EventType.NETWORK_CONNECT).filtered, before + 1);
    assert.deepEqual(
      watch.records.filter((r) => r.attributes['process.pid'] === process.pid),
      [],
    );
  });

  it('hold the events of another process in the agent’s own cgroup', async function () {
    watch = openWatch(this);
    const truth = await watch.run<ExecTruth>('process-exec');
    assert.equal(truth.proc.cgroup, readFileSync('/proc/self/cgroup', 'latin1'));
    expectExec(watch, truth);
  });

  it('hold the events of a helper until it is excluded', async function () {
    watch = openWatch(this);
    watch.requires(this, 'agentsmith.network.connect');
    const helper = new Trigger('who', [], { stdin: 'pipe' });
    await helper.next<Truth>();
    await expectUdp(watch, await helper.do<Attempt>('udp 9'));
    assert.ok(watch.sensor.exclude(helper.pid));
    const before = watch.counts(EventType.NETWORK_CONNECT).filtered;
    const { cookie } = await helper.do<Attempt>('udp 9');
    await watch.run('process-exec');
    assert.equal(watch.counts(EventType.NETWORK_CONNECT).filtered, before + 1);
    assert.ok(!watch.records.some((r) => r.attributes['agentsmith.network.connect.id'] === cookie));
    await helper.end();
  });

  for (const [ringBytes, children] of [
    [64 << 10, 2000],
    [1 << 20, 4000],
  ] as const) {
    it(`balance after ${children} processes in a ring of ${ringBytes >> 10} KiB that nobody reads`, async function () {
      watch = openWatch(this, { ringBytes, start: false });
      const storm = new Trigger('who', [], { stdin: 'pipe' });
      await storm.next<Truth>();
      await storm.do(`storm ${children}`);
      await storm.end();
      const exits = watch.counts(EventType.PROCESS_EXIT);
      assert.ok(exits.ringFull > 0, 'nothing was lost');
      assert.ok(exits.attempted >= children);
      watch.start();
    });
  }

  it('go on when the memory of a storm is given back', async function () {
    watch = openWatch(this, { ringBytes: 1 << 20, start: false });
    const storm = new Trigger('who', [], { stdin: 'pipe' });
    await storm.next<Truth>();
    await storm.do('storm 4000');
    await storm.end();
    watch.start();
    await watch.run('process-exec');
    const own = () => Number(/^RssAnon:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1]);
    // Of the time before the first call the storm was a part.
    watch.sensor.trim();
    const before = own();
    watch.sensor.trim();
    assert.ok(before - own() > 500, `${before} kB and ${own()} kB of its own`);
    expectExec(watch, await watch.run<ExecTruth>('process-exec'));
  });

  it('refuse connections before they refuse processes when the ring is nearly full', async function () {
    watch = openWatch(this, { ringBytes: 64 << 10, start: false });
    watch.requires(this, 'agentsmith.network.connect');
    const storm = new Trigger('who', [], { stdin: 'pipe' });
    await storm.next<Truth>();
    let count = 0;
    while (watch.counts(EventType.NETWORK_CONNECT).reserved === 0 && count++ < 1000) await storm.do('udp 9');
    assert.ok(count < 1000, 'none was refused');
    // There is still room for what matters more.
    const { ringFull } = watch.counts(EventType.PROCESS_EXEC);
    assert.equal(ringFull, 0);
    watch.start();
    await watch.run('process-exec');
    assert.equal(watch.counts(EventType.NETWORK_CONNECT).ringFull, 0);
    await storm.end();
  });

  it('balance when the agent stops in the middle of a storm', async function () {
    for (let round = 0; round < 5; round++) {
      watch = openWatch(this, { ringBytes: 1 << 20 });
      const storm = new Trigger('who', [], { stdin: 'pipe' });
      await storm.next<Truth>();
      const over = storm.do('storm 500');
      const seen = watch;
      await watch.until('the storm', () => seen.books.received[EventType.PROCESS_EXIT]! > 100);
      await watch.close();
      await over;
      await storm.end();
    }
  });
});
