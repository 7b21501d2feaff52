// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { exchanges, expectExchange } from '../support/dns.ts';
import { trick } from '../support/trick.ts';

trick(
  {
    number: 21,
    title: 'DNS answers taken by recvmmsg, by io_uring, or never',
    how: 'packets are seen where they reach the socket, whatever reads them',
    events: ['dns.query', 'dns.answer'],
  },
  async (watch, context) => {
    const made = await exchanges(context, watch, 'batch');
    assert.equal(made.length, 2);
    for (const way of ['io_uring', 'never-read']) made.push(...(await exchanges(context, watch, way)));
    for (const exchange of made) expectExchange(watch, exchange);
  },
);
