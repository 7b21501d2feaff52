// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { attempts, connectsOf, expectConnect } from '../support/connect.ts';
import { exchanges, expectExchange } from '../support/dns.ts';
import { trick } from '../support/trick.ts';

trick(
  {
    number: 20,
    title: 'UDP without connect (sendto, sendmmsg)',
    how: 'the first datagram of a process to an address is told as its connect; of resolvers every packet is looked at',
    events: ['dns.query', 'network.connect'],
  },
  async (watch, context) => {
    for (const way of ['sendto', 'sendmmsg'])
      for (const exchange of await exchanges(context, watch, way)) expectExchange(watch, exchange);

    for (const way of ['sendto', 'sendmmsg']) {
      const [attempt] = await attempts(context, watch, 'datagram', way);
      const records = connectsOf(watch, attempt!);
      assert.equal(records.length, 1);
      expectConnect(watch, records[0]!, attempt!, { transport: 'udp', unconnected: true });
    }
  },
);
