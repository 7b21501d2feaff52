// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { type Attempt, connectOf, expectConnect } from '../support/connect.ts';
import { type ExecTruth, expectExec } from '../support/exec.ts';
import { trick } from '../support/trick.ts';
import { Trigger } from '../support/triggers.ts';

trick(
  {
    number: 36,
    title: 'a process that is gone before anybody could ask about it',
    how: 'all that a record says is taken in the kernel at the moment of the event; nothing is asked of /proc. Containers have no names yet, only their cgroup',
    events: ['process.exec', 'network.connect'],
    watch: { start: false },
  },
  async (watch) => {
    const exec = new Trigger('process-exec', ['here', 'and gone']);
    const [truth] = (await exec.end<ExecTruth>()) as [ExecTruth];
    const connect = new Trigger('network-connect', ['ok']);
    const [attempt] = (await connect.end<Attempt>()) as [Attempt];
    for (const { pid } of [exec, connect]) assert.ok(!existsSync(`/proc/${pid}`));
    watch.start();
    expectConnect(watch, await connectOf(watch, attempt), attempt);
    expectExec(watch, truth);
  },
);
