// SPDX-License-Identifier: Apache-2.0
// The list of tricks is whole. What became of each is compared by the tricks themselves (test/evasion).
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readOutcomes } from '../support/outcomes.ts';
import { repository } from '../support/repository.ts';

const TRICKS = 43;

describe('the list of tricks', () => {
  const rows = readOutcomes();

  it('has every number once, in order', () => {
    assert.deepEqual(
      rows.map(({ number }) => number),
      Array.from({ length: TRICKS }, (_, i) => i + 1),
    );
  });

  it('has an outcome on both tiers, and what sees the trick or why it was not tried', () => {
    for (const { number, title, how, A, B } of rows) {
      assert.ok(title && A && B, `${number} was not run on both tiers`);
      assert.ok(how || A.startsWith('untried: '), `${number} does not say what sees it`);
    }
  });

  it('has a file for each trick that is tried', () => {
    const files = readdirSync(join(repository, 'test/evasion')).filter((name) => name.endsWith('.test.ts'));
    const numbers = new Set(files.map((name) => Number.parseInt(name, 10)));
    for (const { number, how } of rows)
      assert.ok(how === '' || numbers.has(number), `there is no test/evasion/${number}-….test.ts`);
  });
});
