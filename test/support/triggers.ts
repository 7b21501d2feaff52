// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, statSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { repository } from './repository.ts';

/** Where triggers and their headers lie; no name is in both. */
const FOLDERS = ['test/kernel/triggers', 'test/evasion/triggers', 'test/chaos/triggers'].map((path) =>
  join(repository, path),
);
const BUILT = join(repository, 'build/triggers');

/** Times are generous, and more so under QEMU's TCG: they only end a test that would hang. */
export function scaled(ms: number): number {
  return process.env.AGENTSMITH_VM ? ms * 10 : ms;
}

/** Path of a trigger program, compiled when its source or a header is newer. */
export function triggerPath(name: string): string {
  const path = join(BUILT, name);
  const source = FOLDERS.map((folder) => join(folder, `${name}.c`)).find((file) => existsSync(file));
  if (source === undefined) throw new Error(`there is no trigger ${name}`);
  const headers = FOLDERS.flatMap((folder) =>
    readdirSync(folder)
      .filter(isHeader)
      .map((file) => join(folder, file)),
  );
  const inputs = [source, ...headers];
  const builtAt = existsSync(path) ? statSync(path).mtimeMs : 0;
  if (inputs.every((input) => statSync(input).mtimeMs <= builtAt)) return path;
  mkdirSync(BUILT, { recursive: true });
  compile(source, `${path}.${process.pid}`);
  // Renamed into place: another run may be executing or compiling the same one.
  renameSync(`${path}.${process.pid}`, path);
  return path;
}

const isHeader = (file: string) => file.endsWith('.h');

/** Static where libc allows it: then a trigger also runs in an empty chroot. */
function compile(source: string, output: string): void {
  const args = ['-O1', '-Wall', '-pthread', `-I${FOLDERS[0]}`, source, '-o', output];
  try {
    execFileSync('cc', ['-static', ...args], { stdio: 'pipe' });
  } catch {
    execFileSync('cc', args, { stdio: ['ignore', 'inherit', 'inherit'] });
  }
}

export interface TriggerOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** With a pipe the trigger is told its deeds one by one ({@link Trigger.do}). */
  readonly stdin?: 'ignore' | 'pipe';
}

/** A running trigger. It prints truth as JSON lines on descriptor 3; with stdin it does one deed per line. */
export class Trigger {
  readonly pid: number;
  readonly name: string;
  /** Lines that nobody has taken with {@link next}. */
  readonly #lines: unknown[] = [];
  readonly #waiting: ((line: unknown) => void)[] = [];
  readonly #child: ChildProcess;
  readonly #closed: Promise<void>;
  #stderr = '';

  constructor(name: string, args: readonly string[], options: TriggerOptions = {}) {
    this.name = name;
    this.#child = spawn(triggerPath(name), args, {
      stdio: [options.stdin ?? 'ignore', 'ignore', 'pipe', 'pipe'],
      env: options.env ?? {},
      ...(options.cwd !== undefined && { cwd: options.cwd }),
    });
    this.pid = this.#child.pid!;
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text));
    this.#child.stdin?.on('error', () => {});
    const out = this.#child.stdio[3] as Readable;
    let rest = '';
    out.setEncoding('latin1').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop()!;
      for (const line of lines) this.#take(JSON.parse(line));
    });
    // One that a failed test left behind must not keep the run from ending: it sees the end of its pipes then.
    this.#child.unref();
    for (const pipe of this.#child.stdio) (pipe as Socket | null)?.unref();
    this.#closed = new Promise((resolve, reject) => {
      this.#child.once('error', reject);
      this.#child.once('close', () => resolve());
    });
    this.#closed.catch(() => {});
  }

  #take(line: unknown): void {
    const waiting = this.#waiting.shift();
    if (waiting) waiting(line);
    else this.#lines.push(line);
  }

  /** The next line of truth. */
  async next<T>(): Promise<T> {
    if (this.#lines.length > 0) return this.#lines.shift() as T;
    const line = new Promise<unknown>((resolve) => this.#waiting.push(resolve));
    const ended = this.#closed.then(() => Promise.reject(this.#failure('ended without a word')));
    ended.catch(() => {});
    return (await within(Promise.race([line, ended]), () => this.#failure('says nothing'))) as T;
  }

  /** Has the trigger do a deed and gives its truth. */
  do<T>(command: string): Promise<T> {
    this.#child.stdin!.write(`${command}\n`);
    return this.next<T>();
  }

  /** Waits for its end; all lines that were not taken. @throws when it failed */
  async end<T>(): Promise<T[]> {
    this.#child.stdin?.end();
    await within(this.#closed, () => this.#failure('does not end'));
    if (this.#child.exitCode !== 0)
      throw this.#failure(`exit code ${this.#child.exitCode ?? this.#child.signalCode}`);
    return this.#lines as T[];
  }

  /** Ends it now; children that it left see the end of their orders and leave too. */
  kill(): void {
    this.#child.stdin?.destroy();
    this.#child.kill('SIGKILL');
  }

  #failure(what: string): Error {
    return new Error(`trigger ${this.name} ${what}${this.#stderr && `: ${this.#stderr.trim()}`}`);
  }
}

const LIMIT_MS = 20_000;

/** The promise, or an error after a time that no machine needs. */
export async function within<T>(promise: Promise<T>, failure: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(failure()), scaled(LIMIT_MS));
  });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
  }
}

export { skip } from './skip.ts';
