// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { EventType } from '../../src/decode/layout.gen.ts';
import { type ExecTruth, expectExec } from '../support/exec.ts';
import { skip } from '../support/skip.ts';
import { trick } from '../support/trick.ts';
import { Trigger, triggerPath } from '../support/triggers.ts';
import type { Truth } from '../support/truth.ts';

/** An eighth of it must hold what others do meanwhile, who are nobody in a guest. */
const RING = process.env.AGENTSMITH_VM ? 128 << 10 : 4 << 20;
/** More than the ring holds. */
const CONNECTS = RING >> 8;
/** More than the eighth holds. */
const CHILDREN = RING >> 11;
/** Two are ours; so many more programs of others an eighth of the ring takes. */
const STRANGERS = 2 + (RING >> 15);

trick(
  {
    number: 28,
    title: 'a flood of connects and forks that overflows the ring',
    how: 'connects are refused while an eighth of the ring is free, so that an exec still fits; every loss is counted',
    events: ['process.exec', 'network.connect'],
    // Nobody reads it, as if the agent were kept from running.
    watch: { ringBytes: RING, start: false },
  },
  async (watch, context) => {
    const flood = new Trigger('flood', ['connects', `${CONNECTS}`, triggerPath('process-exec')]);
    let hidden: ExecTruth;
    try {
      [, , hidden] = (await flood.end()) as [unknown, unknown, ExecTruth];
      if (watch.counts(EventType.PROCESS_EXEC).attempted > STRANGERS)
        skip(context, 'others start so much here that they fill the ring');
      const { attempted, submitted, reserved, ringFull } = watch.counts(EventType.NETWORK_CONNECT);
      assert.ok(attempted >= CONNECTS && reserved > 0, 'the ring never got full');
      assert.ok(submitted > 0 && ringFull === 0);
      assert.equal(watch.counts(EventType.PROCESS_EXEC).ringFull, 0);

      const bomb = new Trigger('who', [], { stdin: 'pipe' });
      await bomb.next<Truth>();
      await bomb.do(`storm ${CHILDREN}`);
      await bomb.end();
      const exits = watch.counts(EventType.PROCESS_EXIT);
      assert.ok(exits.ringFull > 0 && exits.attempted >= CHILDREN, 'nothing was lost');
    } finally {
      watch.start();
    }
    const execs = () =>
      watch.all('agentsmith.process.exec', ({ attributes }) => attributes['process.pid'] === flood.pid);
    await watch.until('the exec behind the flood', () => execs().length === 2);
    expectExec(watch, hidden);
    // The books, with every loss, are compared when the watch is closed.
  },
);
