// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { attempts, connectsOf } from '../support/connect.ts';
import { exchanges, expectExchange } from '../support/dns.ts';
import { trick } from '../support/trick.ts';

const REASON = 'datagrams sent without connect make no event; questions to resolvers among them do';

trick(
  {
    number: 20,
    title: 'UDP without connect (sendto, sendmmsg)',
    how: 'of resolvers every packet is looked at, connected or not',
    events: ['dns.query', 'network.connect'],
    escapes: { A: REASON, B: REASON },
  },
  async (watch, context) => {
    for (const way of ['sendto', 'sendmmsg'])
      for (const exchange of await exchanges(context, watch, way)) expectExchange(watch, exchange);
  },
  async (watch, context) => {
    for (const way of ['sendto', 'sendmmsg']) {
      const [attempt] = await attempts(context, watch, 'datagram', way);
      assert.equal(connectsOf(watch, attempt!).length, 1);
    }
  },
);
