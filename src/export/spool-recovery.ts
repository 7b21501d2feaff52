// SPDX-License-Identifier: Apache-2.0
import { constants } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Format, FRAME_MAX, HEADER_BYTES, readHeader, readPayload } from './spool-frame.ts';
import { Segment } from './spool-segment.ts';

const { O_RDWR, O_NOFOLLOW, O_NONBLOCK } = constants;
/** A segment ends before the frame that would make it larger than 8 MiB (spool.ts): more is not ours. */
const FILE_MAX = 2 * FRAME_MAX;
const NAME = /^(\d{16})\.spool$/;

export const segmentPath = (directory: string, number: number): string =>
  join(directory, `${`${number}`.padStart(16, '0')}.spool`);

/** Records by the name of their event. */
export type Named = Map<string, number>;

/** What an earlier run left. */
export interface Recovered {
  readonly segments: readonly { readonly segment: Segment; readonly records: Named }[];
  /** Of the other encoding: the receiver of this run does not understand them. */
  readonly foreign: Named;
  /** Records of batches that were cut or changed; one for each that does not even say how many it held. */
  readonly corrupt: number;
  /** For the next segment. */
  readonly nextNumber: number;
}

/** Reads what lies in the directory, oldest first: every file up to its last whole frame, the rest is cut off. */
export async function recover(directory: string, format: Format): Promise<Recovered> {
  const files = (await readdir(directory, { withFileTypes: true }))
    .filter((file) => file.isFile() && NAME.test(file.name))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const segments: Recovered['segments'][number][] = [];
  const foreign: Named = new Map();
  let corrupt = 0;
  for (const { name } of files) {
    const segment = new Segment(join(directory, name));
    const found = await read(segment.path);
    const records: Named = new Map();
    const state = scan(found?.bytes ?? Buffer.alloc(0), format, segment, records, foreign);
    corrupt += found === undefined ? 1 : state.corrupt;
    if (found && found.size > segment.size) await cut(segment.path, segment.size);
    for (const offset of state.useless) await segment.markDone(offset);
    await segment.close();
    if (segment.waiting > 0) segments.push({ segment, records });
    else if (found) await segment.remove();
  }
  const last = Number(files.at(-1)?.name.slice(0, 16) ?? 0);
  return { segments, foreign, corrupt, nextNumber: last + 1 };
}

async function read(path: string): Promise<{ bytes: Buffer; size: number } | undefined> {
  try {
    await using file = await open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK);
    const { size } = await file.stat();
    const bytes = Buffer.allocUnsafeSlow(Math.min(size, FILE_MAX));
    let at = 0;
    while (at < bytes.length) {
      const { bytesRead } = await file.read(bytes, at, bytes.length - at, at);
      if (bytesRead === 0) break;
      at += bytesRead;
    }
    return { bytes: bytes.subarray(0, at), size };
  } catch {
    return undefined;
  }
}

async function cut(path: string, size: number): Promise<void> {
  try {
    await using file = await open(path, O_RDWR | O_NOFOLLOW);
    await file.truncate(size);
  } catch {
    // Then it is cut, and counted, again.
  }
}

/** Counts the frames of a file into `segment`, `records` and `foreign`. Never throws, whatever the bytes are. */
export function scan(
  bytes: Buffer,
  format: Format,
  segment: Pick<Segment, 'size' | 'waiting'>,
  records: Named,
  foreign: Named,
): { readonly corrupt: number; readonly useless: readonly number[] } {
  let corrupt = 0;
  const useless: number[] = [];
  let at = 0;
  while (at < bytes.length) {
    const header = readHeader(bytes.subarray(at, at + HEADER_BYTES));
    const end = at + HEADER_BYTES + (header?.payloadBytes ?? 0);
    if (!header || end > bytes.length) {
      if (header?.isDone !== true) corrupt += header?.records ?? 1;
      break;
    }
    if (!header.isDone) {
      const framed = readPayload(header, bytes.subarray(at + HEADER_BYTES, end));
      if (framed === undefined) corrupt += header.records;
      else {
        const into = header.format === format ? records : foreign;
        for (const type of framed.batch.types) {
          const name = framed.names.get(type) ?? '';
          into.set(name, (into.get(name) ?? 0) + 1);
        }
      }
      if (framed && header.format === format) segment.waiting++;
      else useless.push(at);
    }
    at = end;
  }
  segment.size = at;
  return { corrupt, useless };
}
