// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { EventType } from '../../src/decode/layout.gen.ts';
import { type ExecTruth, expectExec } from '../support/exec.ts';
import { trick } from '../support/trick.ts';
import { Trigger } from '../support/triggers.ts';
import type { Truth } from '../support/truth.ts';

const CHILDREN = 600;

trick(
  {
    number: 28,
    title: 'a flood of connects and forks that overflows the ring',
    how: 'connects are refused while an eighth of the ring is free, so that an exec still fits; every loss is counted',
    events: ['process.exec', 'network.connect'],
    // Nobody reads it, as if the agent were kept from running.
    watch: { ringBytes: 64 << 10, start: false },
  },
  async (watch) => {
    const flood = new Trigger('who', [], { stdin: 'pipe' });
    await flood.next<Truth>();
    let connects = 0;
    while (watch.counts(EventType.NETWORK_CONNECT).reserved === 0 && connects < CHILDREN) {
      await flood.do('udp 9');
      connects++;
    }
    const { attempted, submitted, reserved, ringFull } = watch.counts(EventType.NETWORK_CONNECT);
    assert.ok(reserved > 0, 'the ring never got full');
    assert.ok(submitted > 0 && attempted >= submitted + reserved && ringFull === 0);
    const quiet = new Trigger('process-exec', []);
    const [truth] = (await quiet.end<ExecTruth>()) as [ExecTruth];
    assert.equal(watch.counts(EventType.PROCESS_EXEC).ringFull, 0);

    await flood.do(`storm ${CHILDREN}`);
    await flood.end();
    const exits = watch.counts(EventType.PROCESS_EXIT);
    assert.ok(exits.ringFull > 0 && exits.attempted >= CHILDREN, 'nothing was lost');
    watch.start();
    await watch.until('the quiet exec', () =>
      watch.records.some(({ attributes }) => attributes['process.pid'] === quiet.pid),
    );
    expectExec(watch, truth);
    // The books, with every loss, are compared when the watch is closed.
  },
);
