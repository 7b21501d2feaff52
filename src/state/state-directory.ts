// SPDX-License-Identifier: Apache-2.0
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  type Stats,
  writeSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';

/** A state directory that cannot be used, in one line. */
export class StateError extends Error {
  override readonly name = 'StateError';
  /** in_use: another agent works with it. unsafe: others could read or change what is kept there. */
  readonly kind: 'in_use' | 'unsafe' | 'failed';

  constructor(path: string, kind: StateError['kind'], why: string) {
    super(`state directory ${path}: ${why}`);
    this.kind = kind;
  }
}

/** Takes the lock of an open file for as long as the file is open; false = somebody else has it (flock(2)). */
export type LockFile = (fd: number) => boolean;

const {
  O_RDWR,
  O_CREAT,
  O_NOFOLLOW,
  O_CLOEXEC = 0o2000000,
} = constants as typeof constants & {
  O_CLOEXEC?: number;
};
const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;
const OTHERS = 0o077;
const OTHERS_WRITE = 0o022;
const STICKY = 0o1000;
const LOCK = 'lock';

/**
 * The directory that belongs to one agent at a time and survives it. Everything in it is only ours: records hold
 * arguments and paths of everybody's programs, and what is read back is sent under this host's name.
 */
export class StateDirectory {
  readonly path: string;
  readonly #lock: number;

  /** Makes the directory when it is not there. @throws StateError */
  constructor(path: string, lock: LockFile) {
    this.path = resolve(path);
    try {
      makeOwn(this.path);
      this.#lock = this.#take(lock);
    } catch (error) {
      throw asStateError(this.path, error);
    }
  }

  /** A directory within it, made when it is not there. @throws StateError */
  directory(name: string): string {
    const path = join(this.path, name);
    try {
      makeOwn(path);
    } catch (error) {
      throw asStateError(path, error);
    }
    return path;
  }

  file(name: string): string {
    return join(this.path, name);
  }

  /** Another agent may have it now. */
  close(): void {
    closeSync(this.#lock);
  }

  /** The kernel lets go of the lock when the process ends, however it ends. */
  #take(lock: LockFile): number {
    const fd = openSync(this.file(LOCK), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
    let isOurs = false;
    try {
      checkOwner(this.file(LOCK), fstatSync(fd));
      isOurs = lock(fd);
      if (!isOurs) throw new StateError(this.path, 'in_use', `another agent uses it (${holder(fd)})`);
      ftruncateSync(fd);
      writeSync(fd, `${process.pid}\n`, 0);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    return fd;
  }
}

function holder(fd: number): string {
  const pid = readFileSync(fd, 'utf8').trim();
  return /^\d+$/.test(pid) ? `process ${pid}` : 'its process is not known';
}

/** Makes the directory, or checks the one that is there. @throws StateError, the error of mkdir(2) */
function makeOwn(path: string): void {
  const parent = dirname(path);
  const real = realpathSync(parent);
  if (real !== parent)
    throw new StateError(path, 'unsafe', `${parent} is a symbolic link or lies behind one; write ${real}`);
  // Who may rename a parent may put another directory in our place.
  for (let above = parent; ; above = dirname(above)) {
    const { mode, uid } = lstatSync(above);
    const isOpen = (mode & OTHERS_WRITE) !== 0 && (mode & STICKY) === 0;
    if (isOpen || (uid !== 0 && uid !== process.geteuid!()))
      throw new StateError(path, 'unsafe', `${above} can be changed by others`);
    if (above === dirname(above)) break;
  }
  try {
    mkdirSync(path, { mode: DIRECTORY_MODE });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const stat = lstatSync(path);
  if (stat.isSymbolicLink())
    throw new StateError(path, 'unsafe', 'is a symbolic link, which is not followed');
  if (!stat.isDirectory()) throw new StateError(path, 'unsafe', 'is no directory');
  checkOwner(path, stat);
  if ((stat.mode & OTHERS) !== 0) {
    const mode = (stat.mode & 0o7777).toString(8);
    throw new StateError(path, 'unsafe', `others may enter it (mode ${mode}); chmod 700 it`);
  }
}

function checkOwner(path: string, { uid }: Stats): void {
  if (uid !== process.geteuid!())
    throw new StateError(path, 'unsafe', `belongs to user ${uid}, not to user ${process.geteuid!()}`);
}

const WORDS: Readonly<Record<string, string>> = {
  ENOENT: 'the folder that it lies in does not exist',
  ENOTDIR: 'a part of the path is no directory',
  EACCES: 'permission denied',
  ELOOP: 'its lock file is a symbolic link, which is not followed',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space left on the device',
};

function asStateError(path: string, error: unknown): StateError {
  if (error instanceof StateError) return error;
  const { code = '', message } = error as NodeJS.ErrnoException;
  return new StateError(path, 'failed', code in WORDS ? `${WORDS[code]} (${code})` : message);
}
