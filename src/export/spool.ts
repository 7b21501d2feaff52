// SPDX-License-Identifier: Apache-2.0
// Past 400 lines: whatever changes the books of a file stands beside what changes the file.
import { open } from 'node:fs/promises';
import { eventDefinitions } from '../events/index.ts';
import { type Ledger, UNKNOWN } from '../ledger.ts';
import type { Batch, LossReason } from './batch.ts';
import { type OutputFileError, outputError } from './file.ts';
import { type Format, frameHead, HEADER_BYTES, readPayload } from './spool-frame.ts';
import { type Recovered, recover, segmentPath } from './spool-recovery.ts';
import { type Held, Segment } from './spool-segment.ts';

/** News of the spool: the disk refuses, for a new reason; takes batches again; the oldest are dropped for want of room. */
export type SpoolStatus =
  | { readonly kind: 'failed'; readonly error: OutputFileError }
  | { readonly kind: 'works' }
  | { readonly kind: 'full' };

export interface SpoolOptions {
  /** Only ours (StateDirectory). */
  readonly directory: string;
  /** Bytes on disk, at most. */
  readonly maxBytes: number;
  /** How this run's receiver wants requests. */
  readonly format: Format;
  onState(status: SpoolStatus): void;
}

/** Two full batches and a bit: what waits for a disk; then batches wait in the queue, where they are bounded. */
const PENDING_MAX = 16 << 20;
/** A file of the spool: the unit that is dropped when there is no room, and deleted when it was sent. */
const SEGMENT_MAX = 8 << 20;
/** Of a small spool a part, so that dropping one does not empty it. */
const SEGMENTS_MIN = 8;
/** What the host may lose when it loses power, and how often an outage asks the disk to write. */
const SYNC_MS = 1000;
/** A disk that refused is asked again after this time. */
const RETRY_MS = 1000;
/** Dropping is told again after this time; the stream has a gap record for each second of it. */
const QUIET_MS = 60_000;
/** Names of events of earlier runs that get a row in the ledger, which is a small table; the others share one. */
const NAMES_MAX = 24;
/** errno's names for lack of room. */
const FULL: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT']);

/** A batch on its way to the disk, or there. */
export class Stored implements Held {
  segment: Segment | undefined;
  offset = 0;
  /** Written, or given up. */
  isSettled = false;
  /** The batch is in memory as well, and counts there. */
  isHeld: boolean;
  isDone = false;
  readonly batch: Batch;
  /** From when its records are; undefined = they are safe already. */
  readonly since: bigint | undefined;

  constructor(batch: Batch, since: bigint | undefined, isHeld: boolean) {
    this.batch = batch;
    this.since = since;
    this.isHeld = isHeld;
  }
}

/** A batch that was read from the disk. */
export interface Taken {
  readonly batch: Batch;
  readonly stored: Stored;
}

/**
 * Batches on disk, oldest first, bounded: files of frames (spool-frame.ts). Where there is no room the oldest file is
 * dropped and counted. Everything that touches the disk runs one after the other, off the event loop; accepting a batch,
 * and letting go of one, are immediate.
 */
export class Spool {
  readonly maxBytes: number;
  readonly #options: SpoolOptions;
  readonly #segmentBytes: number;
  readonly #segments: Segment[];
  readonly #pending: Stored[] = [];
  #recovered: Recovered | undefined;
  #nextNumber: number;
  #ledger!: Ledger;
  #onReturned: (batch: Batch, since: bigint | undefined) => void = () => {};
  #onWritten: () => void = () => {};
  #writer: Segment | undefined;
  readonly #types = new Map<string, number>();
  #pendingBytes = 0;
  #work: Promise<void> = Promise.resolve();
  #dirtySince: bigint | undefined;
  #syncTimer: NodeJS.Timeout | undefined;
  #failing: string | undefined;
  #retryAt = 0;
  #toldFullAt = Number.NEGATIVE_INFINITY;
  #isClosed = false;

  private constructor(options: SpoolOptions, recovered: Recovered) {
    this.#options = options;
    this.maxBytes = options.maxBytes;
    this.#segmentBytes = Math.min(SEGMENT_MAX, options.maxBytes / SEGMENTS_MIN);
    this.#recovered = recovered;
    this.#segments = recovered.segments.map(({ segment }) => segment);
    this.#nextNumber = recovered.nextNumber;
  }

  /** Reads what an earlier run left: about a second for 512 MiB. @throws the error of readdir(3) */
  static async open(options: SpoolOptions): Promise<Spool> {
    return new Spool(options, await recover(options.directory, options.format));
  }

  /** Bytes on disk. */
  get usedBytes(): number {
    return this.#segments.reduce((sum, { size }) => sum + size, 0);
  }

  /** Batches on disk that nobody has taken. */
  get waiting(): number {
    return this.#segments.reduce((sum, { waiting }) => sum + waiting, 0);
  }

  /** Records that an earlier run left; until {@link start}. */
  get left(): number {
    const named = this.#recovered?.segments.flatMap(({ records }) => [...records.values()]) ?? [];
    return named.reduce((sum, count) => sum + count, 0);
  }

  /** Whether the disk works, and keeps up with what comes. */
  get isTaking(): boolean {
    return this.#retryAt <= performance.now() && this.#pendingBytes <= PENDING_MAX;
  }

  /** From when the oldest record is that a crash of the host would lose here, ns since the epoch. */
  get unsafeSince(): bigint | undefined {
    let oldest = this.#dirtySince;
    for (const { since } of this.#pending) oldest = earlier(oldest, since);
    return oldest;
  }

  /**
   * Enters what an earlier run left into the books; before anything else. `onReturned` gets batches that the disk did
   * not take after all, `onWritten` is called when there may be room for more, or something to take.
   */
  start(
    ledger: Ledger,
    onReturned: (batch: Batch, since: bigint | undefined) => void,
    onWritten: () => void,
  ): void {
    this.#ledger = ledger;
    this.#onReturned = onReturned;
    this.#onWritten = onWritten;
    const { segments, foreign, corrupt } = this.#recovered!;
    this.#recovered = undefined;
    for (const { segment, records } of segments) {
      for (const [name, count] of records) {
        const type = this.#typeOf(name);
        ledger.recovered[type]! += count;
        ledger.spooled[type]! += count;
        segment.counts[type]! += count;
      }
    }
    for (const [name, count] of foreign) {
      const type = this.#typeOf(name);
      ledger.recovered[type]! += count;
      ledger.lost(type, 'rejected', count);
    }
    if (corrupt === 0) return;
    ledger.recoveredMixed += corrupt;
    ledger.lostMixed('spool_corrupt', corrupt);
  }

  /** This run's type of an event of any run. */
  #typeOf(name: string): number {
    const found = this.#types.get(name);
    if (found !== undefined) return found;
    const kernel = KERNEL_EVENTS.get(name);
    if (kernel !== undefined) this.#ledger.add(kernel, name);
    const isKnown = name !== '' && this.#types.size < NAMES_MAX;
    const type = kernel ?? this.#ledger.typeOf(isKnown ? name : UNKNOWN);
    this.#types.set(name, type);
    return type;
  }

  /**
   * Takes a batch; undefined = not now. `held`: the caller keeps it as well, and says when it is done. `isLast`: there
   * will be no other try.
   */
  put(batch: Batch, since: bigint | undefined, { held = false, isLast = false } = {}): Stored | undefined {
    if (this.#isClosed || (!isLast && !this.isTaking)) return undefined;
    const stored = new Stored(batch, since, held);
    this.#pending.push(stored);
    this.#pendingBytes += batch.bytes.length;
    this.#do(() => this.#store(stored));
    return stored;
  }

  /** The oldest batch that nobody has taken; it counts as in memory from now on, and is the caller's to end. */
  async take(): Promise<Taken | undefined> {
    let taken: Taken | undefined;
    this.#do(async () => {
      taken = await this.#read();
    });
    await this.#work;
    return taken;
  }

  /** The batch need not be sent again: it was acknowledged, or counted as lost. */
  done(stored: Stored): void {
    if (stored.isDone) return;
    stored.isDone = true;
    const { segment } = stored;
    if (segment) this.#do(() => this.#forget(stored, segment));
  }

  /** The batch leaves the memory without an end: false = it is not on disk either. */
  release(stored: Stored): boolean {
    if (!stored.isHeld) return true;
    const { segment, batch } = stored;
    if (stored.isSettled && !segment) return false;
    stored.isHeld = false;
    if (segment) this.#count(segment, batch.types, 1);
    return true;
  }

  /** Resolves when the disk has done all that it was asked to do so far. */
  get idle(): Promise<void> {
    return this.#work;
  }

  /** Whether the bytes of a batch are still needed. */
  isWriting(batch: Batch): boolean {
    return this.#pending.some((stored) => stored.batch === batch);
  }

  /** Writes what was taken, for at most `withinMs`; what is left then is returned. */
  async close(withinMs: number): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#syncTimer);
    this.#do(() => this.#sync());
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, withinMs);
    });
    await Promise.race([this.#work, limit]);
    clearTimeout(timer);
    for (const stored of this.#pending.splice(0)) this.#giveBack(stored);
    const closed = Promise.all(this.#segments.map((segment) => segment.close()));
    // A device that hangs must not hold the end.
    if (this.#failing === undefined) await Promise.race([closed, limit]);
  }

  /** One after the other; a failure of one is told and does not stop the next. */
  #do(step: () => Promise<void>): void {
    this.#work = this.#work.then(step).catch((error) => this.#failed(error));
  }

  async #store(stored: Stored): Promise<void> {
    // Given back at the end, while the disk hung.
    if (this.#pending[0] !== stored) return;
    const { batch } = stored;
    const isWritten = !stored.isDone && (await this.#write(stored));
    if (this.#pending[0] !== stored) return;
    this.#pending.shift();
    this.#pendingBytes -= batch.bytes.length;
    stored.isSettled = true;
    if (!isWritten && !stored.isDone) this.#giveBack(stored);
    else if (isWritten) {
      const segment = stored.segment!;
      segment.held.set(stored.offset, stored);
      if (stored.isDone) await this.#forget(stored, segment);
      else if (!stored.isHeld) {
        segment.held.delete(stored.offset);
        segment.waiting++;
        this.#count(segment, batch.types, 1);
      }
      this.#succeeded(stored.since);
    }
    this.#onWritten();
  }

  #giveBack(stored: Stored): void {
    stored.isSettled = true;
    if (!stored.isHeld && !stored.isDone) this.#onReturned(stored.batch, stored.since);
  }

  /** False = the disk did not take it. */
  async #write(stored: Stored): Promise<boolean> {
    const { batch } = stored;
    const head = frameHead(batch, this.#options.format, (type) => this.#ledger.name(type) ?? '');
    const size = head.length + batch.bytes.length;
    for (;;) {
      try {
        const segment = await this.#roomFor(size);
        if (!segment) return false;
        stored.offset = await segment.append([head, batch.bytes]);
        stored.segment = segment;
        return true;
      } catch (error) {
        if (FULL.has((error as NodeJS.ErrnoException).code ?? '') && (await this.#dropOldest())) continue;
        this.#failed(error);
        return false;
      }
    }
  }

  /** The file that takes the next frame; undefined = the frame alone is more than the spool may be. */
  async #roomFor(size: number): Promise<Segment | undefined> {
    const writer = this.#writer;
    if (writer && writer.size > 0 && writer.size + size > this.#segmentBytes) {
      await writer.sync();
      this.#writer = undefined;
      await this.#closeIdle(writer);
    }
    while (this.usedBytes + size > this.maxBytes) if (!(await this.#dropOldest())) return undefined;
    if (!this.#writer) {
      const segment = new Segment(segmentPath(this.#options.directory, this.#nextNumber++));
      await segment.create();
      this.#segments.push(segment);
      this.#writer = segment;
      // The name survives the host too.
      await using directory = await open(this.#options.directory);
      await directory.sync();
    }
    return this.#writer;
  }

  /** Gives up the oldest file; false = there is none but the one that is being written. */
  async #dropOldest(): Promise<boolean> {
    const [segment] = this.#segments;
    if (!segment || segment === this.#writer) return false;
    for (const held of segment.held.values()) held.segment = undefined;
    this.#loseRest(segment, 'spool_full');
    await this.#remove(segment);
    const now = performance.now();
    if (now - this.#toldFullAt >= QUIET_MS) {
      this.#toldFullAt = now;
      this.#options.onState({ kind: 'full' });
    }
    return true;
  }

  async #read(): Promise<Taken | undefined> {
    for (;;) {
      const segment = this.#segments.find(({ waiting }) => waiting > 0);
      if (!segment) return undefined;
      const header = await segment.readHeader();
      if (!header) {
        // Where the next frame begins is not known.
        this.#loseRest(segment, 'spool_corrupt');
        await this.#leave(segment);
        continue;
      }
      const offset = segment.readAt;
      if (header.isDone || segment.held.has(offset)) {
        segment.readAt += HEADER_BYTES + header.payloadBytes;
        continue;
      }
      const payload = await segment.readPayload(header);
      segment.readAt += HEADER_BYTES + header.payloadBytes;
      const framed = payload && readPayload(header, payload);
      segment.waiting--;
      if (framed) {
        const { names } = framed;
        const known = new Map([...names].map(([type, name]) => [type, this.#typeOf(name)]));
        const types = framed.batch.types.map((type) => known.get(type) ?? this.#typeOf(''));
        const batch = { ...framed.batch, types };
        const stored = new Stored(batch, undefined, true);
        Object.assign(stored, { segment, offset, isSettled: true });
        segment.held.set(offset, stored);
        this.#count(segment, types, -1);
        return { batch, stored };
      }
      // Which events it held is known when the rest of the file was read.
      if (segment.waiting === 0) this.#loseRest(segment, 'spool_corrupt');
      await this.#leave(segment);
    }
  }

  #count(segment: Segment, types: Uint8Array, sign: 1 | -1): void {
    for (const type of types) {
      segment.counts[type]! += sign;
      this.#ledger.spooled[type]! += sign;
    }
  }

  #loseRest(segment: Segment, reason: LossReason): void {
    for (const [type, count] of segment.counts.entries()) {
      if (count === 0) continue;
      this.#ledger.spooled[type]! -= count;
      this.#ledger.lost(type, reason, count);
    }
    segment.counts.fill(0);
    segment.waiting = 0;
  }

  async #forget(stored: Stored, segment: Segment): Promise<void> {
    if (stored.segment !== segment) return;
    segment.held.delete(stored.offset);
    if (!(await this.#leave(segment))) await segment.markDone(stored.offset);
    await this.#closeIdle(segment);
  }

  /** Deletes a file of which nothing is needed any more. */
  async #leave(segment: Segment): Promise<boolean> {
    // A file that is about to be written to would be made again at once.
    const isNeeded = segment === this.#writer && this.#pending.length > 0;
    if (segment.waiting > 0 || segment.held.size > 0 || isNeeded) return false;
    this.#loseRest(segment, 'spool_corrupt');
    await this.#remove(segment);
    return true;
  }

  async #remove(segment: Segment): Promise<void> {
    this.#segments.splice(this.#segments.indexOf(segment), 1);
    if (this.#writer === segment) this.#writer = undefined;
    await segment.remove();
  }

  /** Descriptors are kept only of files that are written or read. */
  async #closeIdle(segment: Segment): Promise<void> {
    const isRead = segment === this.#segments[0];
    if (segment !== this.#writer && !isRead && segment.held.size === 0) await segment.close();
  }

  async #sync(): Promise<void> {
    this.#syncTimer = undefined;
    await this.#writer?.sync();
    this.#dirtySince = undefined;
  }

  #succeeded(since: bigint | undefined): void {
    this.#dirtySince = earlier(this.#dirtySince, since);
    if (!this.#isClosed) this.#syncTimer ??= setTimeout(() => this.#do(() => this.#sync()), SYNC_MS);
    if (this.#failing === undefined) return;
    this.#failing = undefined;
    this.#options.onState({ kind: 'works' });
  }

  #failed(cause: unknown): void {
    const error = outputError(this.#options.directory, cause);
    this.#retryAt = performance.now() + RETRY_MS;
    if (this.#failing === error.code) return;
    this.#failing = error.code;
    this.#options.onState({ kind: 'failed', error });
  }
}

function earlier(a: bigint | undefined, b: bigint | undefined): bigint | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a < b ? a : b;
}

/** Those of the kernel have the same types in every run. */
const KERNEL_EVENTS: ReadonlyMap<string, number> = new Map(
  eventDefinitions({ redact: true }).map(({ name, type }) => [name, type]),
);
