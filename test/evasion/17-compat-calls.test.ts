// SPDX-License-Identifier: Apache-2.0
import { attempts, connectOf, expectConnect } from '../support/connect.ts';
import { execBy, expectExec } from '../support/exec.ts';
import { trick } from '../support/trick.ts';

trick(
  {
    number: 17,
    title: '32-bit system calls of a 64-bit program (int 0x80)',
    how: 'exec and connect are seen behind the system call, whatever its number was',
    events: ['process.exec', 'network.connect'],
  },
  async (watch, context) => {
    expectExec(watch, await execBy(context, watch, [], { way: 'int80', args: ['program', 'x'] }));
    for (const way of ['int80', 'socketcall']) {
      const [attempt] = await attempts(context, watch, 'connect-ways', way);
      expectConnect(watch, await connectOf(watch, attempt!), attempt!);
    }
  },
);
