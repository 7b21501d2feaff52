// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { checkOrphans } from './bpf.ts';
import { repository } from './repository.ts';
import { within } from './triggers.ts';

export interface CliOptions {
  /** Added to a plain environment: none of the caller's settings reaches the CLI. */
  readonly env?: Readonly<Record<string, string>>;
  /** A command that ends in executing its last arguments: `unshare -m sh -c '… exec "$@"' sh`. */
  readonly wrap?: readonly string[];
  /** What {@link Cli.type} writes is its stdin, which is empty otherwise. */
  readonly input?: boolean;
}

/** How a run ended and what it printed. */
export interface CliEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Lines of stderr that tell of an error. */
  readonly errors: readonly string[];
}

const running = new Set<Cli>();

/** The built CLI as a child, as a user starts it. */
export class Cli {
  readonly pid: number;
  stdout = '';
  stderr = '';
  readonly #args: readonly string[];
  readonly #child: ChildProcess;
  readonly #closed: Promise<CliEnd>;
  readonly #waiting = new Set<() => void>();
  #end: CliEnd | undefined;

  constructor(args: readonly string[], { env = {}, wrap = [], input = false }: CliOptions = {}) {
    this.#args = args;
    const command = [...wrap, process.execPath, join(repository, 'build/src/cli.js'), ...args];
    this.#child = spawn(command[0]!, command.slice(1), {
      env: { PATH: process.env.PATH, ...env },
      stdio: [input ? 'pipe' : 'ignore', 'pipe', 'pipe'],
    });
    this.pid = this.#child.pid ?? -1;
    running.add(this);
    this.#child.stdout!.setEncoding('utf8').on('data', (text: string) => this.#take('stdout', text));
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => this.#take('stderr', text));
    this.#closed = new Promise((resolve, reject) => {
      this.#child.once('error', reject);
      this.#child.once('close', (code, signal) => resolve(this.#close(code, signal)));
    });
    this.#closed.catch(() => {});
  }

  #take(stream: 'stdout' | 'stderr', text: string): void {
    this[stream] += text;
    for (const wake of this.#waiting) wake();
  }

  #close(code: number | null, signal: NodeJS.Signals | null): CliEnd {
    running.delete(this);
    const { stdout, stderr } = this;
    const errors = stderr.split('\n').filter((line) => line.startsWith('error: '));
    this.#end = { code, signal, stdout, stderr, errors };
    for (const wake of this.#waiting) wake();
    return this.#end;
  }

  /** Resolves as soon as the condition holds; it is looked at after each piece of output. */
  async until(what: string, condition: () => boolean): Promise<void> {
    let wake = () => {};
    const holds = new Promise<void>((resolve, reject) => {
      wake = () => {
        if (condition()) resolve();
        else if (this.#end) reject(this.#failure(`ended before ${what}`));
      };
    });
    this.#waiting.add(wake);
    wake();
    try {
      await within(holds, () => this.#failure(`did not come to ${what}`));
    } finally {
      this.#waiting.delete(wake);
    }
  }

  /** Waits for a line of stderr. */
  said(pattern: RegExp): Promise<void> {
    return this.until(`say ${pattern}`, () => pattern.test(this.stderr));
  }

  /** Everything is attached and signals are heard. */
  async ready(): Promise<this> {
    await this.said(/^stop: Ctrl-C/m);
    return this;
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Needs `input`. */
  type(text: string): void {
    this.#child.stdin!.write(text);
  }

  /** Nobody reads its stdout any more. */
  closeStdout(): void {
    this.#child.stdout!.destroy();
  }

  /** Waits until it has ended by itself. */
  end(): Promise<CliEnd> {
    return within(this.#closed, () => this.#failure('does not end'));
  }

  /** SIGTERM, and how it ended. */
  stop(): Promise<CliEnd> {
    this.signal('SIGTERM');
    return this.end();
  }

  /** As {@link stop}, without waiting for a receiver. */
  async stopNow(): Promise<CliEnd> {
    this.signal('SIGTERM');
    await this.said(/^stopping: /m);
    return this.stop();
  }

  #failure(what: string): Error {
    const output = `stdout: ${this.stdout.slice(-2000)}\nstderr: ${this.stderr.slice(-2000)}`;
    return new Error(`agentsmith-otel ${this.#args.join(' ')}: ${what}\n${output}`);
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.#closed;
  }
}

/** Runs the CLI to its end. */
export function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliEnd> {
  return new Cli(args, options).end();
}

/** For every suite that starts the CLI: no process outlives its test, and no program its process. */
export function cleanUp(): void {
  afterEach(async () => {
    for (const cli of [...running]) await cli.kill();
  });
  after(checkOrphans);
}
