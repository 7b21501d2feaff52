// SPDX-License-Identifier: Apache-2.0
import {
  EventType,
  NamespaceCall,
  NamespaceType,
  processNamespaceChange as n,
} from '../decode/layout.gen.ts';
import type { RawEvent } from '../decode/record.ts';
import * as at from '../semconv.ts';
import { type Column, computed, type decimal, errno, int, oneOf, when } from './column.ts';
import { type EventDefinition, Severity } from './event.ts';

/** Types of namespaces as ns(7) names their files. */
export const NAMESPACE_TYPES = ['mnt', 'net', 'uts', 'ipc', 'pid', 'cgroup', 'time', 'user'] as const;

/** The attribute with the inode of a namespace: `agentsmith.namespace.new.mnt.inode`. */
export const namespaceAttribute = (age: 'new' | 'old', type: string): string =>
  `agentsmith.namespace.${age}.${type}.inode`;

const BITS: Readonly<Record<(typeof NAMESPACE_TYPES)[number], number>> = {
  mnt: NamespaceType.MNT,
  net: NamespaceType.NET,
  uts: NamespaceType.UTS,
  ipc: NamespaceType.IPC,
  pid: NamespaceType.PID,
  cgroup: NamespaceType.CGROUP,
  time: NamespaceType.TIME,
  user: NamespaceType.USER,
};

const has = (event: RawEvent, type: (typeof NAMESPACE_TYPES)[number]) =>
  (event.u32(n.types) & BITS[type]) !== 0;
const worked = (event: RawEvent) => event.i32(n.result) === 0;

/** Which it was about; absent when it failed and nobody can say. */
function changed(event: RawEvent): string[] | undefined {
  const types = NAMESPACE_TYPES.filter((type) => has(event, type));
  return types.length > 0 ? types : undefined;
}

/** Namespaces that changed, each where it is known. */
const inodes: Record<string, Column> = Object.fromEntries(
  NAMESPACE_TYPES.flatMap((type) => [
    [
      namespaceAttribute('new', type),
      when((e) => worked(e) && has(e, type) && e.u32(n.now[type]) !== 0, number(n.now[type])),
    ],
    [
      namespaceAttribute('old', type),
      when((e) => worked(e) && has(e, type) && e.u32(n.before[type]) !== 0, number(n.before[type])),
    ],
  ]),
);

/** As a string, as every inode. */
function number(field: Parameters<typeof decimal>[0]): Column {
  return computed('string', (event) => `${event.u32(field)}`);
}

const isClone = (event: RawEvent) => event.u32(n.call) === NamespaceCall.CLONE;

export const processNamespaceChange: EventDefinition = {
  name: 'agentsmith.process.namespace.change',
  type: EventType.PROCESS_NAMESPACE_CHANGE,
  severity: {
    values: [Severity.INFO, Severity.WARN],
    of: (event) => (event.u32(n.call) === NamespaceCall.SETNS ? Severity.WARN : Severity.INFO),
  },
  about:
    'A process made namespaces of its own (unshare), has a child that was born into new ones (clone), or went into those of others (setns: WARN), or tried to.',
  attributes: {
    [at.NAMESPACE_CALL]: oneOf(n.call, {
      [NamespaceCall.UNSHARE]: 'unshare',
      [NamespaceCall.SETNS]: 'setns',
      [NamespaceCall.CLONE]: 'clone',
    }),
    [at.NAMESPACE_CHANGED]: computed('string[]', changed),
    ...inodes,
    [at.PROCESS_CHILD_PID]: when(isClone, int(n.child)),
    [at.PROCESS_CHILD_ID]: when(
      isClone,
      computed('string', (event) => `${event.u32(n.child)}-${event.u64(n.childStart).toString(16)}`),
    ),
    [at.ATTR_ERROR_TYPE]: errno(n.result),
  },
  summary: [
    at.NAMESPACE_CALL,
    [' ', at.NAMESPACE_CHANGED],
    [' → ', at.PROCESS_CHILD_PID],
    [' ', at.ATTR_ERROR_TYPE],
  ],
  programs: {
    always: ['process_namespace_fork'],
    A: [
      'process_unshare_native_begin',
      'process_unshare_native',
      'process_unshare_compat_begin',
      'process_unshare_compat',
      'process_setns_native_begin',
      'process_setns_native',
      'process_setns_compat_begin',
      'process_setns_compat',
    ],
    B: ['syscall_exit', 'process_namespace_exit'],
    // A kernel without 32-bit system calls lacks nothing.
    optional: [
      'process_unshare_compat_begin',
      'process_unshare_compat',
      'process_setns_compat_begin',
      'process_setns_compat',
    ],
  },
};
