// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { cells, cut, padded } from '../../../src/export/cells.ts';
import { printable } from '../../../src/export/console.ts';

describe('text on a terminal', () => {
  it('takes one cell a character, two if it is wide, none if it is a mark', () => {
    for (const [text, expected] of [
      ['', 0],
      ['bash', 4],
      ['Größe', 5],
      ['日本語', 6],
      ['한글', 4],
      ['🦀', 2],
      ['e\u0301', 1],
      ['ｗｉｄｅ', 8],
    ] as const)
      assert.equal(cells(text), expected, text);
  });

  it('is cut between characters, with an ellipsis within the width', () => {
    assert.equal(cut('abcdef', 6), 'abcdef');
    assert.equal(cut('abcdef', 5), 'abcd…');
    assert.equal(cut('日本語', 5), '日本…');
    assert.equal(cut('日本語', 4), '日…');
    assert.equal(cut('🦀🦀', 3), '🦀…');
    assert.equal(cut('abc', 1), '…');
    assert.equal(cut('abc', 0), '');
    assert.equal(cut('', 0), '');
  });

  it('fills just its width, and no character is cut in two, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 0, max: 40 }), (text, width) => {
        const line = padded(printable(text), width);
        assert.equal(cells(line), width);
        assert.ok(line.isWellFormed());
      }),
    );
  });

  it('has nothing in it that moves the cursor, hides, turns round or climbs', () => {
    for (const [text, expected] of [
      ['\x1b[2J\r\n\x07\x9b31m\x7f', '\\x1b[2J\\x0d\\x0a\\x07\\x9b31m\\x7f'],
      ['\u202egnp.exe\u2066\u200b\u2028', '\\u{202e}gnp.exe\\u{2066}\\u{200b}\\u{2028}'],
      ['a\u00adb\u{e0041}\u3164', 'a\\xadb\\u{e0041}\\u{3164}'],
      ['Z\u0301\u0302\u0303\u0304', 'Z\u0301\u0302\\u{303}\\u{304}'],
      ['\ud800', '\\u{d800}'],
      ['naïve 日本 🦀 हिन्दी', 'naïve 日本 🦀 हिन्दी'],
    ] as const)
      assert.equal(printable(text), expected);
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        assert.doesNotMatch(printable(text), /[\p{C}\p{Zl}\p{Zp}]|\p{M}{3}/u);
      }),
    );
  });
});
