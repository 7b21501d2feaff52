// SPDX-License-Identifier: Apache-2.0
// The folders tell the path of the data, and nothing reaches back along it.
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { repository } from '../support/repository.ts';

const src = join(repository, 'src');
/** From left to right; what is not named here (agent, commands, …) may see everything. */
const PATH = ['', 'config', 'state', 'decode', 'sensor', 'enrich', 'events', 'export'];
const LEFTMOST = ['semconv.ts', 'clock.ts', 'otlp-bytes.ts', 'otlp-writer.ts', 'ledger.ts', 'node-http.ts'];

/** Where a file stands on the path; undefined = it composes. */
function place(file: string): number | undefined {
  if (LEFTMOST.includes(file)) return 0;
  const folder = file.includes('/') ? file.slice(0, file.indexOf('/')) : file;
  const at = PATH.indexOf(folder);
  return at < 0 ? undefined : at;
}

const files = globSync('**/*.ts', { cwd: src });

describe('imports in src', () => {
  it('are there to be looked at', () => assert.ok(files.length > 40, `${files.length} files`));

  for (const file of files) {
    const at = place(file);
    if (at === undefined) continue;
    it(`of ${file} go to the left only`, () => {
      const text = readFileSync(join(src, file), 'utf8');
      const wrong = [...text.matchAll(/from '(\.[^']+)'/g)]
        .map(([, target]) => relative(src, join(src, dirname(file), target!)))
        .filter((target) => (place(target) ?? PATH.length) > at);
      assert.deepEqual(wrong, []);
    });
  }

  it('reach the SDK through one door', () => {
    const direct = files.filter((file) =>
      /^import \{[^}]*\} from '@opentelemetry\/sdk-/m.test(readFileSync(join(src, file), 'utf8')),
    );
    assert.deepEqual(direct, ['export/otel.ts']);
  });
});
