// SPDX-License-Identifier: Apache-2.0
import { fileChange as c, EventType, FileFlag } from '../decode/layout.gen.ts';
import * as at from '../semconv.ts';
import { type Column, constant, decimal, flag, isGiven, octal, when } from './column.ts';
import { joinedPath, text } from './column-text.ts';
import { type EventDefinition, Severity } from './event.ts';

/** Something is known of the file behind the name: st_mode is never 0. */
const known = isGiven(c.mode);

const path: Record<string, Column> = { [at.ATTR_FILE_PATH]: joinedPath(c.path, c.name) };
const oldPath: Record<string, Column> = { [at.FILE_OLD_PATH]: joinedPath(c.oldPath, c.oldName) };
const target: Record<string, Column> = { [at.ATTR_FILE_SYMBOLIC_LINK_TARGET_PATH]: text(c.target) };
const rest: Record<string, Column> = {
  [at.ATTR_FILE_INODE]: when(known, decimal(c.inode)),
  [at.ATTR_FILE_MODE]: when(known, octal(c.mode, 0o7777, 4)),
  [at.ATTR_FILE_OWNER_ID]: when(known, decimal(c.owner)),
  [at.FILE_UNRESOLVED]: when(flag(c.flags, FileFlag.UNRESOLVED), constant(true)),
};

/** On tier B all names are seen by one program; see the heads of the files in ebpf/programs. */
const B = ['syscall_exit', 'file_path_exit'];
const URING = [
  ['file_uring_submit', 'file_uring_submit_sqe'],
  ['file_uring_complete', 'file_uring_complete_res'],
] as const;
const MKNOD = ['file_mknod_begin', 'file_mknod'];
const LINK = ['file_link_begin', 'file_link'];

/** `A`: what sees the event where BPF trampolines load; `more`: on tier B, beside what sees all names. */
const programs = (A: readonly string[], more: readonly string[] = []) => ({
  A,
  B: [...B, ...more, ...URING.flat()],
  variants: URING,
});

const common = { severity: Severity.INFO, highVolume: true } as const;

/** The events of names in file systems, in the order of the docs. */
export const fileEvents: readonly EventDefinition[] = [
  {
    ...common,
    name: 'agentsmith.file.create',
    type: EventType.FILE_CREATE,
    dataType: 602,
    about:
      'A file was made that had not been there: by an open, by io_uring, by mknod (regular files), by binding a unix socket, or by giving an O_TMPFILE file its first name. Attempts that failed are not reported.',
    attributes: { ...path, ...rest },
    summary: [at.ATTR_FILE_PATH],
    programs: programs(['file_open', ...MKNOD, 'file_mknod_regular', ...LINK], ['file_open_exit']),
  },
  {
    ...common,
    name: 'agentsmith.file.link',
    type: EventType.FILE_LINK,
    about: 'A file got one more name.',
    attributes: { ...path, ...oldPath, ...rest },
    summary: [at.FILE_OLD_PATH, ' → ', at.ATTR_FILE_PATH],
    programs: programs(LINK),
  },
  {
    ...common,
    name: 'agentsmith.file.rename',
    type: EventType.FILE_RENAME,
    about: 'A file or directory got another name; of an exchange, the two names that changed places.',
    attributes: { ...path, ...oldPath, ...rest },
    summary: [at.FILE_OLD_PATH, ' → ', at.ATTR_FILE_PATH],
    programs: programs(['file_rename_begin', 'file_rename']),
  },
  {
    ...common,
    name: 'agentsmith.file.symlink',
    type: EventType.FILE_SYMLINK,
    about: 'A symbolic link was made.',
    attributes: { ...path, ...target, ...rest },
    summary: [at.ATTR_FILE_PATH, [' → ', at.ATTR_FILE_SYMBOLIC_LINK_TARGET_PATH]],
    programs: programs(['file_symlink_begin', 'file_symlink']),
    offByDefault: true,
  },
  {
    ...common,
    name: 'agentsmith.file.delete',
    type: EventType.FILE_DELETE,
    about: 'A name was removed, of a file or of a directory.',
    attributes: { ...path, ...rest },
    summary: [at.ATTR_FILE_PATH],
    programs: programs(['file_unlink_begin', 'file_unlink', 'file_rmdir_begin', 'file_rmdir']),
    offByDefault: true,
  },
  {
    ...common,
    name: 'agentsmith.file.directory.create',
    type: EventType.FILE_DIRECTORY_CREATE,
    about: 'A directory was made.',
    attributes: { ...path, ...rest },
    summary: [at.ATTR_FILE_PATH],
    programs: programs(['file_mkdir_begin', 'file_mkdir']),
    offByDefault: true,
  },
  {
    ...common,
    name: 'agentsmith.file.node.create',
    type: EventType.FILE_NODE_CREATE,
    about: 'A device node or a named pipe was made.',
    attributes: { ...path, ...rest },
    summary: [at.ATTR_FILE_PATH],
    programs: programs(MKNOD),
    offByDefault: true,
  },
];
