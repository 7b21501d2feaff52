// SPDX-License-Identifier: Apache-2.0
import { truncateSync } from 'node:fs';
import type { Settings } from '../config/command-line.ts';
import { ExitCode } from '../config/exit-codes.ts';
import type { RecordBatch } from '../decode/record.ts';
import { readSeeds } from '../enrich/proc.ts';
import { Processes } from '../enrich/processes.ts';
import { kernelRows } from '../events/index.ts';
import { kernelLosses } from '../ledger.ts';
import { log } from '../log.ts';
import type { LiveSensor } from '../sensor/live.ts';
import { Recorder } from '../sensor/recording.ts';
import type { Seed } from '../sensor/sensor.ts';
import { chosenEvents, howToStop, openSensor, tellHooks, thisHost } from './live.ts';

/** Leaves in a batch only the records of selected processes, their introductions included. */
function keepSelected(batch: RecordBatch, processes: Processes): RecordBatch {
  let end = 0;
  for (const event of batch) {
    if (!processes.of(event).selected) continue;
    const { at, size } = event;
    event.bytes.copyWithin(end, at, at + size);
    end += size;
  }
  return batch.load(end, batch.observed);
}

/** What `--tree` leaves of a batch; all of it without. */
function filterOf(
  { tree }: Settings,
  sensor: LiveSensor,
  seeds: ReadonlyMap<number, Seed>,
): (batch: RecordBatch) => RecordBatch {
  if (tree === undefined) return (batch) => batch;
  const processes = new Processes({
    tree,
    seeds,
    forget: (pid, startLow, startHigh) => sensor.forget(pid, startLow, startHigh),
  });
  return (batch) => keepSelected(batch, processes);
}

/** Records of the chosen events that the ring had no room for. */
function lostInKernel(sensor: LiveSensor, events: ReturnType<typeof chosenEvents>): number {
  const losses = kernelRows(events).flatMap(({ type }) => kernelLosses(sensor.counts(type)));
  return losses.reduce((sum, [, count]) => sum + count, 0);
}

/** `record FILE`: raw ring batches into a file that only its owner reads. @throws SensorError; errors of the file */
export async function recordCommand(file: string, settings: Settings): Promise<ExitCode> {
  const events = chosenEvents(settings);
  const { users, namespaces } = thisHost();
  const seeds = readSeeds();
  const sensor = openSensor(settings, events);
  const filter = filterOf(settings, sensor, seeds);
  let recorder: Recorder;
  try {
    recorder = new Recorder(file, {
      namespaces,
      users: users.all(),
      hooks: sensor.hooks,
      // With --tree nothing of other processes is written, their names neither.
      ...(settings.tree === undefined && { seeds: Object.fromEntries(seeds) }),
    });
  } catch (error) {
    await sensor.stop();
    throw error;
  }
  tellHooks(sensor, events);
  log.warn(`${file} will hold arguments as they are, secrets too; it is readable by you alone`);
  let whole = recorder.bytes;
  let failed: Error | undefined;
  await new Promise<void>((resolve) => {
    process.on('SIGINT', resolve);
    process.on('SIGTERM', resolve);
    // Only now, when Ctrl-C is heard.
    log.info(howToStop(settings));
    if (settings.duration !== undefined) setTimeout(resolve, settings.duration);
    sensor.start((batch) => {
      if (failed) return;
      const kept = filter(batch);
      if (kept.bytes.length === 0) return;
      try {
        recorder.append(kept, sensor.clockOffset);
        whole = recorder.bytes;
      } catch (error) {
        failed = error as Error;
        resolve();
      }
    });
  });
  await sensor.stop();
  recorder.close();
  // The batch for which the disk had no room goes again, so that the file ends well.
  if (failed) truncateSync(file, whole);
  log.info(`${whole} bytes recorded in ${file}, ${lostInKernel(sensor, events)} records lost`);
  if (failed) throw failed;
  return ExitCode.OK;
}
