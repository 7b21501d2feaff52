// SPDX-License-Identifier: Apache-2.0
// Whatever comes from outside, from the corpus that `npm run fuzz` keeps: first that, then some changed inputs.
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { Corpus } from '../support/corpus.ts';
import { factor, seed } from '../support/fuzz.ts';
import { fuzzTarget } from '../support/fuzzer.ts';
import { TARGETS } from './targets/index.ts';

/** Of the long run. */
const PART = 1 / 400;
const CORPUS_MAX = 1 << 20;

describe('what comes from outside', function () {
  this.timeout('5m');

  for (const target of TARGETS) {
    it(`is taken as it is promised by the target ${target.name}`, () => {
      const inputs = Math.ceil(target.share * PART * factor);
      const { findings, outcomes } = fuzzTarget(target, new Corpus(target.name), inputs, seed);
      assert.deepEqual(
        findings.map(({ message, input }) => `${message}: ${JSON.stringify(input.toString('latin1'))}`),
        [],
      );
      assert.ok(outcomes > 1, 'every input has the same outcome');
    });

    it(`has a corpus of the target ${target.name}, within its bounds`, () => {
      const corpus = new Corpus(target.name);
      assert.ok(corpus.read().length > 1);
      assert.ok(statSync(corpus.path).size <= CORPUS_MAX);
    });
  }
});
