// SPDX-License-Identifier: Apache-2.0
// The time that the kernel programs take, as they measure it themselves.
import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { EventType } from '../../src/decode/layout.gen.ts';
import { HOOK_TIME_EVERY, type HookTimes } from '../../src/sensor/hook-times.ts';
import { scaled, Trigger } from '../support/triggers.ts';
import type { Truth } from '../support/truth.ts';
import { openWatch, type Watch } from '../support/watch.ts';

/** Borders of a bucket in seconds. */
const border = ({ offset, scale }: HookTimes, bucket: number) => 2 ** ((offset + bucket) / 2 ** scale);

describe('the time of hooks', function () {
  this.timeout(scaled(60_000));
  let watch: Watch | undefined;

  afterEach(async () => {
    await watch?.close();
    watch = undefined;
  });

  it('is taken of one run in 64 on each CPU, the first included', async function () {
    watch = openWatch(this);
    const storm = new Trigger('who', [], { stdin: 'pipe' });
    await storm.next<Truth>();
    await storm.do('storm 1000');
    await storm.end();
    const { sensor } = watch;
    await watch.close();
    const times = sensor.hookTimes(EventType.PROCESS_EXIT);
    const { attempted } = sensor.counts(EventType.PROCESS_EXIT);
    assert.ok(attempted >= 1000, `${attempted} processes ended`);
    assert.equal(times.runs, attempted);
    const least = Math.ceil(times.runs / HOOK_TIME_EVERY);
    assert.ok(times.count >= least, `${times.count} of ${times.runs}`);
    assert.ok(times.count < least + availableParallelism(), `${times.count} of ${times.runs}`);
  });

  it('lies in the buckets that the sum is made of', async function () {
    watch = openWatch(this);
    const storm = new Trigger('who', [], { stdin: 'pipe' });
    await storm.next<Truth>();
    await storm.do('storm 1000');
    await storm.end();
    const { sensor } = watch;
    await watch.close();
    const times = sensor.hookTimes(EventType.PROCESS_EXIT);
    const bounds = (up: number) =>
      times.buckets.reduce((sum, count, i) => sum + count * border(times, i + up), 0);
    assert.ok(times.sum >= bounds(0), `${times.sum} s is less than ${bounds(0)} s`);
    // The last bucket has no end: what is in it was interrupted by the host of a virtual machine.
    if (times.buckets.at(-1) === 0) assert.ok(times.sum <= bounds(1), `${times.sum} s of ${bounds(1)} s`);
    assert.ok(times.quantile(0.5)! <= times.quantile(0.99)!);
  });

  it('is taken of connections too', async function () {
    watch = openWatch(this);
    watch.requires(this, 'agentsmith.network.connect');
    const caller = new Trigger('who', [], { stdin: 'pipe' });
    await caller.next<Truth>();
    const before = watch.sensor.hookTimes(EventType.NETWORK_CONNECT).runs;
    for (let i = 0; i < 10; i++) await caller.do('udp 9');
    await caller.end();
    const { runs, count } = watch.sensor.hookTimes(EventType.NETWORK_CONNECT);
    assert.ok(runs >= before + 10, `${runs - before} runs`);
    assert.ok(count > 0);
  });
});
