// SPDX-License-Identifier: Apache-2.0
import { COMMON_PROGRAMS, eventDefinitions } from '../../src/events/index.ts';
import { LiveSensor } from '../../src/sensor/live.ts';
import { loadNative } from '../../src/sensor/native.ts';

export const RING_BYTES: number = 8 << 20;

/** Loads and attaches the programs of all events, as the CLI does. @throws SensorError */
export function attachAll(): LiveSensor {
  return new LiveSensor(loadNative(), {
    ringBytes: RING_BYTES,
    common: COMMON_PROGRAMS,
    events: eventDefinitions({ redact: true }),
    environment: ['LD_PRELOAD', 'SSH_CONNECTION'],
  });
}

/** Counts per program between two readings. */
export interface Work {
  readonly runs: number;
  readonly nanoseconds: number;
}

/** What each program did while `work` ran. */
export async function measured(
  sensor: LiveSensor,
  work: () => Promise<unknown>,
): Promise<(program: string) => Work> {
  const before = sensor.stats();
  await work();
  const after = sensor.stats();
  return (program) => {
    const [from, to] = [before[program], after[program]];
    if (!from || !to) throw new Error(`no program ${program}`);
    return { runs: to.runs - from.runs, nanoseconds: to.nanoseconds - from.nanoseconds };
  };
}
