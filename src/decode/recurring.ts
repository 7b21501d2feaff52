// SPDX-License-Identifier: Apache-2.0

interface Entry<T> {
  /** The text in words of four bytes, the last one filled with zeros. */
  readonly words: Int32Array;
  readonly length: number;
  readonly value: T;
}

/**
 * What was made of texts that come again and again, as working directories and programs do: found by the bytes themselves,
 * four at a time, before anything is made of them. It never grows: of two texts that meet at one place the one that is there
 * stays as long as it is used. And a text is remembered when it comes a second time, since many come only once.
 */
export class Recurring<T> {
  readonly #places: (Entry<T> | undefined)[];
  readonly #longest: number;
  /** The hash of what was last not found at each place, until something was. */
  readonly #missed: Int32Array;
  #place = -1;

  /** `places` is a power of two; texts of more than `longest` bytes are not remembered. */
  constructor(places: number, longest: number) {
    this.#places = new Array(places).fill(undefined);
    this.#longest = longest;
    this.#missed = new Int32Array(places);
  }

  /** What is remembered of a text of `view`. */
  find(view: DataView, start: number, length: number): T | undefined {
    this.#place = -1;
    // The last word may reach beyond the text, but not beyond the bytes.
    if (length === 0 || length > this.#longest || start + length + 3 > view.byteLength) return undefined;
    const whole = start + (length & ~3);
    const last = (length & 3) === 0 ? 0 : view.getInt32(whole, true) & (-1 >>> (32 - 8 * (length & 3)));
    let hash = Math.imul(length ^ last, 0x01000193);
    for (let at = start; at < whole; at += 4) hash = Math.imul(hash ^ view.getInt32(at, true), 0x01000193);
    // Upper bits depend on all bytes, lower ones only on lower ones.
    const place = (hash ^ (hash >>> 13) ^ (hash >>> 22)) & (this.#places.length - 1);
    const found = this.#places[place];
    if (found !== undefined && found.length === length) {
      const { words } = found;
      let different = 0;
      for (let at = start, i = 0; at < whole; at += 4, i++) different |= words[i]! ^ view.getInt32(at, true);
      if ((length & 3) !== 0) different |= words[words.length - 1]! ^ last;
      if (different === 0) {
        this.#missed[place] = 0;
        return found.value;
      }
    }
    if (this.#missed[place] === hash) this.#place = place;
    this.#missed[place] = hash;
    return undefined;
  }

  /** Whether {@link keep} would remember the text that {@link find} was last asked for. */
  get isWanted(): boolean {
    return this.#place >= 0;
  }

  /** Remembers what was made of that text, where it is wanted. */
  keep(view: DataView, start: number, length: number, value: T): void {
    if (this.#place < 0) return;
    const padded = new Uint8Array((length + 3) & ~3);
    padded.set(new Uint8Array(view.buffer, view.byteOffset + start, length));
    this.#places[this.#place] = { words: new Int32Array(padded.buffer), length, value };
    this.#place = -1;
  }
}
