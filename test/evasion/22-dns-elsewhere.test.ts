// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { type Exchange, exchanges, expectExchange, QUERY, recordsOf } from '../support/dns.ts';
import { trick } from '../support/trick.ts';
import { pidOf } from '../support/truth.ts';

/** Not among the ports of --dns-ports. */
const UNASKED = '7053';
const REASON =
  'on ports that are not in --dns-ports, and encrypted, the name is not seen: only the connection, or the first datagram, is';

trick(
  {
    number: 22,
    title: 'DNS over TCP, on other ports, encrypted (DoT, DoH)',
    how: 'over TCP and on every port of --dns-ports the question; elsewhere the connection',
    events: ['dns.query', 'dns.answer', 'network.connect'],
    escapes: { A: REASON, B: REASON },
  },
  async (watch, context) => {
    for (const [way, port] of [
      ['tcp', '53'],
      ['tcp-byte', '53'],
      ['tcp', '5353'],
      ['connected', '5353'],
    ] as const)
      for (const exchange of await exchanges(context, watch, way, '127.0.0.1', port))
        expectExchange(watch, exchange);
    for (const way of ['tcp', 'connected'] as const) {
      const [exchange] = (await exchanges(context, watch, way, '127.0.0.1', UNASKED)) as [Exchange];
      const { attributes } = watch.find(
        'agentsmith.network.connect',
        ({ attributes: a }) => a['process.pid'] === pidOf(exchange.proc),
      );
      assert.equal(attributes['network.peer.port'], Number(UNASKED));
      assert.equal(attributes['network.transport'], exchange.transport);
    }
  },
  async (watch, context) => {
    for (const way of ['tcp', 'sendto']) {
      const [exchange] = await exchanges(context, watch, way, '127.0.0.1', UNASKED);
      assert.equal(recordsOf(watch, QUERY, exchange!).length, 1);
    }
  },
);
