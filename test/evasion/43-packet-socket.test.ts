// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { type Exchange, QUERY, recordsOf } from '../support/dns.ts';
import { trick } from '../support/trick.ts';

const REASON =
  'frames of packet sockets belong to no socket of the network: neither DNS nor connect sees them';

trick(
  {
    number: 43,
    title: 'a packet made by hand (AF_PACKET), as by a network stack of one’s own',
    how: 'only that such a program was started',
    events: ['dns.query', 'network.connect'],
    escapes: { A: REASON, B: REASON },
  },
  () => {},
  async (watch) => {
    const [exchange] = (await watch.lines('packet-dns')) as [Exchange];
    assert.ok(exchange.querySize > 0, 'the question did not arrive');
    assert.equal(recordsOf(watch, QUERY, exchange).length, 1);
  },
);
