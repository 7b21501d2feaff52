// SPDX-License-Identifier: Apache-2.0
// The benchmarks run and say what they promise to say. Never how fast anything is: a machine under test is no place
// to measure. Parts that need root and a quiet machine are left to `npm run bench`.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { repository } from '../support/repository.ts';

const run = promisify(execFile);
const BENCH = join(repository, 'build/test/bench/run.js');

const FIGURES = [
  'redact.cost.exec',
  'redact.search.plain',
  'redact.search.secrets',
  'redact.search.worst',
  'heap.connect',
  'heap.file',
  'heap.exec',
];

describe('npm run bench', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'agentsmith-bench-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('gives every figure of the parts that it was asked for', async function () {
    this.timeout('3m');
    const file = join(folder, 'figures.jsonl');
    const { stdout } = await run(process.execPath, [
      BENCH,
      '--quick',
      '--only',
      'heap,redact',
      '--json',
      file,
    ]);
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    const figures = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.deepEqual(
      figures.map(({ name }) => name),
      FIGURES,
    );
    for (const figure of figures) {
      assert.deepEqual(Object.keys(figure), ['name', 'value', 'unit', 'against', 'ratio']);
      assert.ok(Number.isFinite(figure.value), JSON.stringify(figure));
      assert.ok(stdout.includes(`${figure.name}`), `the table lacks ${figure.name}`);
    }
    const [cost] = figures;
    assert.ok(Number.isFinite(cost!.ratio), JSON.stringify(cost));
  });

  it('names the parts when it is asked for one that is none', async () => {
    await assert.rejects(run(process.execPath, [BENCH, '--only', 'speed']), /no such part: speed.*pipeline/s);
  });
});
