// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { release } from 'node:os';
import type { Settings } from '../config/command-line.ts';
import { ExitCode } from '../config/exit-codes.ts';
import { doctor, type Probes } from '../doctor.ts';
import { GrpcConnection } from '../export/grpc-connection.ts';
import type { GrpcOptions } from '../export/grpc-options.ts';
import { openable } from '../export/receiver.ts';
import { GrpcTransport, LOGS_PATH } from '../export/transport-grpc.ts';
import { findCgroupRoot } from '../sensor/cgroup.ts';
import { loadNative } from '../sensor/native.ts';
import { chosenEvents, openSensor } from './live.ts';

/** A receiver that does not answer within this time is no help to anybody. */
const RECEIVER_TIMEOUT_MS = 3000;

function tryRead<T>(get: () => T): T | undefined {
  try {
    return get();
  } catch {
    return undefined;
  }
}

/** Asks the receiver to take nothing, which every OTLP receiver does. @throws EndpointError, ExportError */
async function checkReceiver(options: GrpcOptions): Promise<void> {
  const connection = new GrpcConnection(options);
  const transport = new GrpcTransport({
    connection,
    path: LOGS_PATH,
    headers: options.headers,
    compression: 'none',
  });
  try {
    const answer = await transport.send(new Uint8Array(0), RECEIVER_TIMEOUT_MS);
    if (answer.status !== 'success')
      throw answer.error ?? new Error(`${options.url} did not take an empty request`);
  } finally {
    transport.shutdown();
  }
}

/** `doctor`: what this machine offers, line by line. */
export async function doctorCommand(settings: Settings): Promise<ExitCode> {
  const native = loadNative();
  const events = chosenEvents(settings);
  const receiver = settings.receivers.logs && openable(settings.receivers.logs);
  const probes: Probes = {
    kernelRelease: release,
    readText: (path) => tryRead(() => readFileSync(path, 'utf8')),
    readLink: (path) => tryRead(() => readlinkSync(path)),
    exists: existsSync,
    cgroupRoot: () => findCgroupRoot(native),
    trampolines: () => native.probeTrampoline(),
    loadSensor: () => {
      const sensor = openSensor(settings, events);
      return { hooks: sensor.hooks, close: () => void sensor.stop() };
    },
    ...(receiver && { receiver: { url: receiver.url, check: () => checkReceiver(receiver) } }),
  };
  const { lines, ok } = await doctor(probes);
  process.stdout.write(`${lines.join('\n')}\n`);
  return ok ? ExitCode.OK : ExitCode.UNAVAILABLE;
}
