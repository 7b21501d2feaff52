// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EventType } from '../../src/decode/layout.gen.ts';
import type { Batch } from '../../src/export/batch.ts';
import { Spool, type SpoolStatus } from '../../src/export/spool.ts';
import { Format } from '../../src/export/spool-frame.ts';
import { Ledger } from '../../src/ledger.ts';

export const EXEC = EventType.PROCESS_EXEC;
export const CONNECT = EventType.NETWORK_CONNECT;
export const NAMES: ReadonlyMap<number, string> = new Map([
  [EXEC, 'agentsmith.process.exec'],
  [CONNECT, 'agentsmith.network.connect'],
]);

/** A batch that is named by its text: each letter is a record, capitals are exec, the others connect. */
export function batchNamed(name: string, size = name.length): Batch {
  const bytes = Buffer.alloc(Math.max(size, name.length), '.');
  bytes.write(name);
  const types = Uint8Array.from(name, (letter) => (/[A-Z]/.test(letter) ? EXEC : CONNECT));
  return { bytes, types, recordsStart: 0, recordsEnd: name.length };
}

/** The name of such a batch. */
export const nameOf = ({ bytes, recordsEnd }: Batch): string =>
  Buffer.from(bytes).toString('latin1', 0, recordsEnd);

/** A spool in a folder of its own, as one run of an agent after the other has it. */
export class SpoolRuns {
  readonly directory: string = mkdtempSync(join(tmpdir(), 'spool-'));
  readonly states: string[] = [];

  /** The spool of the next run, not started. */
  open(maxBytes = 64 << 20, format: Format = Format.PROTOBUF): Promise<Spool> {
    const onState = (status: SpoolStatus) => this.states.push(status.kind);
    return Spool.open({ directory: this.directory, maxBytes, format, onState });
  }

  /** The spool of the next run, with its books; the names of batches that it gave back. */
  async next(
    maxBytes = 64 << 20,
    format: Format = Format.PROTOBUF,
  ): Promise<{ spool: Spool; ledger: Ledger; returned: string[] }> {
    const spool = await this.open(maxBytes, format);
    const ledger = new Ledger(NAMES);
    const returned: string[] = [];
    spool.start(
      ledger,
      (batch) => returned.push(nameOf(batch)),
      () => {},
    );
    return { spool, ledger, returned };
  }

  files(): string[] {
    return readdirSync(this.directory)
      .sort()
      .map((name) => join(this.directory, name));
  }

  remove(): void {
    rmSync(this.directory, { recursive: true });
  }
}

/** Takes all, in order, and ends each. */
export async function takeAll(spool: Spool): Promise<string[]> {
  const names: string[] = [];
  for (let taken = await spool.take(); taken; taken = await spool.take()) {
    names.push(nameOf(taken.batch));
    spool.done(taken.stored);
  }
  return names;
}

const sum = (counts: Float64Array) => counts.reduce((all, count) => all + count, 0);

/** Recovered, spooled, lost by reason. */
export function booksOf(ledger: Ledger): {
  recovered: number;
  spooled: number;
  lost: Record<string, number>;
} {
  const lost: Record<string, number> = {};
  for (const { event, reason, count } of ledger.losses())
    lost[`${event.replace(/^.*\./, '')} ${reason}`] = count;
  return { recovered: sum(ledger.recovered) + ledger.recoveredMixed, spooled: sum(ledger.spooled), lost };
}
