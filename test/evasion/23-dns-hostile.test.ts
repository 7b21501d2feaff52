// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { DNS_MALFORMED } from '../../src/semconv.ts';
import { ANSWER, type Exchange, expectExchange, QUERY, recordsOf } from '../support/dns.ts';
import { trick } from '../support/trick.ts';

/** As many labels of 63 bytes as a name of 255 has room for. */
const CUT = ['a', 'b', 'c'].map((letter) => letter.repeat(63)).join('.');

/** The name that records have, in the order of test/evasion/triggers/dns-hostile.c; [name, whether it is malformed]. */
const NAMES: readonly (readonly [string | undefined, boolean])[] = [
  [undefined, true],
  ['a', true],
  [undefined, true],
  [CUT, true],
  ['a\\000b\\.\\n\\030\\255.com', false],
  [undefined, true],
  [undefined, true],
  ['www.example.com', true],
  [undefined, true],
];

trick(
  {
    number: 23,
    title: 'DNS names that loop, are too long, hold NUL, or reach beyond the message',
    how: 'parsed in user space in bounded steps; of a malformed message the record has what could be read',
    events: ['dns.query', 'dns.answer'],
  },
  async (watch) => {
    const made = await watch.lines<Exchange>('dns-hostile');
    const honest = made.pop()!;
    assert.equal(made.length, NAMES.length);
    for (const [i, exchange] of made.entries()) {
      for (const event of [QUERY, ANSWER]) {
        const [record, ...others] = recordsOf(watch, event, exchange);
        assert.ok(record && others.length === 0, `message ${i}: ${others.length + 1} of ${event}`);
        const { attributes } = record;
        assert.deepEqual(
          [attributes['dns.question.name'], attributes[DNS_MALFORMED] === true],
          NAMES[i],
          `message ${i}`,
        );
        assert.equal(attributes['agentsmith.dns.message.size'], exchange.querySize);
      }
    }
    expectExchange(watch, honest);
  },
);
