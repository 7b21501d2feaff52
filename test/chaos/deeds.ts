// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { triggerPath } from '../support/triggers.ts';

/** Events that deeds make and that the suite watches; all have numbers of one kind. */
export const WATCHED = ['process.exec', 'process.exit', 'network.connect'] as const;

/** Deeds have 24 bits in the address that they connect to. */
export const DEEDS_MAX: number = 1 << 24;

export interface Made {
  readonly connects: number;
  readonly programs: number;
  readonly files: number;
  readonly queries: number;
}

const NONE: Made = { connects: 0, programs: 0, files: 0, queries: 0 };

let users = 0;

/**
 * Who does the numbered deeds of one scenario (triggers/deeds.c): a user that nobody else is, so that an agent with
 * {@link Deeds.filter} gives numbers to these alone, in the kernel, whatever else happens on the machine.
 */
export class Deeds {
  readonly uid: number = 1_000_000_000 + (process.pid % 1_000_000) * 100 + users++;
  /** The next deed. */
  next = 1;
  #made = NONE;
  #runs = 0;
  /** [number of the next deed, ms since the epoch], in the order of deeds. */
  readonly #times: (readonly [number, number])[] = [];

  /** For `--filter`. */
  filter(events: readonly string[] = WATCHED): string {
    return `keep ${events.join(',')} uid=${this.uid}`;
  }

  /** Deeds so far, as the programs themselves say. */
  get made(): Made {
    return this.#made;
  }

  /** How often each event has happened: each run is a program that ends, and was executed as somebody else. */
  get happened(): Readonly<Record<string, number>> {
    const { connects, programs } = this.#made;
    return {
      'agentsmith.network.connect': connects,
      'agentsmith.process.exec': programs,
      'agentsmith.process.exit': programs + this.#runs,
    };
  }

  /** Number of a deed that is being done about now. */
  get reached(): number {
    return this.#times.at(-1)?.[0] ?? 0;
  }

  /** Between which two times (ms since the epoch) a deed was done. */
  between(number: number): readonly [number, number] {
    let from = 0;
    let to = this.#times.length;
    while (to - from > 1) {
      const middle = (from + to) >> 1;
      if (this.#times[middle]![0] <= number) from = middle;
      else to = middle;
    }
    const [, begin] = this.#times[from]!;
    return [begin, this.#times[from + 1]?.[1] ?? Number.POSITIVE_INFINITY];
  }

  /** So many connects, `rate` a second (0 = at full speed), a program behind each `every` of them. */
  async storm(count: number, rate: number, every = 512): Promise<void> {
    const first = this.next;
    this.next += count;
    if (this.next > DEEDS_MAX) throw new RangeError('too many deeds');
    await this.run('storm', first, count, rate, every);
  }

  /** One connect on each CPU: before and behind a storm, so that no lost number is the first or last of its CPU. */
  async eachCpu(): Promise<void> {
    const before = this.#made.connects;
    await this.run('cpus', this.next);
    this.next += this.#made.connects - before;
  }

  /** Runs the program to its end. */
  async run(...args: readonly (string | number)[]): Promise<void> {
    const child = spawn(triggerPath('deeds'), [this.uid, ...args].map(String), {
      env: {},
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const code = new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    let isDone = false;
    for await (const line of createInterface({ input: child.stdout })) {
      const words = line.split(' ');
      if (words[0] === 'done') {
        const [connects, programs, files, queries] = words.slice(1).map(Number) as [
          number,
          number,
          number,
          number,
        ];
        const made = this.#made;
        this.#made = {
          connects: made.connects + connects,
          programs: made.programs + programs,
          files: made.files + files,
          queries: made.queries + queries,
        };
        this.#runs++;
        isDone = true;
      } else this.#times.push([Number(words[0]), Number(words[1]) / 1e6]);
    }
    if ((await code) !== 0 || !isDone) throw new Error(`deeds ${args.join(' ')} failed`);
  }
}
