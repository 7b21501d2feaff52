// SPDX-License-Identifier: Apache-2.0
import { kernelBpfLoad as b, EventType } from '../decode/layout.gen.ts';
import type { RawEvent } from '../decode/record.ts';
import * as at from '../semconv.ts';
import { type Column, errno, int, oneOf, summaryOf, when } from './column.ts';
import { chars } from './column-text.ts';
import { type EventDefinition, Severity } from './event.ts';

/** enum bpf_prog_type without BPF_PROG_TYPE_, by number. */
const TYPES = [
  'unspec',
  'socket_filter',
  'kprobe',
  'sched_cls',
  'sched_act',
  'tracepoint',
  'xdp',
  'perf_event',
  'cgroup_skb',
  'cgroup_sock',
  'lwt_in',
  'lwt_out',
  'lwt_xmit',
  'sock_ops',
  'sk_skb',
  'cgroup_device',
  'sk_msg',
  'raw_tracepoint',
  'cgroup_sock_addr',
  'lwt_seg6local',
  'lirc_mode2',
  'sk_reuseport',
  'flow_dissector',
  'cgroup_sysctl',
  'raw_tracepoint_writable',
  'cgroup_sockopt',
  'tracing',
  'struct_ops',
  'ext',
  'lsm',
  'sk_lookup',
  'syscall',
  'netfilter',
];

const known = (event: RawEvent) => event.u32(b.id) !== 0;
const named = (event: RawEvent) => event.bytes[event.at + b.name.offset] !== 0;

const type: Column = {
  ...when(known, oneOf(b.type, TYPES)),
  // Of one that was refused the errno is all there is to say.
  text: (event, process, out) => {
    const told = known(event) && summaryOf(oneOf(b.type, TYPES))(event, process, out);
    if (!told && event.i32(b.result) === 0) out.text('a program');
    return true;
  },
};

export const kernelBpfLoad: EventDefinition = {
  name: 'agentsmith.kernel.bpf.load',
  type: EventType.KERNEL_BPF_LOAD,
  severity: Severity.WARN,
  about:
    'A BPF program was loaded by another process than the agent, or refused; of a refused one only the errno is known.',
  attributes: {
    [at.BPF_PROGRAM_NAME]: when(named, chars(b.name)),
    [at.BPF_PROGRAM_TYPE]: type,
    [at.BPF_PROGRAM_ID]: when(known, int(b.id)),
    [at.ATTR_ERROR_TYPE]: errno(b.result),
  },
  summary: [at.BPF_PROGRAM_TYPE, [' ', at.BPF_PROGRAM_NAME], at.ATTR_ERROR_TYPE],
  programs: {
    A: ['kernel_bpf_loaded', 'kernel_bpf_native', 'kernel_bpf_compat'],
    B: ['syscall_exit', 'kernel_bpf_exit'],
    // A kernel without 32-bit system calls lacks nothing.
    optional: ['kernel_bpf_compat'],
  },
};
