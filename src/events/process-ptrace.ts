// SPDX-License-Identifier: Apache-2.0
import { EventType, Injection, PtraceFlag, processPtrace as p } from '../decode/layout.gen.ts';
import { key } from '../otlp-bytes.ts';
import * as at from '../semconv.ts';
import { type Column, errno, flag, hex, int, oneOf, when } from './column.ts';
import { path } from './column-text.ts';
import { type EventDefinition, Severity } from './event.ts';

/** As ptrace(2) and the other system calls are called; an open has no name of its own. */
const REQUESTS = {
  [Injection.TRACEME]: 'PTRACE_TRACEME',
  [Injection.POKETEXT]: 'PTRACE_POKETEXT',
  [Injection.POKEDATA]: 'PTRACE_POKEDATA',
  [Injection.POKEUSER]: 'PTRACE_POKEUSER',
  [Injection.SETREGS]: 'PTRACE_SETREGS',
  [Injection.SETFPREGS]: 'PTRACE_SETFPREGS',
  [Injection.ATTACH]: 'PTRACE_ATTACH',
  [Injection.SETREGSET]: 'PTRACE_SETREGSET',
  [Injection.SEIZE]: 'PTRACE_SEIZE',
  [Injection.VM_READV]: 'process_vm_readv',
  [Injection.VM_WRITEV]: 'process_vm_writev',
  [Injection.MEM_WRITE]: 'proc_mem_write',
  [Injection.GETFD]: 'pidfd_getfd',
};

const told = path(p.executable);

/** What the target runs: as the record tells it, or as its own exec or introduction did. */
const targetPath: Column = {
  type: 'string',
  read(event, process, notes) {
    const { target } = process;
    if (!target) return told.read(event, process, notes);
    if (target.escaped) notes.escaped.push(notes.name);
    return target.path;
  },
  writer(name) {
    const write = told.writer(name);
    const k = key(name);
    return (event, process, out, notes) => {
      const { target } = process;
      if (!target) return write(event, process, out, notes);
      if (target.escaped) notes.escaped.push(name);
      out.attribute(k, target.path);
    };
  },
};

export const processPtrace: EventDefinition = {
  name: 'agentsmith.process.ptrace',
  type: EventType.PROCESS_PTRACE,
  dataType: 101,
  severity: {
    values: [Severity.WARN, Severity.INFO],
    // A child that asks to be traced gives, it does not take.
    of: (event) => (event.u32(p.injection) === Injection.TRACEME ? Severity.INFO : Severity.WARN),
  },
  about:
    'A process attached to another one, wrote into it, read its memory or took a descriptor from it, or tried to; one that asks to be traced is INFO.',
  attributes: {
    [at.PTRACE_REQUEST]: oneOf(p.injection, REQUESTS),
    [at.PTRACE_REQUEST_CODE]: when((event) => event.u32(p.injection) <= Injection.SEIZE, int(p.request)),
    [at.PTRACE_ADDRESS]: when(flag(p.flags, PtraceFlag.ADDRESS_KNOWN), hex(p.address)),
    [at.PTRACE_DATA]: when(flag(p.flags, PtraceFlag.DATA_KNOWN), hex(p.data)),
    [at.PTRACE_TARGET_PID]: when(flag(p.flags, PtraceFlag.TARGET_KNOWN), int(p.target)),
    [at.PTRACE_TARGET_EXECUTABLE_PATH]: targetPath,
    [at.ATTR_ERROR_TYPE]: errno(p.result),
  },
  summary: [at.PTRACE_REQUEST, [' ', at.PTRACE_TARGET_PID], [' ', at.ATTR_ERROR_TYPE]],
  programs: {
    A: [
      'process_ptrace_native',
      'process_ptrace_compat',
      'process_readv_native',
      'process_readv_compat',
      'process_writev_native',
      'process_writev_compat',
      'process_getfd_native',
      'process_getfd_compat',
      'process_memory_open',
    ],
    B: ['syscall_exit', 'process_ptrace_exit', 'process_memory_exit'],
    // A kernel without 32-bit system calls lacks nothing.
    optional: [
      'process_ptrace_compat',
      'process_readv_compat',
      'process_writev_compat',
      'process_getfd_compat',
    ],
  },
};
