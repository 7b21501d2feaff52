// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { release } from 'node:os';
import type { Settings } from '../config/command-line.ts';
import { ExitCode } from '../config/exit-codes.ts';
import type { ReceiverSettings } from '../config/receiver-settings.ts';
import { doctor, type Probes } from '../doctor.ts';
import { checkReceiver } from '../export/transport.ts';
import { findCgroupRoot } from '../sensor/cgroup.ts';
import { loadNative } from '../sensor/native.ts';
import { chosenEvents, openSensor } from './live.ts';
import { openReceiver, receiverWords } from './receivers.ts';

/** A receiver that does not answer within this time is no help to anybody. */
const RECEIVER_TIMEOUT_MS = 3000;

function tryRead<T>(get: () => T): T | undefined {
  try {
    return get();
  } catch {
    return undefined;
  }
}

/** How doctor asks the receiver of the logs. @throws EndpointError */
function receiverProbe(settings: ReceiverSettings): NonNullable<Probes['receiver']> {
  const logs = openReceiver(settings);
  return {
    url: receiverWords(logs),
    check: () => checkReceiver(logs, RECEIVER_TIMEOUT_MS),
  };
}

/** `doctor`: what this machine offers, line by line. */
export async function doctorCommand(settings: Settings): Promise<ExitCode> {
  const native = loadNative();
  const events = chosenEvents(settings);
  const receiver = settings.receivers.logs && receiverProbe(settings.receivers.logs);
  const probes: Probes = {
    kernelRelease: release,
    readText: (path) => tryRead(() => readFileSync(path, 'utf8')),
    readLink: (path) => tryRead(() => readlinkSync(path)),
    exists: existsSync,
    cgroupRoot: () => findCgroupRoot(native),
    trampolines: () => native.probeTrampoline(),
    loadSensor: () => {
      const sensor = openSensor(settings, events);
      const found = events.map((event) => ({ name: event.name, hooks: sensor.hooksOf(event) }));
      const told = new Set(found.flatMap(({ hooks }) => hooks.map(({ program }) => program)));
      const common = sensor.hooks.filter(({ program }) => !told.has(program));
      return { events: [...found, { name: 'all events', hooks: common }], close: () => void sensor.stop() };
    },
    ...(receiver && { receiver }),
  };
  const { lines, ok } = await doctor(probes);
  process.stdout.write(`${lines.join('\n')}\n`);
  return ok ? ExitCode.OK : ExitCode.UNAVAILABLE;
}
