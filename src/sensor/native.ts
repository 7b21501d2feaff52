// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { HookReport } from './sensor.ts';

/** What addon/sensor.cc offers; one instance is one loaded BPF object. */
export interface NativeSensor {
  /** Records are put here; `start` and `drain` say how many bytes. */
  readonly buffer: ArrayBuffer;
  hooks(): HookReport[];
  /** Exactly these programs are attached from now on; cgroupFd -1 = no cgroup programs. */
  choose(programs: readonly string[], enabledEvents: bigint, cgroupFd: number): void;
  /** What somebody else has undone since: programs are attached again by `choose`, globals were put right. */
  verify(): { readonly programs: readonly string[]; readonly globals: readonly string[] };
  start(onBatch: (bytes: number) => void): void;
  drain(): number;
  /** What no drain since the last call filled of `buffer`, and what malloc holds for itself, goes back to the kernel. */
  trim(): void;
  /** The words of a value of a per-CPU array, summed over the CPUs; false when the map has other values. */
  sum(map: string, key: number, out: Float64Array): boolean;
  ringUsed(): number;
  exclude(pid: number): boolean;
  /** Writes a global of the programs; false when there is none of that name. */
  set(name: string, value: bigint): boolean;
  /** Map entries; false when the sizes are not the map's, or it is full. */
  update(map: string, key: Uint8Array, value: Uint8Array): boolean;
  delete(map: string, key: Uint8Array): boolean;
  /** A value of a plain array; undefined when there is none. */
  lookup(map: string, key: Uint8Array): Buffer | undefined;
  /** All keys and all values of a map, each one behind the other; empty when it could not be read. */
  entries(map: string): readonly [] | readonly [keys: Buffer, values: Buffer];
  stats(): Record<string, { runs: number; nanoseconds: number; instructions: number }>;
  detach(): void;
  close(): void;
}

export interface NativeOptions {
  readonly object?: Uint8Array;
  readonly layoutId: bigint;
  /** First sequence number: the start of the agent, µs since the epoch. */
  readonly sequenceBase: bigint;
  readonly ringBytes: number;
  readonly pendingAfterNs: bigint;
  readonly environment: readonly string[];
  /** Ports on which resolvers listen: at most 8. */
  readonly dnsPorts: readonly number[];
  /** Loaded, and attached by `choose`. */
  readonly programs: readonly string[];
  readonly excluded: readonly number[];
}

/** addon/addon.cc. Errors carry `code`: EPERM, ENOBTF, ENOLAYOUT, ENOHOOKS, … */
export interface Native {
  readonly Sensor: new (options: NativeOptions) => NativeSensor;
  /** [boot, real] in ns. */
  clocks(out: BigUint64Array): void;
  openCgroup2(): number;
  setCgroupNamespace(fd: number): void;
  probeTrampoline(): boolean;
  /** flock(2): false = somebody else has the lock. */
  lockFile(fd: number): boolean;
  enableStats(): number;
  /** [pid, uid] of the process at the other end of a unix socket. */
  peerCredentials(fd: number): readonly [pid: number, uid: number];
  /** Never waits; `@name` is an abstract socket. */
  sendDatagram(path: string, text: string): void;
  /** Of the calling thread; false when this kernel has no capability of that number. */
  dropBoundingCapability(capability: number): boolean;
  clearInheritableCapabilities(): void;
  setNoNewPrivileges(): void;
  raiseMemoryLock(): void;
}

/** From src/ and from build/src/ alike: the addon as it was built here, or as it was shipped. */
const PLACES = ['../../addon/build/Release', '../../../addon/build/Release', '../../../prebuilds'].map(
  (place) => join(import.meta.dirname, place, 'agentsmith.node'),
);

/** Loads the addon. @throws when it was not built for this machine */
export function loadNative(): Native {
  const path = PLACES.find(existsSync);
  if (!path) throw new Error('the addon is not built: run `npm start` once, or `npm run build`');
  return createRequire(import.meta.url)(path) as Native;
}
