// SPDX-License-Identifier: Apache-2.0
import { attempts, connectOf, expectConnect } from '../support/connect.ts';
import { type ExecTruth, expectExec } from '../support/exec.ts';
import { trick } from '../support/trick.ts';
import { triggerPath } from '../support/triggers.ts';

trick(
  {
    number: 18,
    title: 'system calls by their x32 numbers',
    how: 'exec and connect are seen behind the system call, whatever its number was',
    events: ['process.exec', 'network.connect'],
  },
  async (watch, context) => {
    const [attempt] = await attempts(context, watch, 'x32', 'connect');
    expectConnect(watch, await connectOf(watch, attempt!), attempt!);
    expectExec(watch, await watch.run<ExecTruth>('x32', ['exec', triggerPath('process-exec')]));
  },
);
