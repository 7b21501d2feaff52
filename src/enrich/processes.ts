// SPDX-License-Identifier: Apache-2.0

import {
  EventType,
  ExecFlag,
  PtraceFlag,
  processExec,
  processFork,
  processPtrace,
} from '../decode/layout.gen.ts';
import type { RawEvent } from '../decode/record.ts';
import type { Seed } from '../sensor/sensor.ts';
import { Ancestry, NO_ANCESTRY } from './ancestry.ts';
import { type Image, imageOf } from './image.ts';
import { Process } from './process.ts';
import { ProcessTable } from './process-table.ts';

const { who } = processExec;

/**
 * As many processes as a busy host has alive, twice over: about 1.5 KiB each, 48 MiB at the worst. The kernel's map of
 * known processes (ebpf/lib/known.h) holds twice as many.
 */
const PROCESSES_MAX = 32_768;
/** Exited processes are kept for results that arrive in softirq after the exit record. */
const EXITED_KEPT = 1024;
/** Of those that nobody finds any more so many are used again: their garbage was the larger part of what they cost. */
const FREE_KEPT = 1024;
const ANCESTORS_MAX = 16;

export interface ProcessesOptions {
  /** Called when an entry is dropped for want of room, so that the kernel introduces the process again. */
  forget?(pid: number, startLow: number, startHigh: number): void;
  seeds?: ReadonlyMap<number, Seed>;
  /** Only this process and its descendants are selected (`--tree`). */
  tree?: number;
}

/**
 * What user space knows of processes. The kernel introduces each before its first event (ebpf/lib/task.h), so every
 * event finds its process; /proc is read only for the names of ancestors at start.
 */
export class Processes {
  /** By pid; a reused pid replaces its former owner, which stays reachable while it is kept. */
  readonly #byPid = new ProcessTable();
  readonly #exited: (Process | undefined)[] = [];
  #nextExited = 0;
  readonly #free: Process[] = [];
  /** Those that the kernel no longer knew when it was last asked. */
  #doubtful = new Set<Process>();
  readonly #options: ProcessesOptions;
  /** Entries dropped for want of room. */
  evictions = 0;

  constructor(options: ProcessesOptions = {}) {
    this.#options = options;
  }

  get size(): number {
    return this.#byPid.size;
  }

  /** A process that is known, by pid and start. */
  find(pid: number, startLow: number, startHigh: number): Process | undefined {
    const isIt = (process: Process | undefined) =>
      process?.pid === pid && process.startLow === startLow && process.startHigh === startHigh;
    const found = this.#byPid.get(pid);
    return isIt(found) ? found : this.#exited.find(isIt);
  }

  /** The process of an event, brought up to date by it. The entry holds until the next call. */
  of(event: RawEvent): Process {
    const owner = this.#byPid.get(event.u32(who.pid));
    let process = owner && !owner.isOf(event) ? this.#former(event) : owner;
    const { type } = event;
    const isExec = type === EventType.PROCESS_EXEC && isStarted(event);
    // Each exec has an id of its own.
    if (process && isExec) process.renew(event);
    else if (process) process.update(event);
    else process = this.#enter(event, owner);
    if (type === EventType.PROCESS || isExec)
      process.runs(imageOf(event), event.low(who.execId), event.high(who.execId));
    else if (type === EventType.PROCESS_EXIT && !process.exited) this.#keepExited(process);
    else if (type === EventType.PROCESS_PTRACE) process.target = this.#targetOf(event);
    return process;
  }

  #targetOf(event: RawEvent): Image | undefined {
    if ((event.u32(processPtrace.flags) & PtraceFlag.IMAGE_KNOWN) === 0) return undefined;
    const { target, targetStart, targetExecId } = processPtrace;
    return this.find(event.u32(target), event.low(targetStart), event.high(targetStart))?.imageOf(
      event.low(targetExecId),
      event.high(targetExecId),
    );
  }

  /** The exited process of a late result whose pid has a new owner: that one must stay where it is. */
  #former(event: RawEvent): Process | undefined {
    // A closure would be made for each event, though hardly one is of a pid with a new owner.
    for (let i = 0; i < this.#exited.length; i++) {
      const process = this.#exited[i];
      if (process?.pid === event.u32(who.pid) && process.isOf(event)) return process;
    }
    return undefined;
  }

  /** `owner` has the pid now. */
  #enter(event: RawEvent, owner: Process | undefined): Process {
    const process = this.#free.pop()?.reuse(event) ?? new Process(event);
    const pid = process.pid;
    const isFork = event.type === EventType.PROCESS_FORK;
    // Who called clone, where that is told: with CLONE_PARENT it is not the parent.
    const originPid = isFork ? event.u32(processFork.originPid) : process.u32(who.parentPid);
    const start = isFork ? processFork.originStart : who.parentStart;
    const known = this.#byPid.get(originPid);
    // Who had the pid before is not the origin.
    const origin =
      known && known.startLow === event.low(start) && known.startHigh === event.high(start)
        ? known
        : undefined;
    if (isFork && origin) {
      const low = event.low(processFork.originExecId);
      const high = event.high(processFork.originExecId);
      const image = origin.imageOf(low, high);
      if (image) process.runs(image, low, high);
    }
    process.ancestry = this.#ancestry(originPid, origin);
    process.selected = this.#isSelected(pid, originPid, origin);
    // A result so late that its process is forgotten must not take the place of the pid's new owner.
    if (owner?.isLaterThan(process)) return process;
    // Deleting first puts a reused pid at the end of the map's order, by which entries are dropped.
    if (owner) {
      this.#byPid.delete(owner);
      this.#release(owner);
    }
    this.#byPid.add(process);
    if (this.#byPid.size > PROCESSES_MAX) this.#evict();
    return process;
  }

  #ancestry(pid: number, parent: Process | undefined): Ancestry {
    if (parent) {
      const name = parent.image ? parent.image.name : this.#options.seeds?.get(pid)?.name;
      return parent.ancestryOfChildren(name, ANCESTORS_MAX);
    }
    const labels: string[] = [];
    for (let at = pid; at > 0 && labels.length < ANCESTORS_MAX; ) {
      const seed = this.#options.seeds?.get(at);
      if (!seed) break;
      labels.push(`${at}:${seed.name}`);
      at = seed.parent;
    }
    return labels.length > 0 ? new Ancestry(labels) : NO_ANCESTRY;
  }

  #isSelected(pid: number, parentPid: number, parent: Process | undefined): boolean {
    const { tree, seeds } = this.#options;
    if (tree === undefined || pid === tree) return true;
    if (parent) return parent.selected;
    for (let at = parentPid, steps = 0; at > 0 && steps < 4096; steps++) {
      if (at === tree) return true;
      at = seeds?.get(at)?.parent ?? 0;
    }
    return false;
  }

  #keepExited(process: Process): void {
    process.exited = true;
    const gone = this.#exited[this.#nextExited];
    this.#exited[this.#nextExited] = process;
    this.#nextExited = (this.#nextExited + 1) % EXITED_KEPT;
    if (gone === undefined) return;
    if (this.#byPid.get(gone.pid) === gone) this.#byPid.delete(gone);
    gone.exited = false;
    this.#release(gone);
  }

  /** A process that is not found by its pid any more, and by nothing else unless it has exited. */
  #release(process: Process): void {
    if (process.exited || this.#free.length >= FREE_KEPT) return;
    if (this.#doubtful.size > 0) this.#doubtful.delete(process);
    this.#free.push(process);
  }

  /**
   * Forgets processes that the kernel has forgotten: where exits are filtered, or not asked for, nobody tells of their
   * end. Those alone that it did not know the time before either: it remembers one a moment after it has told of it.
   *
   * @param isKnown by pid and start
   */
  sweep(isKnown: (pid: number, startLow: number, startHigh: number) => boolean): void {
    const doubtful = new Set<Process>();
    for (const process of this.#byPid) {
      if (process.exited || isKnown(process.pid, process.startLow, process.startHigh)) continue;
      if (this.#doubtful.has(process)) {
        this.#byPid.delete(process);
        this.#release(process);
      } else {
        doubtful.add(process);
      }
    }
    this.#doubtful = doubtful;
  }

  #evict(): void {
    const { oldest } = this.#byPid;
    if (!oldest) return;
    this.#byPid.delete(oldest);
    this.evictions++;
    this.#options.forget?.(oldest.pid, oldest.startLow, oldest.startHigh);
    this.#release(oldest);
  }
}

/** Of an exec that failed the process keeps its image. */
function isStarted(event: RawEvent): boolean {
  return (event.u32(processExec.flags) & ExecFlag.FAILED) === 0;
}
