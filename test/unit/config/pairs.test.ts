// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import {
  header,
  headerPairs,
  hidden,
  resourcePair,
  resourcePairs,
  shown,
} from '../../../src/config/pairs.ts';
import { UsageError } from '../../../src/config/usage-error.ts';

describe('resourcePairs', () => {
  it('is void as a whole when one pair is wrong', () => {
    for (const text of ['a=b,c', 'a=b,=c', 'a=b=c', 'a=%zz', `a=${'x'.repeat(256)}`])
      assert.throws(() => resourcePairs(text), UsageError, text);
    assert.deepEqual(resourcePairs(' a = b ,, c='), { a: 'b', c: '' });
  });

  it('gives back what was percent-encoded', () => {
    const text = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
      .filter((each) => each.trim() === each && each.length < 256);
    fc.assert(
      fc.property(fc.dictionary(text, text, { maxKeys: 5 }), (given) => {
        const pairs = Object.entries(given).map((pair) => pair.map(encodeURIComponent).join('='));
        assert.deepEqual(resourcePairs(pairs.join(',')), { ...given });
      }),
    );
  });
});

describe('resourcePair', () => {
  it('takes what stands behind the first "=" as it is', () => {
    assert.deepEqual(resourcePair('team=a,b=c%20d'), { team: 'a,b=c%20d' });
    for (const text of ['team', '=x', `a=${'x'.repeat(256)}`])
      assert.throws(() => resourcePair(text), UsageError, text);
  });
});

describe('header', () => {
  const folder = mkdtempSync(join(tmpdir(), 'agentsmith-header-'));
  after(() => rmSync(folder, { recursive: true }));

  it('has a lower-case name and any value, "=" too', () => {
    assert.deepEqual(header('Authorization=Basic YTpi=='), { authorization: 'Basic YTpi==' });
    assert.deepEqual(headerPairs('A=1, b=x%2Cy'), { a: '1', b: 'x,y' });
  });

  it('comes from a file, whose last newline does not count', () => {
    const file = join(folder, 'token');
    writeFileSync(file, 'Bearer abc\n');
    assert.deepEqual(header(`authorization=@${file}`), { authorization: 'Bearer abc' });
    assert.throws(() => header(`authorization=@${file}x`), /cannot read .*tokenx \(ENOENT\)/);
  });

  it('is refused without showing what may be a secret', () => {
    for (const text of ['hunter2', '=hunter2', 'bad name=hunter2', 'x=hunter2\ny']) {
      assert.throws(
        () => header(text),
        (error) => error instanceof UsageError && !error.message.includes('hunter2'),
        text,
      );
    }
  });
});

it('pairs are shown as they were written, headers without their values', () => {
  assert.equal(shown({ a: '1', b: '2' }), 'a=1,b=2');
  assert.equal(hidden({ authorization: 'Bearer x' }), 'authorization=<hidden>');
});
