// SPDX-License-Identifier: Apache-2.0
// Somebody with root takes the agent's hooks away or changes its maps: it is noticed, told and undone.
import assert from 'node:assert/strict';
import { EventType } from '../../src/decode/layout.gen.ts';
import { type Attempt, expectUdp } from '../support/connect.ts';
import { detachLinks, hideProcess, needsBpftool } from '../support/tamper.ts';
import { scaled, Trigger } from '../support/triggers.ts';
import type { Truth } from '../support/truth.ts';
import { openWatch, type Watch } from '../support/watch.ts';

describe('the guard of the hooks', function () {
  this.timeout(scaled(60_000));
  let watch: Watch;

  beforeEach(function () {
    watch = openWatch(this);
    watch.requires(this, 'agentsmith.network.connect');
    needsBpftool(this);
  });

  afterEach(() => watch?.close());

  it('finds nothing where nobody did anything', () => {
    assert.deepEqual(watch.sensor.refresh(), []);
    assert.deepEqual(watch.sensor.refresh(), []);
  });

  it('notices links that were detached, and attaches them again', async () => {
    const count = detachLinks();
    const changes = watch.sensor.refresh();
    assert.equal(changes.filter(({ cause }) => cause === 'detached').length, count);
    assert.equal(changes.filter(({ cause }) => cause === 'reattached').length, count);
    const trigger = new Trigger('who', [], { stdin: 'pipe' });
    await trigger.next<Truth>();
    await expectUdp(watch, await trigger.do<Attempt>('udp 9'));
    await trigger.end();
    assert.deepEqual(watch.sensor.refresh(), []);
  });

  it('notices that somebody hides a process in the list of the agent’s own, and puts it right', async () => {
    const trigger = new Trigger('who', [], { stdin: 'pipe' });
    await trigger.next<Truth>();
    const before = watch.counts(EventType.NETWORK_CONNECT).filtered;
    hideProcess(trigger.pid);
    await trigger.do<Attempt>('udp 9');
    assert.equal(watch.counts(EventType.NETWORK_CONNECT).filtered, before + 1, 'the change did not work');
    assert.deepEqual(
      watch.sensor.refresh().map(({ cause }) => cause),
      ['map_changed'],
    );
    await expectUdp(watch, await trigger.do<Attempt>('udp 9'));
    await trigger.end();
  });
});
