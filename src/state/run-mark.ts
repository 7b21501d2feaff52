// SPDX-License-Identifier: Apache-2.0
import {
  closeSync,
  constants,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  write,
  writeSync,
} from 'node:fs';

const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants;
const FILE_MODE = 0o600;
/** `running` or `stopped`, a space, a time in ns since the epoch with 20 digits, a line break: always as long. */
const LINE = /^(running|stopped) (\d{20})\n$/;
const LINE_BYTES = 29;

/**
 * A line on disk that says whether an agent runs, and up to which moment every event was acknowledged or is safe on
 * disk. A run that ends by itself says `stopped`; one that is killed cannot, so its successor knows that events may be
 * missing, and since when. The time may be too early (it is written about once a second), never too late.
 */
export class RunMark {
  readonly #fd: number;
  /** Since when events of a run that was killed may be missing, ns since the epoch; absent after a run that ended well. */
  readonly uncleanSince: bigint | undefined;
  /** What stands in the file, or will in a moment. */
  #time: bigint;
  #isWriting = false;
  #isClosed = false;

  /** `now`: ns since the epoch. @throws the error of open(2), write(2) */
  constructor(path: string, now: bigint) {
    this.#fd = openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW, FILE_MODE);
    try {
      this.uncleanSince = this.#read();
      this.#time = this.uncleanSince ?? now;
      writeSync(this.#fd, line('running', this.#time), 0, LINE_BYTES, 0);
      ftruncateSync(this.#fd, LINE_BYTES);
      fdatasyncSync(this.#fd);
    } catch (error) {
      closeSync(this.#fd);
      throw error;
    }
  }

  get time(): bigint {
    return this.#time;
  }

  /** Every event before `time` is safe. It may be earlier than before: clocks are set, recordings are old. */
  write(time: bigint): void {
    if (this.#isClosed || time === this.#time) return;
    this.#time = time;
    if (!this.#isWriting) this.#write();
  }

  /** The run ended by itself. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // A write that is under way would come behind ours.
    if (!this.#isWriting) this.#end();
  }

  #write(): void {
    const { time } = this;
    this.#isWriting = true;
    // What fails leaves an earlier time, which is as true.
    write(this.#fd, line('running', time), 0, LINE_BYTES, 0, () => {
      this.#isWriting = false;
      if (this.#isClosed) this.#end();
      else if (this.#time !== time) this.#write();
    });
  }

  #end(): void {
    try {
      writeSync(this.#fd, line('stopped', this.#time), 0, LINE_BYTES, 0);
      fdatasyncSync(this.#fd);
    } catch {
      // The next start will say that this run was killed: it lost nothing, but nobody can know.
    }
    closeSync(this.#fd);
  }

  #read(): bigint | undefined {
    const bytes = Buffer.alloc(LINE_BYTES + 1);
    const length = readSync(this.#fd, bytes, 0, bytes.length, 0);
    if (length === 0) return undefined;
    const match = LINE.exec(bytes.toString('latin1', 0, length));
    // Whatever it was: no run was before the file.
    if (!match) return fstatSync(this.#fd, { bigint: true }).birthtimeNs;
    return match[1] === 'running' ? BigInt(match[2]!) : undefined;
  }
}

function line(word: 'running' | 'stopped', time: bigint): Buffer {
  // Clocks of a made-up recording may say anything.
  return Buffer.from(`${word} ${`${BigInt.asUintN(63, time)}`.padStart(20, '0')}\n`, 'latin1');
}
