// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { within } from './triggers.ts';

/** Node has no unix datagram sockets: each datagram becomes a line of JSON. */
const SCRIPT = `
import json, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind('\\0' + sys.argv[1][1:] if sys.argv[1][0] == '@' else sys.argv[1])
print('"bound"', flush=True)
while True: print(json.dumps(s.recv(65536).decode()), flush=True)
`;

/** A unix datagram socket; a path that begins with @ is an abstract name. */
export class Datagrams {
  readonly received: string[] = [];
  readonly #child: ChildProcess;
  readonly #waiting = new Set<() => void>();
  #rest = '';

  static async open(path: string): Promise<Datagrams> {
    const datagrams = new Datagrams(path);
    await datagrams.until('be bound', () => datagrams.received.length > 0);
    datagrams.received.length = 0;
    return datagrams;
  }

  private constructor(path: string) {
    this.#child = spawn('python3', ['-c', SCRIPT, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      const lines = (this.#rest + text).split('\n');
      this.#rest = lines.pop()!;
      this.received.push(...lines.map((line) => JSON.parse(line) as string));
      for (const wake of this.#waiting) wake();
    });
  }

  /** Resolves as soon as the condition holds; it is looked at after each datagram. */
  async until(what: string, condition: () => boolean): Promise<void> {
    let wake = () => {};
    const holds = new Promise<void>((resolve) => {
      wake = () => {
        if (condition()) resolve();
      };
    });
    this.#waiting.add(wake);
    wake();
    try {
      await within(holds, () => new Error(`the socket did not ${what}; it got ${this.received.join(', ')}`));
    } finally {
      this.#waiting.delete(wake);
    }
  }

  async close(): Promise<void> {
    const ended = once(this.#child, 'close');
    this.#child.kill();
    await ended;
  }
}
