// SPDX-License-Identifier: Apache-2.0
import type { AgentOptions } from './agent.ts';
import { type KernelSettings, openSensor, thisHost } from './commands/live.ts';
import { readSeeds } from './enrich/proc.ts';
import { Users } from './enrich/users.ts';
import type { EventDefinition } from './events/event.ts';
import type { LiveSensor } from './sensor/live.ts';
import { RecordingReader, ReplaySensor } from './sensor/recording.ts';

/** What an agent reads from, with what its records need to know of the host they come from. */
export interface Source<S = AgentOptions['sensor']> extends Pick<AgentOptions, 'host' | 'seeds'> {
  readonly sensor: S;
}

/** The running kernel, attached. @throws SensorError; the error of open(2) for --bpf-object */
export function openHost(settings: KernelSettings, events: readonly EventDefinition[]): Source<LiveSensor> {
  // Before the programs are attached: who comes later is introduced by the kernel.
  const seeds = readSeeds();
  const { users, namespaces } = thisHost();
  return {
    seeds,
    host: { namespaces, userName: (uid) => users.name(uid) },
    sensor: openSensor(settings, events),
  };
}

/** A recording. `onEnd` is called behind its last record, with an error where it is corrupt. @throws RecordingError */
export function openRecording(
  file: string,
  options: { readonly fast: boolean; onEnd(error: Error | undefined): void },
): Source {
  const reader = new RecordingReader(file);
  const { namespaces, users: names, seeds } = reader.head;
  const users = Users.from(names);
  return {
    seeds: new Map(Object.entries(seeds ?? {}).map(([pid, seed]) => [Number(pid), seed])),
    host: { namespaces, userName: (uid) => users.name(uid) },
    sensor: new ReplaySensor(reader, options),
  };
}
