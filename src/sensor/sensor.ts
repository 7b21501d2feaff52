// SPDX-License-Identifier: Apache-2.0
import type { RecordBatch } from '../decode/record.ts';
import type { KernelCounts } from '../ledger.ts';
import type { Limited } from './budgets.ts';
import type { HookChange } from './guard.ts';
import type { HookTimes } from './hook-times.ts';

/** One program of the BPF object: where it is attached, or why it is not (`error` is empty when it is). */
export interface HookReport {
  readonly program: string;
  readonly hook: string;
  readonly error: string;
}

/** Hooks of one event: those that are attached, each once, and the programs that are missing, by reason. */
export interface HooksByFate {
  readonly attached: ReadonlySet<string>;
  readonly missing: ReadonlyMap<string, readonly string[]>;
}

export function hooksByFate(hooks: readonly HookReport[]): HooksByFate {
  const missing = new Map<string, string[]>();
  for (const { program, error } of hooks)
    if (error) missing.set(error, [...(missing.get(error) ?? []), program]);
  return { attached: new Set(hooks.filter(({ error }) => !error).map(({ hook }) => hook)), missing };
}

/**
 * The programs that see an event, by their names in ebpf/programs. Which of A and B, is chosen by trying: A where BPF
 * trampolines load and every one of these programs does, else B.
 */
export interface Programs {
  readonly always?: readonly string[];
  readonly A?: readonly string[];
  readonly B?: readonly string[];
  /** Of all these, the ones whose absence is no loss to speak of: other kernels have others in their place. */
  readonly optional?: readonly string[];
  /** Groups of which one is needed, newest kernels' first: elsewhere a hook has another name or other arguments. */
  readonly variants?: readonly (readonly string[])[];
  /** On tier B, where another event has system calls watched: they tell more of this one. */
  readonly alongSyscalls?: readonly string[];
}

/** What the sensor knows of an event. */
export interface Hooked {
  /** enum event_type of ebpf/events.h */
  readonly type: number;
  readonly programs: Programs;
}

/** Inode numbers of the host's own namespaces, and of nothing else. */
export interface HostNamespaces {
  readonly pid: number;
  readonly mnt: number;
  readonly net: number;
  readonly uts: number;
  readonly user: number;
}

/** An ancestor that lives since before the agent: read from /proc once, at start. */
export interface Seed {
  readonly name: string;
  readonly parent: number;
}

/** What a batch of records needs to be read away from its host: kept in recordings. */
export interface HostFacts {
  readonly namespaces: HostNamespaces;
  /** User names by uid, of the host's passwd file. */
  readonly users: Readonly<Record<string, string>>;
  /** Processes that ran at the start, by pid: the names of ancestors. */
  readonly seeds?: Readonly<Record<string, Seed>>;
}

/** Where records come from: the running kernel or a recording. */
export interface Sensor {
  /** Of all events that are on. */
  readonly hooks: readonly HookReport[];
  /** The part of {@link hooks} that sees this event. */
  hooksOf(event: Hooked): readonly HookReport[];
  /** `A`: BPF trampolines are used, no system call is slowed; `B`: they are not; `A+B`: it depends on the event. */
  readonly tier: 'A' | 'B' | 'A+B' | undefined;
  /**
   * Records come until {@link stop}; the batch and its events hold only during the call. A recording waits while there
   * is no room; the kernel cannot.
   */
  start(onBatch: (batch: RecordBatch) => void, hasRoom: () => boolean): void;
  /** Wall time minus boot time of the records, ns; set before each batch. */
  readonly clockOffset: bigint;
  /** Ends the stream; what was seen before is delivered first. */
  stop(): Promise<void>;
  /** Kernel counters by event type. */
  counts(type: number): KernelCounts;
  /** How long the kernel's programs of an event ran; a recording does not know. */
  hookTimes?(type: number): HookTimes;
  readonly ringUsed: number;
  readonly ringBytes: number;
  /** Records of these types, which may be warnings, are looked at within 10 ms. A recording has its own pace. */
  hurry?(types: Iterable<number>): void;
  /** What single processes lost to the rate limit since the last call. */
  rateLimited?(): readonly Limited[];
  /**
   * To be called about once a second: what filters mean is looked up again, and what somebody has undone is put right.
   *
   * @returns what was found changed
   */
  refresh?(): readonly HookChange[];
  /** To be called about once a minute: memory that a storm took and nothing has needed since goes back to the kernel. */
  trim?(): void;
  /** Whether the kernel has introduced a process, by pid and start, and it lives: as it is now. A recording cannot say. */
  known?(): (pid: number, startLow: number, startHigh: number) => boolean;
  /** The kernel introduces this process again when it next acts. */
  forget(pid: number, startLow: number, startHigh: number): void;
}
