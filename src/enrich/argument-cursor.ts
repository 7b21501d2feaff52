// SPDX-License-Identifier: Apache-2.0

/** Blanks of ASCII. Not `\s`: that takes byte a0, the second half of an à, for a space. */
export const BLANK = '\t\n\v\f\r ';
const BREAKS = `${BLANK}"'\``;

/** The argument around a position. Positions only grow, so that all moves together read the text once. */
export class ArgumentCursor {
  readonly #text: string;
  start = 0;
  end: number;
  /** First blank or quote: what stands behind it may be several words, or a part of something quoted. */
  breakAt: number;
  /** Whether a shell is going to read it (`sh -c`): then blanks end values. */
  isScript = false;

  constructor(text: string) {
    this.#text = text;
    this.end = endOfArgument(text, 0);
    this.breakAt = this.#findBreak();
  }

  moveTo(at: number): void {
    if (at <= this.end) return;
    while (at > this.end) {
      this.isScript =
        this.end - this.start <= 8 && /^-[a-z]*c$/i.test(this.#text.slice(this.start, this.end));
      this.start = this.end + 1;
      this.end = endOfArgument(this.#text, this.start);
    }
    this.breakAt = this.#findBreak();
  }

  #findBreak(): number {
    let i = this.start;
    while (i < this.end && !BREAKS.includes(this.#text[i]!)) i++;
    return i;
  }
}

/** Where the argument that holds `from` ends. */
export function endOfArgument(text: string, from: number): number {
  const end = text.indexOf('\0', from);
  return end < 0 ? text.length : end;
}
