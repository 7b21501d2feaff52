// SPDX-License-Identifier: Apache-2.0
// When the Collector of the tests is built, refused or left out. That it works is left to the other tests of
// this folder; here it is small programs that are built.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { buildCollector } from '../support/collector.ts';
import { repository } from '../support/repository.ts';
import { skip } from '../support/skip.ts';

describe('the sources of the Collector', () => {
  const sources = join(repository, 'test', 'collector');

  it('have every module of the builder manifest, in its version', async () => {
    const read = (name: string) => readFile(join(sources, name), 'utf8');
    const [manifest, goMod, main, components] = await Promise.all(
      ['builder.yaml', 'go.mod', 'main.go', 'components.go'].map(read),
    );
    const modules = [...manifest!.matchAll(/gomod: (\S+) (\S+)$/gm)];
    assert.ok(modules.length > 10);
    for (const [, name, version] of modules) {
      assert.ok(goMod!.includes(`\t${name} ${version}\n`), `go.mod: ${name} ${version}`);
      assert.ok(
        (main! + components!).includes(`"${name} ${version}"`),
        `main.go, components.go: ${name} ${version}`,
      );
    }
  });

  it('fail the tests when they do not compile', async function () {
    this.timeout('60s');
    if (!(await hasGo())) skip(this, 'Go is not installed');
    await folder(async (dir) => {
      await writeFile(join(dir, 'go.mod'), 'module test\n\ngo 1.21\n');
      await writeFile(join(dir, 'main.go'), 'package main\n\nfunc main() { nonsense() }\n');
      await assert.rejects(
        buildCollector({ sources: dir, cache: dir }),
        /does not build.*undefined: nonsense/s,
      );
    });
  });

  it('are a reason to skip where there is no network', async function () {
    this.timeout('60s');
    if (!(await hasGo())) skip(this, 'Go is not installed');
    await folder(async (dir) => {
      const sum = `h1:${'0'.repeat(43)}=`;
      await writeFile(join(dir, 'go.mod'), 'module test\n\ngo 1.21\n\nrequire example.com/nowhere v1.0.0\n');
      await writeFile(
        join(dir, 'go.sum'),
        ['', '/go.mod'].map((of) => `example.com/nowhere v1.0.0${of} ${sum}\n`).join(''),
      );
      await writeFile(
        join(dir, 'main.go'),
        'package main\n\nimport _ "example.com/nowhere"\n\nfunc main() {}\n',
      );
      for (const GOPROXY of ['off', 'http://127.0.0.1:9']) {
        const built = await buildCollector({ sources: dir, cache: dir, environment: { GOPROXY } });
        assert.match(
          typeof built === 'string' ? built : built.skipped,
          /^the Collector's Go modules cannot be fetched/,
        );
      }
    });
  });

  it('are a reason to skip where there is no Go', async () => {
    await folder(async (dir) => {
      const built = await buildCollector({ sources: dir, cache: dir, environment: { PATH: dir } });
      assert.deepEqual(built, { skipped: 'Go is not installed, and the tests build the Collector with it' });
    });
  });
});

async function folder(use: (dir: string) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'agentsmith-collector-'));
  await use(dir).finally(() => rm(dir, { recursive: true }));
}

const hasGo = () =>
  promisify(execFile)('go', ['version']).then(
    () => true,
    () => false,
  );
