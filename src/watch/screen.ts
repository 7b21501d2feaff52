// SPDX-License-Identifier: Apache-2.0
import type { ReadStream, WriteStream } from 'node:tty';
import type { Size } from './layout.ts';

/** The screen of its own that terminals have for programs, without a cursor; a line that is too long does not go on below. */
const OPEN = '\x1b[?1049h\x1b[?25l\x1b[?7l';
/** Emptied first: some terminals keep what they cannot put back after a change of size. */
const CLOSE = '\x1b[H\x1b[J\x1b[?7h\x1b[?25h\x1b[?1049l';
/** What terminals send for Ctrl-C while keys come one by one. */
const INTERRUPT = '\x03';
const REDRAW_MS = 500;
/** Of a terminal that does not know its size. */
const DEFAULT: Size = { columns: 80, rows: 24 };

/** Whether a screen can be drawn there. */
export const canDraw = ({ isTTY }: WriteStream, term: string | undefined): boolean =>
  isTTY === true && term !== undefined && term !== '' && term !== 'dumb';

/**
 * A terminal that is drawn anew twice a second and when its size changes. Each line begins where it belongs, whatever
 * the terminal made of the one before. Whatever ends the process, the terminal is given back as it was.
 */
export class Screen {
  readonly #input: ReadStream;
  readonly #output: WriteStream;
  readonly #lines: (size: Size) => readonly string[];
  readonly #onQuit: () => void;
  #timer: NodeJS.Timeout | undefined;

  /** `lines`: what to draw; `onQuit`: q or Ctrl-C was pressed. */
  constructor(
    input: ReadStream,
    output: WriteStream,
    lines: (size: Size) => readonly string[],
    onQuit: () => void,
  ) {
    this.#input = input;
    this.#output = output;
    this.#lines = lines;
    this.#onQuit = onQuit;
  }

  open(): void {
    const input = this.#input;
    if (input.isTTY) {
      input.setRawMode(true);
      input.on('data', this.#onKeys).resume();
    }
    this.#output.write(OPEN);
    this.#output.on('resize', this.#draw);
    process.on('exit', this.close);
    this.#timer = setInterval(this.#draw, REDRAW_MS);
    this.#draw();
  }

  readonly close = (): void => {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    process.off('exit', this.close);
    this.#output.off('resize', this.#draw);
    if (this.#input.isTTY) {
      this.#input.off('data', this.#onKeys).pause();
      this.#input.setRawMode(false);
    }
    this.#output.write(CLOSE);
  };

  readonly #onKeys = (keys: Buffer): void => {
    const text = keys.toString('latin1');
    if (text.includes('q') || text.includes(INTERRUPT)) this.#onQuit();
  };

  readonly #draw = (): void => {
    // A terminal that takes nothing (Ctrl-S, a slow line) must not have screens pile up.
    if (this.#output.writableLength > 0) return;
    const { columns, rows } = this.#output;
    const lines = this.#lines({ columns: columns || DEFAULT.columns, rows: rows || DEFAULT.rows });
    this.#output.write(`${lines.map((line, i) => `\x1b[${i + 1};1H${line}\x1b[K`).join('')}\x1b[J`);
  };
}
