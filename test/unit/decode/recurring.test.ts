// SPDX-License-Identifier: Apache-2.0
// What is remembered of texts, by their bytes. What is made of them: the tests of those who ask.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Recurring } from '../../../src/decode/recurring.ts';

/** Asks for a text that stands somewhere in a buffer, and gives its value to be kept where there is none. */
function ask(texts: Recurring<string>, text: Uint8Array, before = 1, behind = 3): string | undefined {
  const bytes = Buffer.concat([Buffer.alloc(before, 0x7b), text, Buffer.alloc(behind, 0x7d)]);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const found = texts.find(view, before, text.length);
  if (found === undefined) texts.keep(view, before, text.length, Buffer.from(text).toString('hex'));
  return found;
}

describe('texts that recur', () => {
  it('are known from the third time on, wherever they stand', () => {
    const texts = new Recurring<string>(16, 100);
    const text = Buffer.from('/usr/bin');
    assert.equal(ask(texts, text, 0), undefined);
    assert.equal(ask(texts, text, 1), undefined);
    for (const before of [0, 1, 2, 3, 4]) assert.equal(ask(texts, text, before), text.toString('hex'));
  });

  it('stay while they are used, and make room when they are not', () => {
    const texts = new Recurring<string>(1, 100);
    const [one, other] = [Buffer.from('one'), Buffer.from('other')];
    ask(texts, one);
    ask(texts, one);
    for (let i = 0; i < 3; i++) {
      assert.equal(ask(texts, other), undefined);
      assert.equal(ask(texts, one), one.toString('hex'));
    }
    ask(texts, other);
    ask(texts, other);
    assert.equal(ask(texts, other), other.toString('hex'));
    assert.equal(ask(texts, one), undefined);
  });

  it('are not remembered when they are long, empty, or at the very end of the bytes', () => {
    const texts = new Recurring<string>(16, 8);
    for (const text of [Buffer.alloc(9, 1), Buffer.alloc(0)]) {
      for (let i = 0; i < 4; i++) assert.equal(ask(texts, text), undefined);
    }
    for (let i = 0; i < 4; i++) assert.equal(ask(texts, Buffer.from('end'), 1, 2), undefined);
  });

  it('are never taken for another', () => {
    const text = fc.uint8Array({ maxLength: 9, max: 2 });
    fc.assert(
      fc.property(fc.array(text, { maxLength: 60 }), (list) => {
        const texts = new Recurring<string>(4, 8);
        for (const each of list) {
          for (let i = 0; i < 3; i++) {
            const found = ask(texts, each, i);
            assert.ok(found === undefined || found === Buffer.from(each).toString('hex'));
          }
        }
      }),
      { numRuns: 500 },
    );
  });
});
