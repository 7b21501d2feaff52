// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { attempts, connectOf, expectConnect } from '../support/connect.ts';
import { type ExecTruth, expectExec } from '../support/exec.ts';
import { inFolder } from '../support/folder.ts';
import { trick } from '../support/trick.ts';
import { triggerPath } from '../support/triggers.ts';
import { parentPid, pidOf, type Truth } from '../support/truth.ts';

trick(
  {
    number: 3,
    title: 'a tracer rewrites what a system call points to, and puts it back',
    how: 'of connect, open and exec nothing is read from the caller; the tracer is told as well',
    events: ['network.connect', 'process.exec', 'file.create', 'process.ptrace'],
  },
  async (watch, context) => {
    const [attempt] = await attempts(context, watch, 'rewrite-call', 'connect');
    assert.equal(attempt!.peer.address, '127.0.0.2', 'the tracer did not come between');
    expectConnect(watch, await connectOf(watch, attempt!), attempt!);

    const program = triggerPath('process-exec');
    const truth = await watch.run<ExecTruth>('rewrite-call', ['exec', '/usr/sbin/sshd', program]);
    assert.equal(truth.proc.exe, program, 'the tracer did not come between');
    expectExec(watch, truth, { behind: [`${parentPid(truth.proc)}:rewrite-call`] });

    await inFolder(async (folder) => {
      const [shown, real] = [`${folder}/shown`, `${folder}/real`];
      const { proc, path } = await watch.run<Truth & { path: string }>('rewrite-call', ['open', shown, real]);
      assert.equal(path, real, 'the tracer did not come between');
      const pid = pidOf(proc);
      const made = watch.find('agentsmith.file.create', ({ attributes: a }) => a['process.pid'] === pid);
      assert.equal(made.attributes['file.path'], real);
      // The tracer itself is told as well: it wrote into its child.
      const tracer = parentPid(proc);
      const poked = watch.all(
        'agentsmith.process.ptrace',
        ({ attributes: a }) => a['process.pid'] === tracer,
      );
      assert.equal(poked[0]?.attributes['agentsmith.ptrace.target.pid'], pid);
    });
  },
);
