// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { engineArguments, engineEnvironment } from '../../src/health/engine-arguments.ts';

/** No step of a benchmark lasts longer. */
const SILENCE_MS = 120_000;

/** An agent as `run` starts one: with the same engine settings. */
export function agentChild(module: string, argument?: object): Child {
  return new Child(module, argument, engineArguments([]), engineEnvironment(process.env));
}

/** A module of this folder in a process of its own: JSON goes in as its argument, messages come out. */
export class Child {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #messages: unknown[] = [];
  readonly #ended: Promise<never>;
  #wake: () => void = () => {};
  /** Called for each message instead of keeping it for {@link next}. */
  onMessage: ((message: unknown) => void) | undefined;

  constructor(module: string, argument: object = {}, execArgv: readonly string[] = [], env = process.env) {
    const file = join(
      import.meta.dirname,
      module.replace(/\.ts$/, import.meta.filename.endsWith('.ts') ? '.ts' : '.js'),
    );
    this.#child = fork(file, [JSON.stringify(argument)], { execArgv: [...execArgv], env });
    this.pid = this.#child.pid!;
    this.#child.on('message', (message) => {
      if (this.onMessage) return this.onMessage(message);
      this.#messages.push(message);
      this.#wake();
    });
    this.#ended = new Promise((_, reject) => {
      this.#child.once('error', reject);
      this.#child.once('exit', (code, signal) => reject(new Error(`${module} ended (${code ?? signal})`)));
    });
    this.#ended.catch(() => {});
  }

  /** The next message. @throws when the child ends or keeps silent */
  async next<T>(): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const silence = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('a child of the benchmark keeps silent')), SILENCE_MS);
    });
    try {
      while (this.#messages.length === 0) {
        const message = new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        await Promise.race([message, this.#ended, silence]);
      }
    } finally {
      clearTimeout(timer);
    }
    return this.#messages.shift() as T;
  }

  send(message: object): void {
    this.#child.send(message);
  }

  /** Ends the child and waits until it is gone. */
  async end(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 5000);
    await this.#ended.catch(() => {});
    clearTimeout(timer);
  }
}

/** What the process was started with, by {@link Child}. */
export function childArgument<T>(): T {
  return JSON.parse(process.argv[2] ?? '{}') as T;
}
