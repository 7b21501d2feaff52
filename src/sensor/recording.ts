// SPDX-License-Identifier: Apache-2.0

/*
 * Recordings (*.ring): raw ring batches, so that everything behind the ring can be run again, anywhere.
 *
 *   "ASRING1\n", u32 length of the head, head (JSON: RecordingHead), then batches:
 *   u32 bytes, u32 crc32 of all that follows, i64 clock offset (ns), u64 read at (ns since the epoch), records
 *
 * Little endian. They hold argv as it was, before redaction: files are 0600.
 */
import { closeSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { LAYOUT_ID } from '../decode/layout.gen.ts';
import { RecordBatch } from '../decode/record.ts';
import { type KernelCounts, NO_COUNTS } from '../ledger.ts';
import type { Hooked, HookReport, HostFacts, Seed, Sensor } from './sensor.ts';

const MAGIC = 'ASRING1\n';
const BATCH_HEAD = 24;
/** A head of a few hundred users; a batch of the addon's buffer (addon/sensor.cc). */
const HEAD_MAX = 8 << 20;
const BATCH_MAX = (1 << 20) + (1 << 16);

export interface RecordingHead extends HostFacts {
  /** LAYOUT_ID in hexadecimal: a recording is read by the version of events.h that wrote it. */
  readonly layout: string;
  readonly hooks: readonly HookReport[];
}

/** A recording that cannot be read: what is wrong and where. */
export class RecordingError extends Error {}

/** Writes a recording; each batch is whole on disk or not there. */
export class Recorder {
  readonly #fd: number;
  readonly #batchHead = Buffer.alloc(BATCH_HEAD);
  bytes = 0;

  /** @throws the error of open(2): the file must not exist yet */
  constructor(path: string, facts: HostFacts & { readonly hooks: readonly HookReport[] }) {
    this.#fd = openSync(path, 'wx', 0o600);
    const head = Buffer.from(
      JSON.stringify({ layout: LAYOUT_ID.toString(16), ...facts } satisfies RecordingHead),
    );
    const length = Buffer.alloc(4);
    length.writeUInt32LE(head.length);
    this.#write(Buffer.concat([Buffer.from(MAGIC), length, head]));
  }

  /** @throws the error of write(2) (ENOSPC); what was written before stays readable */
  append(batch: RecordBatch, clockOffset: bigint): void {
    const { bytes } = batch;
    this.#batchHead.writeUInt32LE(bytes.length, 0);
    this.#batchHead.writeBigInt64LE(clockOffset, 8);
    this.#batchHead.writeBigUInt64LE(batch.observed, 16);
    this.#batchHead.writeUInt32LE(crc32(bytes, crc32(this.#batchHead.subarray(8))), 4);
    this.#write(this.#batchHead);
    this.#write(bytes);
  }

  #write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#fd, bytes, at);
    this.bytes += bytes.length;
  }

  close(): void {
    fsyncSync(this.#fd);
    closeSync(this.#fd);
  }
}

/** Reads a recording batch by batch; a cut or damaged end is an error that names the offset. */
export class RecordingReader {
  readonly head: RecordingHead;
  readonly #fd: number;
  #at = 0;
  readonly #buffer = new ArrayBuffer(BATCH_MAX);
  readonly #batch = new RecordBatch(this.#buffer);

  /** @throws RecordingError when it is none or of another layout; the error of open(2) */
  constructor(path: string) {
    this.#fd = openSync(path, 'r');
    try {
      if (this.#read(MAGIC.length)?.toString() !== MAGIC)
        throw new RecordingError('not a recording of agentsmith-otel');
      const length = this.#read(4)?.readUInt32LE() ?? HEAD_MAX + 1;
      const head = length <= HEAD_MAX ? this.#read(length) : undefined;
      if (!head) throw new RecordingError('the head of the recording is cut off');
      this.head = parseHead(head);
    } catch (error) {
      closeSync(this.#fd);
      throw error;
    }
  }

  /** The next batch with its clock offset, or undefined at the end. @throws RecordingError at a damaged batch */
  next(): { batch: RecordBatch; clockOffset: bigint } | undefined {
    const start = this.#at;
    const head = this.#read(BATCH_HEAD);
    if (!head) {
      if (this.#at !== start) throw new RecordingError(`the recording is cut off at byte ${start}`);
      return undefined;
    }
    const length = head.readUInt32LE(0);
    if (length > BATCH_MAX)
      throw new RecordingError(`the recording is damaged at byte ${start}: no such batch size`);
    const bytes = new Uint8Array(this.#buffer, 0, length);
    if (!this.#readInto(bytes)) throw new RecordingError(`the recording is cut off at byte ${start}`);
    if (crc32(bytes, crc32(head.subarray(8))) !== head.readUInt32LE(4)) {
      throw new RecordingError(`the recording is damaged at byte ${start}: checksum`);
    }
    return { batch: this.#batch.load(length, head.readBigUInt64LE(16)), clockOffset: head.readBigInt64LE(8) };
  }

  close(): void {
    closeSync(this.#fd);
  }

  #read(length: number): Buffer | undefined {
    const bytes = Buffer.alloc(length);
    return this.#readInto(bytes) ? bytes : undefined;
  }

  #readInto(bytes: Uint8Array): boolean {
    let filled = 0;
    while (filled < bytes.length) {
      const n = readSync(this.#fd, bytes, filled, bytes.length - filled, this.#at);
      if (n === 0) return false;
      filled += n;
      this.#at += n;
    }
    return true;
  }
}

function parseHead(bytes: Buffer): RecordingHead {
  let head: Partial<RecordingHead>;
  try {
    head = JSON.parse(bytes.toString()) as Partial<RecordingHead>;
  } catch {
    throw new RecordingError('the head of the recording is no JSON');
  }
  if (head?.layout !== LAYOUT_ID.toString(16)) {
    throw new RecordingError(`the recording was made by another version (layout ${head?.layout})`);
  }
  const { namespaces, users, hooks } = head;
  const whole =
    ['pid', 'mnt', 'net', 'uts', 'user'].every((name) => Number.isInteger((namespaces as never)?.[name])) &&
    typeof users === 'object' &&
    users !== null &&
    Array.isArray(hooks);
  if (!whole) throw new RecordingError('the head of the recording lacks namespaces, users or hooks');
  const isSeed = (seed: Partial<Seed> | null) =>
    typeof seed?.name === 'string' && Number.isInteger(seed.parent);
  if (!Object.values(head.seeds ?? {}).every(isSeed)) {
    throw new RecordingError('the head of the recording holds a process without name or parent');
  }
  return head as RecordingHead;
}

/** How often a full queue is looked at again. */
const ROOM_MS = 5;

/** A recording as a sensor: at the speed at which it was made, or as fast as it can be taken. */
export class ReplaySensor implements Sensor {
  readonly tier = undefined;
  readonly ringUsed = 0;
  readonly ringBytes = 0;
  readonly #reader: RecordingReader;
  readonly #fast: boolean;
  readonly #onEnd: (error?: Error) => void;
  #offset = 0n;
  #stopped = false;
  #timer: NodeJS.Timeout | undefined;

  /** `onEnd` is called once, after the last batch or with the error that ended it. */
  constructor(reader: RecordingReader, options: { fast: boolean; onEnd: (error?: Error) => void }) {
    this.#reader = reader;
    this.#fast = options.fast;
    this.#onEnd = options.onEnd;
  }

  get hooks(): readonly HookReport[] {
    return this.#reader.head.hooks;
  }

  hooksOf({ programs: { always = [], A = [], B = [] } }: Hooked): readonly HookReport[] {
    return this.hooks.filter(({ program }) => [...always, ...A, ...B].includes(program));
  }

  get clockOffset(): bigint {
    return this.#offset;
  }

  start(onBatch: (batch: RecordBatch) => void, hasRoom: () => boolean = () => true): void {
    let previous: bigint | undefined;
    const step = () => {
      if (this.#stopped) return;
      if (!hasRoom()) {
        this.#timer = setTimeout(step, ROOM_MS);
        return;
      }
      let next: ReturnType<RecordingReader['next']>;
      try {
        next = this.#reader.next();
      } catch (error) {
        this.#onEnd(error as Error);
        return;
      }
      if (!next) {
        this.#onEnd();
        return;
      }
      const { batch, clockOffset } = next;
      const pause =
        previous === undefined || this.#fast ? 0 : Number((batch.observed - previous) / 1_000_000n);
      previous = batch.observed;
      const deliver = () => {
        this.#offset = clockOffset;
        onBatch(batch);
        // Sockets get their turn, also at full speed.
        setImmediate(step);
      };
      if (pause > 0) this.#timer = setTimeout(deliver, pause);
      else deliver();
    };
    setImmediate(step);
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#reader.close();
  }

  counts(): KernelCounts {
    return NO_COUNTS;
  }

  forget(): void {}
}
