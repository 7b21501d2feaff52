// SPDX-License-Identifier: Apache-2.0
import type { RecordBatch } from '../decode/record.ts';
import type { KernelCounts } from '../ledger.ts';

/** One program of the BPF object: where it is attached, or why it is not (`error` is empty when it is). */
export interface HookReport {
  readonly program: string;
  readonly hook: string;
  readonly error: string;
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
  readonly hooks: readonly HookReport[];
  /** `A`: BPF trampolines load, no system call is slowed; `B`: they do not. */
  readonly tier: 'A' | 'B' | undefined;
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
  readonly ringUsed: number;
  readonly ringBytes: number;
  /** The kernel introduces this process again when it next acts. */
  forget(pid: number, startLow: number, startHigh: number): void;
}
