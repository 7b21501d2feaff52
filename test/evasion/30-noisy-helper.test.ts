// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { type Attempt, connectOf, connectsOf, expectConnect } from '../support/connect.ts';
import { type Exchange, expectExchange } from '../support/dns.ts';
import { type ExecTruth, expectExec } from '../support/exec.ts';
import { trick } from '../support/trick.ts';
import { triggerPath } from '../support/triggers.ts';

/** Others take less for normal; emulated, fewer. */
const NOISE = process.env.AGENTSMITH_VM ? 1000 : 10_000;

trick(
  {
    number: 30,
    title: 'noise until the process is left out, then the attack from it',
    how: 'nobody is ever left out for being noisy; a limit (--rate-limit) is for frequent events alone, counted and told',
    events: ['process.exec', 'network.connect', 'dns.query'],
  },
  async (watch) => {
    const [exchange, attempt, exec] = (await watch.lines('flood', [
      'connects',
      `${NOISE}`,
      triggerPath('process-exec'),
    ])) as [Exchange, Attempt, ExecTruth];
    expectExchange(watch, exchange);
    expectConnect(watch, await connectOf(watch, attempt), attempt);
    assert.equal(connectsOf(watch, attempt).length, 1);
    expectExec(watch, exec);
    const { pid, noise } = { pid: Number.parseInt(exec.proc.stat, 10), noise: 'agentsmith.network.connect' };
    // The question to the resolver is a datagram without a connect.
    const told = watch.all(
      noise,
      ({ attributes: a }) =>
        a['process.pid'] === pid && a['agentsmith.network.connect.unconnected'] === undefined,
    );
    assert.equal(told.length, NOISE + 1);
  },
);
