// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { attempts, connectOf, expectConnect } from '../support/connect.ts';
import { trick } from '../support/trick.ts';
import type { Truth } from '../support/truth.ts';

const REASON = 'raw, vsock, netlink and UNIX sockets make no event; IPv6 and IPv4 written as IPv6 do';

trick(
  {
    number: 24,
    title: 'connect over IPv6, IPv4 written as IPv6, raw, vsock, netlink, UNIX',
    how: 'IPv6 has a hook of its own, and an IPv4 address is told as one however it was written',
    events: ['network.connect'],
    escapes: { A: REASON, B: REASON },
  },
  async (watch, context) => {
    for (const host of ['::1', '::ffff:127.0.0.1']) {
      const [attempt] = await attempts(context, watch, 'network-connect', 'ok', host);
      const mapped = host === '::1' ? {} : { mapped: true };
      expectConnect(watch, await connectOf(watch, attempt!), attempt!, mapped);
    }
  },
  async (watch) => {
    const made = await watch.lines<Truth & { kind: string; cookie: string }>('sockets');
    assert.ok(made.length >= 3);
    const seen = made.filter(({ cookie }) =>
      watch.records.some(({ attributes }) => attributes['agentsmith.network.connect.id'] === cookie),
    );
    assert.notDeepEqual(seen, []);
  },
);
