// SPDX-License-Identifier: Apache-2.0

const PLAIN = /^[\x20-\x7e]*$/;
/** Marks stand on the character before them. */
const MARK = /\p{M}/u;
/**
 * East Asian Width W and F (Unicode annex 11), in whole blocks, and emoji. A terminal may see a character of a newer
 * Unicode otherwise: whoever draws a screen must not rely on it (watch/screen.ts).
 */
const WIDE =
  /[\p{Emoji_Presentation}\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{16fe0}-\u{18cff}\u{1b000}-\u{1b2fb}\u{20000}-\u{3fffd}]/u;

const cellsOf = (character: string): number => (MARK.test(character) ? 0 : WIDE.test(character) ? 2 : 1);

/** Cells of a terminal that a text without control characters takes. */
export function cells(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += cellsOf(character);
  return width;
}

/** At most `width` cells of the text; the last one is an ellipsis when something was cut. */
export function cut(text: string, width: number): string {
  if (cells(text) <= width) return text;
  if (width < 1) return '';
  let kept = '';
  let left = width - 1;
  for (const character of text) {
    left -= cellsOf(character);
    if (left < 0) break;
    kept += character;
  }
  return `${kept}…`;
}

/** Just `width` cells: cut, or filled with blanks behind. */
export function padded(text: string, width: number): string {
  const kept = cut(text, width);
  return kept + ' '.repeat(Math.max(0, width - cells(kept)));
}
