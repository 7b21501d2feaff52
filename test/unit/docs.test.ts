// SPDX-License-Identifier: Apache-2.0
// The pages that are made from the code say what the code says. What the sentences mean is left to readers.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pages } from '../../docs/generate.ts';
import { repository } from '../support/repository.ts';

describe('generated pages', () => {
  for (const [path, text] of pages(repository)) {
    it(`${path} is up to date (npm run docs)`, () => {
      assert.equal(readFileSync(join(repository, path), 'utf8'), text);
    });
  }
});
