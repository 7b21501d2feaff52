// SPDX-License-Identifier: Apache-2.0
/*
 * Runs in the guest of matrix.ts: attaches every event that there is, and prints as one JSON line which hook sees which
 * event on this kernel. With `ftrace` it then writes 0 to kernel.ftrace_enabled and tells what was noticed; with
 * `no-tracefs` it first unmounts tracefs.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { COMMON_PROGRAMS, eventDefinitions } from '../../src/events/index.ts';
import { LiveSensor } from '../../src/sensor/live.ts';
import { loadNative } from '../../src/sensor/native.ts';
import type { GuestReport } from './matrix.ts';

const wishes = process.argv.slice(2);

function unmountTracefs(): void {
  const mounts = readFileSync('/proc/self/mounts', 'latin1').split('\n');
  for (const line of mounts.reverse()) {
    const [, path, type] = line.split(' ');
    if (path && (type === 'tracefs' || type === 'debugfs')) execFileSync('umount', [path]);
  }
}

/** What is noticed when ftrace is switched off; `refused` where the kernel does not let it. */
function switchFtraceOff(sensor: LiveSensor): GuestReport['ftrace'] {
  const path = '/proc/sys/kernel/ftrace_enabled';
  if (!existsSync(path)) return 'absent';
  sensor.refresh();
  try {
    writeFileSync(path, '0');
  } catch {
    return 'refused';
  }
  const noticed = sensor.refresh().some(({ cause }) => cause === 'ftrace_disabled');
  writeFileSync(path, '1');
  if (readFileSync(path, 'latin1').trim() !== '1') return 'refused';
  return noticed ? 'noticed' : 'nothing hangs on it';
}

function report(): GuestReport {
  const events = eventDefinitions({ redact: true });
  if (wishes.includes('no-tracefs')) unmountTracefs();
  const base = { release: release(), tier: undefined, events: {}, ftrace: undefined, error: undefined };
  let sensor: LiveSensor;
  try {
    sensor = new LiveSensor(loadNative(), {
      ringBytes: 1 << 20,
      common: COMMON_PROGRAMS,
      events,
      environment: [],
    });
  } catch (error) {
    return { ...base, error: (error as Error).message };
  }
  const seen = events.map(({ name, ...event }) => {
    const hooks = sensor.hooksOf(event);
    return [
      name,
      {
        hooks: [...new Set(hooks.filter(({ error }) => !error).map(({ hook }) => hook))],
        missing: hooks.filter(({ error }) => error).map(({ program, error }) => `${program}: ${error}`),
      },
    ] as const;
  });
  const ftrace = wishes.includes('ftrace') ? switchFtraceOff(sensor) : undefined;
  const { tier } = sensor;
  void sensor.stop();
  return { ...base, tier, events: Object.fromEntries(seen), ftrace };
}

console.log(JSON.stringify(report()));
