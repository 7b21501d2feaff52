// SPDX-License-Identifier: Apache-2.0
import { closeSync, constants, fchmodSync, fstatSync, openSync } from 'node:fs';
import { type FileHandle, lstat, open, rename } from 'node:fs/promises';

/** A file that cannot be written as asked, in one line. `code`: errno's name. */
export class OutputFileError extends Error {
  override readonly name = 'OutputFileError';
  readonly code: string;

  constructor(path: string, code: string, why: string) {
    super(`${path}: ${why}`);
    this.code = code;
  }
}

export interface FileOptions {
  readonly path: string;
  /** A file ends before the line that would make it larger, in bytes. */
  readonly maxBytes: number;
  /** Full files that are kept beside the open one: `PATH.1` is the newest. */
  readonly keep: number;
}

const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = constants;
/** O_NONBLOCK: a pipe without a reader must not stop us before it is seen to be no file; files do not know it. */
const FLAGS = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
/** Records hold arguments and paths of everybody's programs. */
const MODE = 0o600;

/** Lack of room passes; everything else at start is a mistake in the settings. */
const PASSING: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT']);

const WORDS: Readonly<Record<string, string>> = {
  ELOOP: 'is a symbolic link, which is not followed',
  ENOSPC: 'no space left on the device',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'the file may not grow further',
  EACCES: 'permission denied',
  EROFS: 'the file system is read-only',
  ENOENT: 'its folder does not exist',
  EISDIR: 'is a folder',
  ENXIO: 'is no regular file',
  EIO: 'the device fails',
};

/** Makes any failure one that a user understands. */
export function outputError(path: string, error: unknown): OutputFileError {
  if (error instanceof OutputFileError) return error;
  const { code = 'EIO', message } = error as NodeJS.ErrnoException;
  return new OutputFileError(path, code, `${WORDS[code] ?? message} (${code})`);
}

/** Only our own, plain file is written to: in a folder that others can write, it could be anything. */
function check(path: string, { isFile, uid, links }: { isFile: boolean; uid: number; links: number }): void {
  const no = (why: string) => new OutputFileError(path, 'EPERM', why);
  if (!isFile) throw no('is no regular file');
  if (uid !== process.geteuid!()) throw no(`belongs to user ${uid}, and records hold what only we may read`);
  if (links > 1) throw no('has another name as well (a hard link)');
}

/**
 * Tries at start whether the file can be opened, and makes it.
 * @throws OutputFileError for anything but a full disk
 */
export function tryOutput(path: string): void {
  let fd = -1;
  try {
    fd = openSync(path, FLAGS, MODE);
    const stat = fstatSync(fd);
    check(path, { isFile: stat.isFile(), uid: stat.uid, links: stat.nlink });
    fchmodSync(fd, MODE);
  } catch (error) {
    const failure = outputError(path, error);
    if (!PASSING.has(failure.code)) throw failure;
  } finally {
    if (fd >= 0) closeSync(fd);
  }
}

/**
 * A file of lines that is turned over when it is full: `PATH` becomes `PATH.1`, that `PATH.2`, and the oldest goes. One
 * call at a time. What somebody else moved away (logrotate) is made anew.
 */
export class RotatingFile {
  readonly #options: FileOptions;
  #file: FileHandle | undefined;
  #inode = 0;
  #size = 0;

  constructor(options: FileOptions) {
    this.#options = options;
  }

  /**
   * Appends a line as a whole or not at all: what a full disk took of it is cut off again.
   * @throws OutputFileError; the next call tries anew
   */
  async append(line: Buffer): Promise<void> {
    const { path, maxBytes } = this.#options;
    try {
      if (this.#file && (await this.#isMoved())) await this.close();
      const file = this.#file ?? (await this.#open());
      if (this.#size > 0 && this.#size + line.length > maxBytes) {
        await this.#turn();
        await this.#write(await this.#open(), line);
      } else await this.#write(file, line);
    } catch (error) {
      // Opened anew, so that a device that comes back is found.
      await this.close();
      throw outputError(path, error);
    }
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close().catch(() => {});
  }

  async #open(): Promise<FileHandle> {
    const { path } = this.#options;
    const file = await open(path, FLAGS, MODE);
    this.#file = file;
    const stat = await file.stat();
    check(path, { isFile: stat.isFile(), uid: stat.uid, links: stat.nlink });
    await file.chmod(MODE);
    this.#inode = stat.ino;
    this.#size = stat.size;
    return file;
  }

  async #isMoved(): Promise<boolean> {
    const now = await lstat(this.#options.path).catch(() => undefined);
    return now?.ino !== this.#inode;
  }

  async #write(file: FileHandle, line: Buffer): Promise<void> {
    let at = 0;
    try {
      while (at < line.length) at += (await file.write(line, at)).bytesWritten;
    } catch (error) {
      // Torn lines would be a reader's trouble; who else appends here keeps what is theirs.
      const { size } = await file.stat();
      if (at > 0 && size === this.#size + at) await file.truncate(this.#size);
      throw error;
    }
    this.#size += line.length;
  }

  async #turn(): Promise<void> {
    const { path, keep } = this.#options;
    await this.close();
    for (let i = keep; i > 1; i--) await moved(`${path}.${i - 1}`, `${path}.${i}`);
    await rename(path, `${path}.1`);
  }
}

async function moved(from: string, to: string): Promise<void> {
  await rename(from, to).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
}
