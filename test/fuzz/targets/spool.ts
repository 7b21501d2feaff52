// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { crc32 } from 'node:zlib';
import {
  DONE_BYTES,
  DONE_OFFSET,
  Format,
  frameHead,
  HEADER_BYTES,
  readHeader,
} from '../../../src/export/spool-frame.ts';
import { type Named, scan } from '../../../src/export/spool-recovery.ts';
import type { Target } from '../../support/fuzzer.ts';
import { batchNamed, NAMES } from '../../support/spooled.ts';

const frame = (name: string, format: Format = Format.PROTOBUF): Buffer => {
  const batch = batchNamed(name);
  return Buffer.concat([frameHead(batch, format, (type) => NAMES.get(type)!), batch.bytes]);
};

function seeds(): Buffer[] {
  const done = frame('done');
  done.set(DONE_BYTES, DONE_OFFSET);
  return [frame('one'), Buffer.concat([done, frame('two'), frame('json', Format.JSON)]), Buffer.alloc(0)];
}

function read(bytes: Buffer) {
  const segment = { size: 0, waiting: 0 };
  const records: Named = new Map();
  const foreign: Named = new Map();
  const { corrupt, useless } = scan(bytes, Format.PROTOBUF, segment, records, foreign);
  return { ...segment, records, foreign, corrupt, useless };
}

const sum = (counts: Named) => [...counts.values()].reduce((total, count) => total + count, 0);

/** A segment of the spool as any bytes: read up to its last whole frame, and what was cut off is counted. */
export const spool: Target = {
  name: 'spool',
  share: 1_500_000,
  seeds,
  repair(input, random) {
    // The lengths as they are, or right, and the checksums of what is there.
    for (let at = 0; at + HEADER_BYTES <= input.length; ) {
      const rest = input.length - at - HEADER_BYTES;
      if (input.readUInt32LE(at + 16) > rest || random.below(8) === 0)
        input.writeUInt32LE(random.below(4) === 0 ? rest : random.below(rest + 1), at + 16);
      const end = at + HEADER_BYTES + input.readUInt32LE(at + 16);
      if (random.below(8) > 0) {
        input.writeUInt32LE(crc32(input.subarray(at + HEADER_BYTES, end)), at + 12);
        input.writeUInt32LE(crc32(input.subarray(at + 16, at + HEADER_BYTES)), at + 8);
      }
      at = end;
    }
  },
  run(input) {
    const found = read(input);
    const { size, waiting, records, foreign, corrupt, useless } = found;
    const rest = readHeader(input.subarray(size, size + HEADER_BYTES));
    assert.ok(size === input.length || corrupt > 0 || rest?.isDone, 'cut, and nobody was told');
    assert.ok(sum(records) >= waiting && waiting + useless.length <= input.length / HEADER_BYTES);
    assert.ok(useless.every((offset) => offset + HEADER_BYTES <= size));
    // Cut where it says, and marked as it says, the next start finds the same and nothing that is corrupt.
    const cut = Buffer.from(input.subarray(0, size));
    for (const offset of useless) cut.set(DONE_BYTES, offset + DONE_OFFSET);
    assert.deepEqual(read(cut), { ...found, foreign: new Map(), corrupt: 0, useless: [] });
    const bucket = (count: number) => Math.min(count, 2);
    return `${bucket(waiting)} waiting, ${bucket(sum(foreign))} foreign, ${bucket(corrupt)} corrupt, ${bucket(records.size)} names${size < input.length ? ', cut' : ''}`;
  },
};
