// SPDX-License-Identifier: Apache-2.0
// The fuzzer finds what is wrong, keeps it, and tries it first the next time. What it finds in the product: test/fuzz.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Corpus } from '../support/corpus.ts';
import { fuzzTarget, type Target } from '../support/fuzzer.ts';

/** Wrong for what begins with two words of its language, one of which leads somewhere new. */
const target: Target = {
  name: 'wrong',
  share: 1,
  seeds: () => [Buffer.from('seed')],
  tokens: [Buffer.from('open '), Buffer.from('sesame')],
  run(input) {
    const text = input.toString('latin1');
    if (text.startsWith('open sesame')) throw new RangeError('it opened');
    return text.startsWith('open ') ? 'a beginning' : 'nothing';
  },
};

describe('the fuzzer', () => {
  let folder: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'agentsmith-corpus-'));
  });

  after(() => rmSync(folder, { recursive: true }));

  it('goes on from what leads somewhere new, and finds what is behind it', () => {
    const corpus = new Corpus(target.name, folder);
    const { findings, outcomes, kept } = fuzzTarget(target, corpus, 5000, 1);
    assert.deepEqual(
      findings.map(({ message }) => message),
      ['it opened'],
    );
    assert.ok(findings[0]!.input.toString('latin1').startsWith('open sesame'));
    assert.equal(outcomes, 2);
    assert.ok(kept >= 1);
    corpus.write();
  });

  it('tries what it kept first, and the same inputs with the same seed', () => {
    const again = () => fuzzTarget(target, new Corpus(target.name, folder), 0, 1);
    assert.equal(again().findings.length, 1);
    assert.equal(again().outcomes, 2);
    const run = () => fuzzTarget(target, new Corpus('none', folder), 500, 7);
    assert.deepEqual(run(), run());
  });

  it('keeps an input that failed once although it is right by now, and the shortest of each outcome', () => {
    const mended = { ...target, run: () => 'right' };
    const corpus = new Corpus(target.name, folder);
    assert.deepEqual(fuzzTarget(mended, corpus, 100, 1).findings, []);
    corpus.write();
    const kept = new Corpus(target.name, folder).read();
    assert.deepEqual(
      kept.map(({ outcome, failure }) => failure ?? outcome),
      ['it opened', 'right'],
    );
    assert.equal(kept[1]!.input.length, 0);
  });
});
