// SPDX-License-Identifier: Apache-2.0
import { type Exchange, expectExchange } from '../support/dns.ts';
import type { ExecTruth } from '../support/exec.ts';
import { trick } from '../support/trick.ts';
import { triggerPath } from '../support/triggers.ts';

/** In a fraction of a second; others give DNS up above a thousand. */
const DATAGRAMS = '20000';

trick(
  {
    number: 29,
    title: 'a flood of datagrams that makes a sensor give up DNS',
    how: 'the hook is never taken away: packets of other ports cost it a look at two ports',
    events: ['dns.query', 'dns.answer'],
  },
  async (watch) => {
    const lines = await watch.lines<Exchange & ExecTruth>('flood', [
      'datagrams',
      DATAGRAMS,
      triggerPath('process-exec'),
    ]);
    expectExchange(watch, lines[0]!);
  },
);
