// SPDX-License-Identifier: Apache-2.0

interface Entry<T> {
  /** The text in words of four bytes, the last one filled with zeros. */
  readonly words: Uint32Array;
  readonly length: number;
  readonly value: T;
}

/**
 * What was made of texts that come again and again, as working directories and programs do: found by the bytes themselves,
 * four at a time, before anything is made of them. Two texts that meet at one place take turns, so it never grows.
 */
export class Recurring<T> {
  readonly #places: (Entry<T> | undefined)[];
  readonly #longest: number;
  #place = -1;

  /** `places` is a power of two; texts of more than `longest` bytes are not remembered. */
  constructor(places: number, longest: number) {
    this.#places = new Array(places).fill(undefined);
    this.#longest = longest;
  }

  /** What is remembered of a text of `view`. */
  find(view: DataView, start: number, length: number): T | undefined {
    // The last word may reach beyond the text, but not beyond the bytes.
    if (length === 0 || length > this.#longest || start + length + 3 > view.byteLength) {
      this.#place = -1;
      return undefined;
    }
    const whole = start + (length & ~3);
    const last = (length & 3) === 0 ? 0 : view.getUint32(whole, true) & (-1 >>> (32 - 8 * (length & 3)));
    let hash = Math.imul(length ^ last, 0x01000193);
    for (let at = start; at < whole; at += 4) hash = Math.imul(hash ^ view.getInt32(at, true), 0x01000193);
    // Upper bits depend on all bytes, lower ones only on lower ones.
    const place = (hash ^ (hash >>> 13) ^ (hash >>> 22)) & (this.#places.length - 1);
    this.#place = place;
    const found = this.#places[place];
    if (found === undefined || found.length !== length) return undefined;
    const { words } = found;
    let different = 0;
    for (let at = start, i = 0; at < whole; at += 4, i++) different |= words[i]! ^ view.getInt32(at, true);
    if ((length & 3) !== 0) different |= words[words.length - 1]! ^ last;
    return different === 0 ? found.value : undefined;
  }

  /** Remembers what was made of the text that {@link find} was last asked for, where it can be. */
  keep(view: DataView, start: number, length: number, value: T): void {
    if (this.#place < 0) return;
    const padded = new Uint8Array((length + 3) & ~3);
    padded.set(new Uint8Array(view.buffer, view.byteOffset + start, length));
    this.#places[this.#place] = { words: new Uint32Array(padded.buffer), length, value };
    this.#place = -1;
  }
}
