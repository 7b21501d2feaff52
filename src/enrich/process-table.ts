// SPDX-License-Identifier: Apache-2.0
import type { Process } from './process.ts';

/** Lists of processes, by the low bits of their pids: pids are given one after the other, so few share a list. */
const LISTS = 16_384;

/**
 * Processes by pid, in the order in which they came. A `Map` can do the same, but is rebuilt again and again where each pid
 * is deleted and set anew: with exec in turns it was a tenth of an event.
 */
export class ProcessTable implements Iterable<Process> {
  readonly #lists: (Process | undefined)[] = new Array(LISTS).fill(undefined);
  #oldest: Process | undefined;
  #newest: Process | undefined;
  /** Processes in it. */
  size = 0;

  get(pid: number): Process | undefined {
    let found = this.#lists[pid & (LISTS - 1)];
    while (found !== undefined && found.pid !== pid) found = found.beside;
    return found;
  }

  /** The one that came first. */
  get oldest(): Process | undefined {
    return this.#oldest;
  }

  /** Adds a process, as the newest; none of its pid may be there. */
  add(process: Process): void {
    const list = process.pid & (LISTS - 1);
    process.beside = this.#lists[list];
    this.#lists[list] = process;
    process.older = this.#newest;
    process.newer = undefined;
    if (this.#newest) this.#newest.newer = process;
    else this.#oldest = process;
    this.#newest = process;
    this.size++;
  }

  /** Takes a process out that is there. */
  delete(process: Process): void {
    const list = process.pid & (LISTS - 1);
    const first = this.#lists[list];
    if (first === process) {
      this.#lists[list] = process.beside;
    } else {
      let before = first!;
      while (before.beside !== process) before = before.beside!;
      before.beside = process.beside;
    }
    const { older, newer } = process;
    if (older) older.newer = newer;
    else this.#oldest = newer;
    if (newer) newer.older = older;
    else this.#newest = older;
    process.beside = process.older = process.newer = undefined;
    this.size--;
  }

  /** The oldest first; the one that is given may be deleted before the next is asked for. */
  *[Symbol.iterator](): Iterator<Process> {
    for (let process = this.#oldest; process; ) {
      const { newer } = process;
      yield process;
      process = newer;
    }
  }
}
