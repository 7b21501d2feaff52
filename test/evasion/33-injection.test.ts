// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { deeds, expectDeed } from '../support/ptrace.ts';
import { trick } from '../support/trick.ts';

/** Ways of test/kernel/triggers/process-ptrace.c, and what of them nobody may miss. */
const WAYS = {
  memory: ['process_vm_readv', 'process_vm_writev'],
  getfd: ['pidfd_getfd'],
  requests: ['PTRACE_ATTACH', 'PTRACE_POKETEXT', 'PTRACE_SETREGS', 'PTRACE_SETREGSET', 'PTRACE_SEIZE'],
};

trick(
  {
    number: 33,
    title: 'injection otherwise than by PTRACE_POKE*: process_vm_writev, pidfd_getfd, SEIZE, SETREGS',
    how: 'every request that attaches or writes, and every system call that reaches into another process',
    events: ['process.ptrace'],
  },
  async (watch, context, tier) => {
    for (const [way, wanted] of Object.entries(WAYS)) {
      const made = await deeds(context, watch, way);
      for (const [deed, record] of made) expectDeed(watch, record, deed, tier);
      const done = new Set(made.filter(([{ result }]) => result === 0).map(([{ request }]) => request));
      for (const request of wanted) assert.ok(done.has(request), `${request} did not work`);
    }
  },
);
