// SPDX-License-Identifier: Apache-2.0
import type { Kept } from '../export/exporter.ts';
import type { Receiver } from '../export/receiver.ts';
import { Spool, type SpoolStatus } from '../export/spool.ts';
import { Format } from '../export/spool-frame.ts';
import { log } from '../log.ts';
import { loadNative } from '../sensor/native.ts';
import { RunMark } from '../state/run-mark.ts';
import { StateDirectory, StateError } from '../state/state-directory.ts';

export interface KeepingOptions {
  /** Bytes of records on disk, at most. */
  readonly spoolSize: number;
  /** How requests of this run are encoded: those of another kind cannot be sent. */
  readonly protocol: Receiver['protocol'] | undefined;
}

/** What a state directory keeps, opened. */
export interface Keeping extends Kept {
  /** Another agent may have the directory. `isClean`: the run ended by itself, and told of the one before. */
  close(isClean: boolean): void;
}

/** Opens a state directory. Reads what an earlier run left. @throws StateError */
export async function openKeeping(stateDir: string, options: KeepingOptions): Promise<Keeping> {
  const native = loadNative();
  const directory = new StateDirectory(stateDir, (fd) => native.lockFile(fd));
  try {
    const mark = new RunMark(directory.file('run'), BigInt(Date.now()) * 1_000_000n);
    const spool = await Spool.open({
      directory: directory.directory('spool'),
      maxBytes: options.spoolSize,
      format: options.protocol === 'http/json' ? Format.JSON : Format.PROTOBUF,
      onState: (status) => tell(directory.path, status),
    });
    tellFound(mark, spool);
    return {
      mark,
      spool,
      close: (isClean) => {
        if (isClean) mark.close();
        directory.close();
      },
    };
  } catch (error) {
    directory.close();
    if (error instanceof StateError) throw error;
    throw new StateError(directory.path, 'failed', (error as Error).message);
  }
}

function tellFound({ uncleanSince }: RunMark, { left }: Spool): void {
  if (uncleanSince !== undefined) {
    const since = new Date(Number(uncleanSince / 1_000_000n)).toISOString();
    log.warn(`the agent was killed before: events since ${since} may be missing (agentsmith.sensor.gap)`);
  }
  if (left > 0) log.info(`an earlier run left ${left} records on disk: they are sent too`);
}

function tell(path: string, status: SpoolStatus): void {
  if (status.kind === 'failed') log.warn(`${status.error.message}; records wait in memory`);
  else if (status.kind === 'works') log.info(`${path}: records can be kept again`);
  else log.warn(`${path}: no room for more records: the oldest are dropped and counted`);
}
