// SPDX-License-Identifier: Apache-2.0
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';

/** What the kernel's programs know a file by: the device of its super block, major << 20 | minor, and its inode. */
export interface FileKey {
  readonly device: number;
  readonly inode: bigint;
}

/** open(2): a descriptor that only names the file: nothing is read, and no device, FIFO or terminal is woken. */
const O_PATH = 0o10000000;

/** The kernel's encoding of a device as stat(2) gives it: major << 20 | minor. */
export function kernelDevice(dev: bigint): number {
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & ~0xfffn);
  const minor = (dev & 0xffn) | ((dev >> 12n) & ~0xffn);
  return Number(((major << 20n) | minor) & 0xffffffffn);
}

/**
 * The device of a mount's super block, major << 20 | minor; undefined when the table does not have it.
 *
 * @param mountinfo of `/proc/PID/mountinfo`: id, parent, major:minor, … (proc_pid_mountinfo(5))
 */
export function mountDevice(mountinfo: string, mount: string): number | undefined {
  const line = mountinfo.split('\n').find((each) => each.startsWith(`${mount} `));
  const [, major, minor] = / (\d+):(\d+) /.exec(line ?? '') ?? [];
  return minor === undefined ? undefined : ((Number(major) << 20) | Number(minor)) >>> 0;
}

/**
 * The file that a path leads to now. Its device is that of its mount: stat(2) tells another one on btrfs (of the
 * subvolume) and on overlayfs (of the layer that the file is in).
 *
 * @throws what open(2) says
 */
export function fileKey(path: string): FileKey {
  const fd = openSync(path, O_PATH);
  try {
    const { dev, ino } = fstatSync(fd, { bigint: true });
    const [, mount = ''] = /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1')) ?? [];
    const device = mountDevice(readFileSync('/proc/self/mountinfo', 'latin1'), mount);
    return { device: device ?? kernelDevice(dev), inode: ino };
  } finally {
    closeSync(fd);
  }
}
