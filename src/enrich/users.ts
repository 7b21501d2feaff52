// SPDX-License-Identifier: Apache-2.0
import { type BigIntStats, closeSync, constants, fstatSync, openSync, readSync, statSync } from 'node:fs';

/** The host's file through its first process, as a container sees it (hostPID); then our own. */
const DEFAULT_PATHS: readonly string[] = ['/proc/1/root/etc/passwd', '/etc/passwd'];

/** Every event may ask: the file is looked at again at most this often. */
const RECHECK_MS = 1000;
/** A passwd file of a large host has some thousand lines of 60 bytes; these are 60 times as much. */
const BYTES_MAX = 4 * 1024 * 1024;
const ENTRIES_MAX = 65_536;
/** LOGIN_NAME_MAX of Linux. */
const NAME_MAX = 256;
/** (uid_t) -1 means "no user". */
const UID_MAX = 2 ** 32 - 2;

/** Where the names come from. */
export interface UsersOptions {
  /** passwd(5); the first that can be opened counts. */
  readonly paths?: readonly string[];
  /** Monotonic milliseconds. */
  readonly now?: () => number;
}

/**
 * Names of the host's users by uid, from its passwd file: read when first asked, and again when it is another file or
 * was changed. Users that only nsswitch knows (LDAP, SSSD, systemd-homed) have no name here: asking those sources
 * means running their libraries, and the network, inside a root agent.
 */
export class Users {
  readonly #paths: readonly string[];
  readonly #now: () => number;
  #names: ReadonlyMap<number, string> = new Map();
  #identity = '';
  #checkedAt = Number.NEGATIVE_INFINITY;

  constructor(options: UsersOptions = {}) {
    this.#paths = options.paths ?? DEFAULT_PATHS;
    this.#now = options.now ?? (() => performance.now());
  }

  /** The names that a recording carries; no file is read. */
  static from(record: Readonly<Record<string, string>>): Users {
    const users = new Users({ paths: [] });
    const entries = Object.entries(record).filter(([uid, name]) => isUid(uid) && isName(name));
    users.#names = new Map(entries.slice(0, ENTRIES_MAX).map(([uid, name]) => [Number(uid), name]));
    return users;
  }

  /** The user's name; `undefined` when the file has none, or there is no file. */
  name(uid: number): string | undefined {
    this.#refresh();
    return this.#names.get(uid);
  }

  /** All names by uid, for a recording. */
  all(): Record<string, string> {
    this.#refresh();
    return Object.fromEntries(this.#names);
  }

  #refresh(): void {
    const now = this.#now();
    if (now - this.#checkedAt < RECHECK_MS) return;
    this.#checkedAt = now;
    for (const path of this.#paths) {
      try {
        if (identity(statSync(path, { bigint: true })) !== this.#identity) this.#read(path);
        return;
      } catch {
        // Not there, or not ours to read: the next. With none left the last names stay: editors replace the file.
      }
    }
  }

  #read(path: string): void {
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stat = fstatSync(fd, { bigint: true });
      if (!stat.isFile()) throw new Error(`${path} is no regular file`);
      const bytes = Buffer.allocUnsafe(Math.min(Number(stat.size), BYTES_MAX));
      let length = 0;
      for (let n = -1; n !== 0 && length < bytes.length; length += n) {
        n = readSync(fd, bytes, length, bytes.length - length, length);
      }
      this.#names = parsePasswd(bytes.toString('utf8', 0, length));
      this.#identity = identity(stat);
    } finally {
      closeSync(fd);
    }
  }
}

function identity(stat: BigIntStats): string {
  return `${stat.dev}:${stat.ino}:${stat.mtimeNs}:${stat.size}`;
}

/**
 * Names by uid from the text of a passwd file. The first entry of a uid wins, as in libc; lines that libc would skip
 * (comments, NIS entries, no number for a uid) are skipped.
 */
export function parsePasswd(text: string): ReadonlyMap<number, string> {
  const names = new Map<number, string>();
  for (let start = 0; start < text.length && names.size < ENTRIES_MAX; ) {
    const newline = text.indexOf('\n', start);
    const end = newline < 0 ? text.length : newline;
    const [name = '', , uid = '', gid] = text.slice(start, end).split(':', 4);
    if (gid !== undefined && isName(name) && isUid(uid) && !names.has(Number(uid)))
      names.set(Number(uid), name);
    start = end + 1;
  }
  return names;
}

function isName(name: string): boolean {
  return name.length > 0 && name.length <= NAME_MAX && !/^[#+-]|\p{Cc}/u.test(name);
}

function isUid(text: string): boolean {
  return /^[0-9]{1,10}$/.test(text) && Number(text) <= UID_MAX;
}
