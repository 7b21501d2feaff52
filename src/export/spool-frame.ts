// SPDX-License-Identifier: Apache-2.0
import { crc32 } from 'node:zlib';
import type { Batch } from './batch.ts';
import { RECORDS_MAX } from './batches.ts';

/*
 * A batch on disk: a header of ten little-endian words, then the names of its event types, the type of each record, and
 * the request. Each frame says all that is needed to send and to count it, in whichever run that will be.
 *
 *   0 magic   1 done   2 CRC of words 4–9   3 CRC of the payload   4 payload bytes   5 records   6 bytes of names
 *   7, 8 where the records begin and end in the request   9 format
 *
 * `done` alone is written later, over itself, and stands outside the checksums: torn or flipped it reads as "not done",
 * and a batch comes twice rather than never. The CRC is zlib's CRC-32: native, some GB/s, as sure as CRC-32C for
 * accidents of this size, and no code of ours.
 */
export const HEADER_BYTES = 40;
const MAGIC = 0x31425341;
const DONE = 0x454e4f44;
/** Where `done` stands. */
export const DONE_OFFSET = 4;
export const DONE_BYTES: Buffer = word(DONE);
/** The largest batch is 3.9 MiB (batches.ts): a length beyond this is none. */
export const FRAME_MAX: number = 8 << 20;

/** How requests are written: those of one cannot be sent as the other. */
export const Format = { PROTOBUF: 0, JSON: 1 } as const;
export type Format = (typeof Format)[keyof typeof Format];

export interface FrameHeader {
  readonly isDone: boolean;
  readonly payloadCrc: number;
  readonly payloadBytes: number;
  readonly records: number;
  readonly namesBytes: number;
  readonly recordsStart: number;
  readonly recordsEnd: number;
  readonly format: number;
}

/** A batch that was read back, with the name of each of its types. */
export interface FramedBatch {
  readonly names: ReadonlyMap<number, string>;
  readonly batch: Batch;
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** What stands before the request on disk. */
export function frameHead(batch: Batch, format: Format, nameOf: (type: number) => string): Buffer {
  const { bytes, types, recordsStart, recordsEnd } = batch;
  const names = [...new Set(types)].map((type) => {
    const name = Buffer.from(nameOf(type));
    return Buffer.concat([Buffer.of(type, name.length & 255, name.length >> 8), name]);
  });
  const before = Buffer.concat([...names, types]);
  const head = Buffer.alloc(HEADER_BYTES);
  head.writeUInt32LE(MAGIC, 0);
  head.writeUInt32LE(crc32(bytes, crc32(before)), 12);
  head.writeUInt32LE(before.length + bytes.length, 16);
  head.writeUInt32LE(types.length, 20);
  head.writeUInt32LE(before.length - types.length, 24);
  head.writeUInt32LE(recordsStart, 28);
  head.writeUInt32LE(recordsEnd, 32);
  head.writeUInt32LE(format, 36);
  head.writeUInt32LE(crc32(head.subarray(16)), 8);
  return Buffer.concat([head, before]);
}

/** Reads a header; undefined when there is none at the start of `bytes`. */
export function readHeader(bytes: Buffer): FrameHeader | undefined {
  if (bytes.length < HEADER_BYTES || bytes.readUInt32LE(0) !== MAGIC) return undefined;
  if (crc32(bytes.subarray(16, HEADER_BYTES)) !== bytes.readUInt32LE(8)) return undefined;
  const [payloadBytes, records, namesBytes, recordsStart, recordsEnd, format] = [16, 20, 24, 28, 32, 36].map(
    (at) => bytes.readUInt32LE(at),
  ) as [number, number, number, number, number, number];
  const requestBytes = payloadBytes - namesBytes - records;
  const isPossible =
    payloadBytes <= FRAME_MAX &&
    records >= 1 &&
    records <= RECORDS_MAX &&
    recordsStart <= recordsEnd &&
    recordsEnd <= requestBytes;
  if (!isPossible) return undefined;
  const isDone = bytes.readUInt32LE(DONE_OFFSET) === DONE;
  const payloadCrc = bytes.readUInt32LE(12);
  return { isDone, payloadCrc, payloadBytes, records, namesBytes, recordsStart, recordsEnd, format };
}

/** Reads what stands behind a header; undefined when it is not what was written. The batch shares its memory. */
export function readPayload(header: FrameHeader, payload: Buffer): FramedBatch | undefined {
  const { payloadBytes, payloadCrc, namesBytes, records, recordsStart, recordsEnd } = header;
  if (payload.length !== payloadBytes || crc32(payload) !== payloadCrc) return undefined;
  const names = readNames(payload.subarray(0, namesBytes));
  if (names === undefined) return undefined;
  const types = payload.subarray(namesBytes, namesBytes + records);
  const bytes = payload.subarray(namesBytes + records);
  return { names, batch: { bytes, types, recordsStart, recordsEnd } };
}

function readNames(bytes: Buffer): Map<number, string> | undefined {
  const names = new Map<number, string>();
  for (let at = 0; at < bytes.length; ) {
    if (at + 3 > bytes.length) return undefined;
    const end = at + 3 + bytes.readUInt16LE(at + 1);
    if (end > bytes.length) return undefined;
    names.set(bytes[at]!, bytes.toString('utf8', at + 3, end));
    at = end;
  }
  return names;
}
