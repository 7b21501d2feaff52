// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { type Attempt, connectOf, expectConnect } from '../support/connect.ts';
import { skip } from '../support/skip.ts';
import { trick } from '../support/trick.ts';
import { Trigger } from '../support/triggers.ts';

trick(
  {
    number: 4,
    title: 'a connect whose end never comes: its packets vanish, its program is killed',
    how: 'a pending attempt is told while it is pending, and its end when the socket goes',
    events: ['network.connect'],
  },
  async (watch, context) => {
    const trigger = new Trigger('network-connect', ['pending'], { stdin: 'pipe' });
    try {
      const filler = await trigger.next<Attempt>();
      if (filler.skip !== undefined) skip(context, filler.skip);
      const attempt = await trigger.next<Attempt>();
      expectConnect(watch, await connectOf(watch, attempt), attempt, { outcome: 'pending' });
      process.kill(trigger.pid, 'SIGKILL');
      const end = await connectOf(watch, attempt, 2);
      const ended = { ...attempt, after: `${BigInt(attempt.proc.boot) + 60_000_000_000n}` };
      expectConnect(watch, end, ended, { outcome: 'failed' });
      assert.equal(end.attributes['network.peer.port'], attempt.peer.port);
    } finally {
      trigger.kill();
    }
  },
);
