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
  start(onBatch: (bytes: number) => void): void;
  drain(): number;
  counters(out: Float64Array): void;
  ringUsed(): number;
  forget(pid: number, startLow: number, startHigh: number): void;
  exclude(pid: number): boolean;
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
  /** Bits of the event types that are exported. */
  readonly enabledEvents: bigint;
  readonly environment: readonly string[];
  /** Ports on which resolvers listen: at most 8. */
  readonly dnsPorts: readonly number[];
  readonly programs: readonly string[];
  readonly excluded: readonly number[];
  /** -1 = no cgroup programs. */
  readonly cgroupFd: number;
}

/** addon/addon.cc. Errors carry `code`: EPERM, ENOBTF, ENOLAYOUT, ENOHOOKS, … */
export interface Native {
  readonly Sensor: new (options: NativeOptions) => NativeSensor;
  /** [boot, real] in ns. */
  clocks(out: BigUint64Array): void;
  openCgroup2(): number;
  setCgroupNamespace(fd: number): void;
  probeTrampoline(): boolean;
  enableStats(): number;
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
