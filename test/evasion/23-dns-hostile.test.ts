// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { ANSWER, exchanges, expectExchange, QUERY, recordsOf } from '../support/dns.ts';
import { trick } from '../support/trick.ts';

/** What a record says of the name, in the order of test/evasion/triggers/dns-hostile.c. */
const NAMES = [undefined];

trick(
  {
    number: 23,
    title: 'DNS names that loop, are too long, hold NUL, or reach beyond the message',
    how: 'parsed in user space with bounded steps; a message that cannot be read is a record without a name',
    events: ['dns.query', 'dns.answer'],
  },
  async (watch, context) => {
    const made = await exchanges(context, watch, 'dns-hostile');
    const honest = made.pop()!;
    for (const exchange of made) {
      for (const event of [QUERY, ANSWER]) {
        const [r] = recordsOf(watch, event, exchange);
        console.log(
          exchange.id,
          event,
          r?.attributes['dns.question.name'],
          r?.attributes['agentsmith.dns.message.size'],
          r?.body,
          r?.severityNumber,
        );
      }
    }
    assert.equal(made.length, NAMES.length);
    expectExchange(watch, honest);
  },
);
