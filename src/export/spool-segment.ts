// SPDX-License-Identifier: Apache-2.0
import { constants } from 'node:fs';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { TYPES_MAX } from '../ledger.ts';
import { DONE_BYTES, DONE_OFFSET, type FrameHeader, HEADER_BYTES, readHeader } from './spool-frame.ts';

const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
const MODE = 0o600;

/** A frame that is also in memory; without segment = its file was dropped. */
export interface Held {
  segment: Segment | undefined;
}

/** One file of the spool: frames, one behind the other. One call at a time. */
export class Segment {
  readonly path: string;
  /** Bytes of whole frames: what lies behind is not read. */
  size = 0;
  /** Where the next frame to read begins. */
  readAt = 0;
  /** Frames that are to be read. */
  waiting = 0;
  /** Records in those, by event type. */
  readonly counts: Float64Array = new Float64Array(TYPES_MAX);
  /** By offset, frames whose batch is in memory as well: they are not read, and the file stays until they are done. */
  readonly held: Map<number, Held> = new Map();
  #file: FileHandle | undefined;

  constructor(path: string) {
    this.path = path;
  }

  /** @throws the error of open(2) when it is there already */
  async create(): Promise<void> {
    this.#file = await open(this.path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, MODE);
  }

  async #open(): Promise<FileHandle> {
    this.#file ??= await open(this.path, O_RDWR | O_NOFOLLOW);
    return this.#file;
  }

  /** Appends a frame as a whole or not at all. Returns where it begins. @throws the error of write(2) */
  async append(parts: readonly Uint8Array[]): Promise<number> {
    const file = await this.#open();
    const start = this.size;
    let at = start;
    try {
      for (const part of parts) {
        for (let done = 0; done < part.length; ) {
          const { bytesWritten } = await file.write(part, done, part.length - done, at);
          done += bytesWritten;
          at += bytesWritten;
        }
      }
    } catch (error) {
      // The next frame goes over it; should that not come, the header's checksum or the payload's tells.
      await file.truncate(start).catch(() => {});
      throw error;
    }
    this.size = at;
    return start;
  }

  /** The header of the next frame; undefined = there is none that can be read. */
  async readHeader(): Promise<FrameHeader | undefined> {
    const bytes = await this.#read(this.readAt, HEADER_BYTES);
    const header = bytes && readHeader(bytes);
    if (!header || this.readAt + HEADER_BYTES + header.payloadBytes > this.size) return undefined;
    return header;
  }

  /** What follows the header of the next frame; undefined = it could not be read. */
  readPayload({ payloadBytes }: FrameHeader): Promise<Buffer | undefined> {
    return this.#read(this.readAt + HEADER_BYTES, payloadBytes);
  }

  async #read(at: number, length: number): Promise<Buffer | undefined> {
    try {
      const file = await this.#open();
      const buffer = Buffer.allocUnsafeSlow(length);
      let read = 0;
      while (read < length) {
        const { bytesRead } = await file.read(buffer, read, length - read, at + read);
        if (bytesRead === 0) return undefined;
        read += bytesRead;
      }
      return buffer;
    } catch {
      return undefined;
    }
  }

  /** The frame at `offset` is never sent again. What fails makes it come twice. */
  async markDone(offset: number): Promise<void> {
    try {
      await (await this.#open()).write(DONE_BYTES, 0, DONE_BYTES.length, offset + DONE_OFFSET);
    } catch {}
  }

  /** Survives the host from now on. @throws the error of fdatasync(2) */
  async sync(): Promise<void> {
    await this.#file?.datasync();
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close().catch(() => {});
  }

  /** What cannot be deleted is found at the next start, and comes twice. */
  async remove(): Promise<void> {
    await this.close();
    await unlink(this.path).catch(() => {});
  }
}
