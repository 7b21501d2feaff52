// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { attempts, connectOf, expectConnect } from '../support/connect.ts';
import { trick } from '../support/trick.ts';

trick(
  {
    number: 19,
    title: 'TCP fast open: sendto connects, connect(2) is never called',
    how: 'the state of the socket is watched, not the call that changes it',
    events: ['network.connect'],
  },
  async (watch, context) => {
    const made = await attempts(context, watch, 'connect-ways', 'fast-open');
    assert.equal(made.length, 2);
    for (const attempt of made) expectConnect(watch, await connectOf(watch, attempt), attempt, { fd: false });
  },
);
