// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { attempts, connectOf, expectConnect } from '../support/connect.ts';
import { trick } from '../support/trick.ts';

/** Connections that went elsewhere than the memory said: so often the race is won. */
const WON = 10;

trick(
  {
    number: 1,
    title: 'another thread rewrites the address while connect(2) takes it',
    how: 'the address is read from the copy that the kernel made, and that it uses',
    events: ['network.connect'],
  },
  async (watch, context) => {
    const made = await attempts(context, watch, 'rewrite-address', `${WON}`);
    assert.equal(made.length, WON, 'the race was lost');
    for (const attempt of made) expectConnect(watch, await connectOf(watch, attempt), attempt);
  },
);
