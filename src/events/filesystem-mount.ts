// SPDX-License-Identifier: Apache-2.0
import { EventType, MountFlag, MountOperation, filesystemMount as m } from '../decode/layout.gen.ts';
import type { RawEvent } from '../decode/record.ts';
import * as at from '../semconv.ts';
import { computed, constant, errno, flag, oneOf, when } from './column.ts';
import { joinedPath, text } from './column-text.ts';
import { type EventDefinition, Severity } from './event.ts';

/** By bit, without MS_: include/uapi/linux/mount.h. Those from 2^24 on are the kernel's own. */
const FLAGS: readonly (string | undefined)[] = [
  'ro',
  'nosuid',
  'nodev',
  'noexec',
  'sync',
  'remount',
  'mand',
  'dirsync',
  'nosymfollow',
  undefined,
  'noatime',
  'nodiratime',
  'bind',
  'move',
  'rec',
  'silent',
  'posixacl',
  'unbindable',
  'private',
  'slave',
  'shared',
  'relatime',
  undefined,
  'iversion',
  'strictatime',
  'lazytime',
];

function flags(event: RawEvent): string[] | undefined {
  const bits = event.u32(m.flags);
  const names = FLAGS.filter((name, bit): name is string => name !== undefined && ((bits >>> bit) & 1) === 1);
  return names.length > 0 ? names : undefined;
}

/** Of mount(2) on tier B all texts are in the caller's memory. */
const TEXTS = [
  [at.ATTR_FILE_PATH, m.name],
  [at.MOUNT_SOURCE, m.source],
  [at.MOUNT_TYPE, m.type],
] as const;

const unverified = (event: RawEvent) =>
  TEXTS.filter(([, field]) => event.textLength(field) > 0).map(([name]) => name);

export const filesystemMount: EventDefinition = {
  name: 'agentsmith.filesystem.mount',
  type: EventType.FILESYSTEM_MOUNT,
  severity: Severity.INFO,
  about:
    'Something was mounted, bound, moved or remounted, a mount was made without a place (fsmount, open_tree) or given one (move_mount), or became the root (pivot_root); attempts too.',
  attributes: {
    [at.MOUNT_OPERATION]: oneOf(m.operation, {
      [MountOperation.MOUNT]: 'mount',
      [MountOperation.BIND]: 'bind',
      [MountOperation.MOVE]: 'move',
      [MountOperation.REMOUNT]: 'remount',
      [MountOperation.PROPAGATION]: 'propagation',
      [MountOperation.MOVE_MOUNT]: 'move_mount',
      [MountOperation.FSMOUNT]: 'fsmount',
      [MountOperation.OPEN_TREE]: 'open_tree',
      [MountOperation.PIVOT_ROOT]: 'pivot_root',
    }),
    [at.ATTR_FILE_PATH]: joinedPath(m.path, m.name),
    [at.MOUNT_SOURCE]: text(m.source),
    [at.MOUNT_TYPE]: text(m.type),
    [at.MOUNT_FLAGS]: when(flag(m.facts, MountFlag.FLAGS_KNOWN), computed('string[]', flags)),
    [at.ATTR_ERROR_TYPE]: errno(m.result),
    [at.FILE_UNRESOLVED]: when(flag(m.facts, MountFlag.UNRESOLVED), constant(true)),
    [at.UNVERIFIED]: when(flag(m.facts, MountFlag.UNVERIFIED), computed('string[]', unverified)),
  },
  summary: [
    at.MOUNT_OPERATION,
    [' ', at.MOUNT_TYPE],
    [' ', at.MOUNT_SOURCE],
    [' → ', at.ATTR_FILE_PATH],
    [' ', at.ATTR_ERROR_TYPE],
  ],
  programs: {
    A: [
      'filesystem_mount',
      'filesystem_move_begin',
      'filesystem_move_native',
      'filesystem_move_compat',
      'filesystem_detached_native',
      'filesystem_detached_compat',
      'filesystem_clone_native',
      'filesystem_clone_compat',
      'filesystem_pivot_native',
      'filesystem_pivot_compat',
    ],
    B: ['syscall_exit', 'filesystem_mount_exit'],
    // A kernel without 32-bit system calls lacks nothing.
    optional: [
      'filesystem_move_compat',
      'filesystem_detached_compat',
      'filesystem_clone_compat',
      'filesystem_pivot_compat',
    ],
  },
};
