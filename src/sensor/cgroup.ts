// SPDX-License-Identifier: Apache-2.0
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';

/** The system calls that Node lacks (addon/sys.cc). Each throws when the kernel refuses. */
export interface CgroupCalls {
  /** A descriptor of a detached cgroup2 mount, seen from the cgroup namespace of the calling thread. */
  openCgroup2(): number;
  /** Moves the calling thread into the cgroup namespace of the descriptor. */
  setCgroupNamespace(fd: number): void;
}

/** The files that are read; replaced in tests. */
export interface CgroupFiles {
  readMountinfo(): string;
  /** Throws when there is no such file, or it is not ours to open. */
  open(path: string): number;
  inode(fd: number): bigint;
  close(fd: number): void;
}

/** Where cgroup programs are attached, and what they see from there. */
export interface CgroupRoot {
  /** The caller closes it; -1 when there is none. */
  readonly fd: number;
  readonly scope: 'host' | 'container' | 'none';
  /** For people: how it was reached, or why there is none. */
  readonly how: string;
}

/** kernfs numbers inodes from 1, and the root of the hierarchy is made first; a cgroup namespace hides it. */
const ROOT_INODE = 1n;

/** A container host has hundreds of mounts of other kinds; more hierarchies than these are no help. */
const MOUNTS_MAX = 16;

const OWN_NAMESPACE = '/proc/thread-self/ns/cgroup';
const HOST_NAMESPACE = '/proc/1/ns/cgroup';

const files: CgroupFiles = {
  readMountinfo: () => readFileSync('/proc/self/mountinfo', 'utf8'),
  open: (path) => openSync(path, constants.O_RDONLY),
  inode: (fd) => fstatSync(fd, { bigint: true }).ino,
  close: closeSync,
};

const CONTROLLERS = '/proc/cgroups';

/**
 * Whether the memory controller has a hierarchy of its own (cgroup v1): its cgroups tell containers apart then, because
 * all processes are in the root of v2. False where the kernel says nothing of controllers: it has no v1.
 *
 * @param table of `/proc/cgroups`: name, hierarchy (0 = v2, or not mounted), cgroups, enabled
 */
export function isMemoryV1(table: string): boolean {
  return /^memory\t[1-9]/m.test(table);
}

/** {@link isMemoryV1} of this machine. */
export function readMemoryV1(): boolean {
  try {
    return isMemoryV1(readFileSync(CONTROLLERS, 'latin1'));
  } catch {
    return false; // A kernel without v1 has no such file.
  }
}

/**
 * Finds the root of the host's cgroup2 hierarchy: a program attached there sees the sockets of every cgroup. Tried in
 * turn: a mounted one, a detached mount (needs no mounted one; Linux 5.2, CAP_SYS_ADMIN), a detached mount made in the
 * cgroup namespace of the host's first process. When none is the host's, the container's own has to do.
 */
export function findCgroupRoot(
  calls: CgroupCalls,
  { readMountinfo, open, inode, close }: CgroupFiles = files,
): CgroupRoot {
  const reasons: string[] = [];
  let best: CgroupRoot | undefined;

  /** Whether the search is over; of the roots of containers the first is kept. */
  const offer = (how: string, openRoot: () => number): boolean => {
    let fd = -1;
    try {
      fd = openRoot();
      const isHost = inode(fd) === ROOT_INODE;
      if (!isHost && best !== undefined) close(fd);
      else {
        if (best !== undefined) close(best.fd);
        best = { fd, scope: isHost ? 'host' : 'container', how };
      }
      return isHost;
    } catch (error) {
      if (fd >= 0) close(fd);
      reasons.push(`${how}: ${(error as Error).message}`);
      return false;
    }
  };

  const mounts = attempt(() => cgroup2Mounts(readMountinfo())) ?? [];
  for (const path of mounts) if (offer(`mounted at ${path}`, () => open(path))) return best!;
  if (offer('detached mount', () => calls.openCgroup2())) return best!;
  offer("detached mount in the host's cgroup namespace", () =>
    inHostNamespace(calls, open, close, () => calls.openCgroup2()),
  );
  return best ?? { fd: -1, scope: 'none', how: reasons.join('; ') };
}

/** Runs `work` with the calling thread in the cgroup namespace of process 1, and comes back. */
function inHostNamespace<T>(
  calls: CgroupCalls,
  open: (path: string) => number,
  close: (fd: number) => void,
  work: () => T,
): T {
  const own = open(OWN_NAMESPACE);
  try {
    const host = open(HOST_NAMESPACE);
    try {
      calls.setCgroupNamespace(host);
    } finally {
      close(host);
    }
    try {
      return work();
    } finally {
      // Had the kernel refused, the thread would stay in the host's namespace, where nothing of ours looks different.
      attempt(() => calls.setCgroupNamespace(own));
    }
  } finally {
    close(own);
  }
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

/** Mount points of cgroup2 in the text of /proc/PID/mountinfo (proc_pid_mountinfo(5)), escapes resolved. */
export function cgroup2Mounts(mountinfo: string): readonly string[] {
  const paths: string[] = [];
  for (const line of mountinfo.split('\n')) {
    const [mount = '', superblock = ''] = line.split(' - ', 2);
    const path = mount.split(' ')[4];
    if (!superblock.startsWith('cgroup2 ') || path === undefined || paths.length >= MOUNTS_MAX) continue;
    paths.push(
      path.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))),
    );
  }
  return paths;
}
