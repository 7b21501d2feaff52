// SPDX-License-Identifier: Apache-2.0
import type { Settings } from '../config/command-line.ts';
import { ExitCode } from '../config/exit-codes.ts';
import { log } from '../log.ts';
import { Recorder } from '../sensor/recording.ts';
import { chosenEvents, openSensor, tellHooks, thisHost } from './live.ts';

/** `record FILE`: raw ring batches into a file that only its owner reads. @throws SensorError; errors of the file */
export async function recordCommand(file: string, settings: Settings): Promise<ExitCode> {
  const events = chosenEvents(settings);
  const { users, namespaces } = thisHost();
  const sensor = openSensor(settings, events);
  let recorder: Recorder;
  try {
    recorder = new Recorder(file, { namespaces, users: users.all(), hooks: sensor.hooks });
  } catch (error) {
    await sensor.stop();
    throw error;
  }
  tellHooks(sensor, events);
  log.warn(`${file} will hold arguments as they are, secrets too; it is readable by you alone`);
  log.info(
    settings.duration === undefined ? 'stop: Ctrl-C' : `stop: Ctrl-C, or after ${settings.duration / 1000} s`,
  );
  let failed: Error | undefined;
  await new Promise<void>((resolve) => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
    if (settings.duration !== undefined) setTimeout(resolve, settings.duration);
    sensor.start((batch) => {
      if (failed) return;
      try {
        recorder.append(batch, sensor.clockOffset);
      } catch (error) {
        failed = error as Error;
        resolve();
      }
    });
  });
  await sensor.stop();
  recorder.close();
  log.info(`${recorder.bytes} bytes recorded in ${file}`);
  if (failed) throw failed;
  return ExitCode.OK;
}
