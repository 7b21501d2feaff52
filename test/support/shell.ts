// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { within } from './triggers.ts';

/**
 * A shell that waits for commands: the root of a process tree that is known before it does anything, for `--tree`.
 * Commands read nothing and print nowhere.
 */
export class Shell {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #closed: Promise<void>;
  #told = '';
  #wake = () => {};

  /** @param wrap a command that ends in executing its last arguments */
  constructor(wrap: readonly string[] = []) {
    const command = [...wrap, '/bin/sh'];
    this.#child = spawn(command[0]!, command.slice(1), {
      env: { PATH: '/usr/bin:/bin' },
      cwd: '/',
      stdio: ['pipe', 'ignore', 'ignore', 'pipe'],
    });
    this.pid = this.#child.pid!;
    (this.#child.stdio[3] as Readable).setEncoding('utf8').on('data', (text: string) => {
      this.#told += text;
      this.#wake();
    });
    this.#closed = new Promise((resolve) => this.#child.once('close', () => resolve()));
  }

  /** Runs a command to its end; its exit code. */
  async run(command: string): Promise<number> {
    this.#told = '';
    const done = new Promise<void>((resolve) => {
      this.#wake = () => {
        if (this.#told.endsWith('\n')) resolve();
      };
    });
    this.#child.stdin!.write(`{ ${command}\n} </dev/null 3>&-; echo $? >&3\n`);
    await within(done, () => new Error(`the shell did not come to the end of: ${command}`));
    return Number(this.#told);
  }

  /** Runs `true` with its number as the argument, `count` times. */
  async runTrue(count: number, more = ''): Promise<void> {
    await this.run(`i=0; while [ $i -lt ${count} ]; do /bin/true $i ${more}; i=$((i+1)); done`);
  }

  async end(): Promise<void> {
    this.#child.stdin!.end();
    await within(this.#closed, () => new Error('the shell does not end'));
  }
}
