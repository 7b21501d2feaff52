// SPDX-License-Identifier: Apache-2.0
// The pages that are made from the code say what the code says. What the sentences mean is left to readers.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pages } from '../../docs/generate.ts';
import * as at from '../../src/semconv.ts';
import { repository } from '../support/repository.ts';

describe('generated pages', () => {
  for (const [path, text] of pages(repository)) {
    it(`${path} is up to date (npm run docs)`, () => {
      assert.equal(readFileSync(join(repository, path), 'utf8'), text);
    });
  }
});

describe('the names of attributes', () => {
  // A name is a path of objects in OpenSearch and its like, where nothing can be a value and an object at once.
  it('do not begin with another name and a dot', () => {
    const names = Object.values(at).filter((name) => typeof name === 'string');
    assert.ok(names.length > 100);
    for (const name of names)
      assert.deepEqual(
        names.filter((other) => other.startsWith(`${name}.`)),
        [],
        name,
      );
  });
});
