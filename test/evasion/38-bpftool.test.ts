// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { EventType } from '../../src/decode/layout.gen.ts';
import { type Attempt, expectUdp } from '../support/connect.ts';
import { detachLinks, hideProcess, needsBpftool } from '../support/tamper.ts';
import { trick } from '../support/trick.ts';
import { Trigger } from '../support/triggers.ts';
import type { Truth } from '../support/truth.ts';

trick(
  {
    number: 38,
    title: 'somebody with root detaches the hooks or changes the maps (bpftool)',
    how: 'the agent looks after its hooks and settings: what was done is told and undone; what happened meanwhile is lost',
    events: ['network.connect'],
  },
  async (watch, context) => {
    needsBpftool(context);
    const actor = new Trigger('who', [], { stdin: 'pipe' });
    try {
      await actor.next<Truth>();
      detachLinks();
      const changes = watch.sensor.refresh().map(({ cause }) => cause);
      assert.ok(changes.includes('detached') && changes.includes('reattached'), changes.join());
      await expectUdp(watch, await actor.do<Attempt>('udp 9'));

      const { filtered } = watch.counts(EventType.NETWORK_CONNECT);
      hideProcess(actor.pid);
      await actor.do<Attempt>('udp 9');
      assert.equal(watch.counts(EventType.NETWORK_CONNECT).filtered, filtered + 1, 'the change did not work');
      assert.deepEqual(
        watch.sensor.refresh().map(({ cause }) => cause),
        ['map_changed'],
      );
      await expectUdp(watch, await actor.do<Attempt>('udp 9'));
    } finally {
      await actor.end();
    }
  },
);
