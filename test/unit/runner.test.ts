// SPDX-License-Identifier: Apache-2.0
// What `npm test` makes of tests that pass, fail, are skipped, crash and hang: a runner that lies is worse than none.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type PartOptions, runPart } from '../support/part.ts';

const skipModule = pathToFileURL(
  join(import.meta.dirname, `../support/skip${extname(import.meta.filename)}`),
).href;

describe('the runner of the tests', function () {
  this.timeout('60s');
  const dir = mkdtempSync(join(tmpdir(), 'agentsmith-runner-'));
  const file = join(dir, 'a.test.mjs');
  after(() => rmSync(dir, { recursive: true }));

  async function run(source: string, options: Partial<PartOptions> = {}) {
    writeFileSync(file, `import { skip } from '${skipModule}';\n${source}`);
    // What the inner mocha prints would look like failures of this one.
    const all: PartOptions = { files: [file], deadlineMs: 30_000, mocha: [], output: 'ignore', ...options };
    const { passed, failed, skipped, failures, problem } = await runPart('inner', all);
    return { passed, failed, skipped, failures, problem };
  }

  it('counts what passes and what fails, and why', async () => {
    const result = await run(`it('a', () => {}); it('b', () => { throw new Error('expected'); });`);
    const failures = [{ kind: 'failed', title: 'b', message: 'expected' }];
    assert.deepEqual(result, { passed: 1, failed: 1, skipped: [], failures, problem: undefined });
  });

  it('tells the reason of each skip, be it in the test or before its suite', async () => {
    const { passed, failed, skipped } = await run(`
      it('a', function () { skip(this, 'no root'); });
      describe('b', () => { before(function () { skip(this, 'no Go'); }); it('c', () => {}); it('d', () => {}); });
      it('e');
      it('f', () => {});`);
    assert.deepEqual([passed, failed], [1, 0]);
    assert.deepEqual(
      skipped.map(({ title, reason }) => `${title}: ${reason}`),
      ['a: no root', 'e: no reason given', 'b c: no Go', 'b d: no Go'],
    );
  });

  const PROBLEMS: Readonly<
    Record<string, readonly [source: string, problem: RegExp, options?: Partial<PartOptions>]>
  > = {
    'crashes in a test': [
      `it('a', () => {}); it('b', () => process.kill(process.pid, 'SIGKILL'));`,
      /crashed \(SIGKILL\)/,
    ],
    'ends itself in a test': [
      `it('a', () => {}); it('b', () => process.exit(0));`,
      /crashed \(exit code 0\)/,
    ],
    'cannot be loaded': [`nonsense(`, /crashed/],
    'has no test': [`describe('a', () => {});`, /no test was run/],
    'hangs in a test': [
      `it('a', () => new Promise(() => setInterval(() => {}, 9))).timeout(0);`,
      /within 2 s/,
      { deadlineMs: 2000 },
    ],
    'is kept alive by something': [
      `it('a', () => { setInterval(() => {}, 9); });`,
      /alive for 0.5 s/,
      { graceMs: 500 },
    ],
  };
  for (const [name, [source, problem, options]] of Object.entries(PROBLEMS)) {
    it(`counts one more failure when a part ${name}`, async () => {
      const result = await run(source, options);
      assert.match(result.problem ?? 'none', problem);
      assert.equal(result.failed, 1);
    });
  }

  it('ends what a test left running', async () => {
    const pidFile = join(dir, 'pid');
    const { passed } = await run(`
      import { spawn } from 'node:child_process';
      import { writeFileSync } from 'node:fs';
      it('a', () => {
        const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 9)'], { stdio: 'ignore' });
        child.unref();
        writeFileSync(${JSON.stringify(pidFile)}, String(child.pid));
      });`);
    assert.equal(passed, 1);
    const stat = join('/proc', readFileSync(pidFile, 'utf8'), 'stat');
    const running = () => existsSync(stat) && !/\) [ZX] /.test(readFileSync(stat, 'latin1'));
    for (let i = 0; i < 100 && running(); i++) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.ok(!running());
  });
});
