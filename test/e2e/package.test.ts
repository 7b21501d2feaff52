// SPDX-License-Identifier: Apache-2.0
// The package as others get it: packed, looked at by the usual checkers, installed, imported, required, compiled against.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { FIXTURE, readRecording } from '../support/fixture.ts';
import { repository } from '../support/repository.ts';
import { skip } from '../support/skip.ts';

const NETWORK =
  /ENOTCACHED|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|E40[134]|E5\d\d/;

describe('the package', function () {
  this.timeout('5m');
  let folder: string;
  let tarball: string;
  let files: string[];

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'agentsmith-package-'));
    const said = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
      cwd: repository,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    // npm 12 has the packages by name, older ones a list.
    const [packed] = Object.values(JSON.parse(said) as object) as [
      { filename: string; files: { path: string }[] },
    ];
    tarball = join(folder, packed.filename);
    files = packed.files.map(({ path }) => path);
  });

  after(() => rmSync(folder, { recursive: true }));

  it('holds what runs, its types and its licence, and nothing else', () => {
    for (const name of ['src/index.js', 'src/index.d.ts', 'src/cli.js'])
      assert.ok(files.includes(`build/${name}`), name);
    assert.ok(files.includes('addon/build/Release/agentsmith.node') && files.includes('LICENSE'));
    const known =
      /^(build\/src\/.*\.(js|d\.ts)|addon\/build\/Release\/agentsmith\.node|docs\/.*|examples\/.*|[A-Z]+(\.md)?|package\.json|otel-collector\.yaml)$/;
    assert.deepEqual(
      files.filter((file) => !known.test(file)),
      [],
    );
  });

  it('finds no fault with publint', async () => {
    const bytes = readFileSync(tarball);
    const { messages, pkg } = await publint({
      pack: { tarball: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer },
      strict: true,
    });
    assert.deepEqual(
      messages.filter(({ type }) => type !== 'suggestion').map((message) => formatMessage(message, pkg)),
      [],
    );
  });

  it('has types that are right wherever it can be loaded', async () => {
    const analysis = await checkPackage(createPackageFromTarballData(readFileSync(tarball)));
    assert.ok(analysis.types);
    const expected = analysis.problems.filter(
      (problem) =>
        // Node 22.12 and newer load ES modules with require; what is older than `exports` is too old for us.
        !(problem.kind === 'CJSResolvesToESM') &&
        !('resolutionKind' in problem && problem.resolutionKind === 'node10'),
    );
    assert.deepEqual(expected, []);
  });

  describe('installed in an empty folder', () => {
    let home: string;
    const node = (...args: string[]) => {
      const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: home, encoding: 'utf8' });
      assert.equal(status, 0, stderr);
      return { stdout, stderr };
    };

    before(function () {
      home = join(folder, 'home');
      mkdirSync(home);
      writeFileSync(join(home, 'package.json'), '{"private":true}');
      const args = ['install', '--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund', tarball];
      const { status, stderr } = spawnSync('npm', args, { cwd: home, encoding: 'utf8' });
      const lines = stderr.split('\n');
      const reason = lines.find((line) => NETWORK.test(line));
      if (status !== 0 && reason) skip(this, `the dependencies cannot be had: ${reason}`);
      assert.equal(status, 0, stderr);
    });

    const PROGRAM = `
      const agent = createAgent({ recording: process.argv.at(-1) });
      const records = agent.events();
      agent.start().then(() => agent.ended).then(() => agent.stop()).then(async () => {
        let count = 0;
        for await (const record of records) count++;
        console.log(count);
      });`;
    const count = `${readRecording(FIXTURE).records.length}\n`;

    it('is imported', () => {
      const program = `import { createAgent } from 'agentsmith-otel';${PROGRAM}`;
      assert.equal(node('--input-type=module', '-e', program, FIXTURE).stdout, count);
    });

    it('is required', () => {
      const program = `const { createAgent } = require('agentsmith-otel');${PROGRAM}`;
      assert.equal(node('--input-type=commonjs', '-e', program, FIXTURE).stdout, count);
    });

    it('is a command', () => {
      const { stdout } = node('node_modules/.bin/agentsmith-otel', '--version');
      assert.equal(
        stdout,
        `${(JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as { version: string }).version}\n`,
      );
    });

    it('gives away nothing beneath its entry', () => {
      const { stdout } = node(
        '-e',
        `import('agentsmith-otel/build/src/agent.js').catch(({ code }) => console.log(code))`,
      );
      assert.equal(stdout, 'ERR_PACKAGE_PATH_NOT_EXPORTED\n');
    });

    for (const module of ['nodenext', 'preserve']) {
      it(`is compiled against with module ${module}`, () => {
        copyFileSync(join(repository, 'examples/library.ts'), join(home, 'library.mts'));
        const tsc = join(repository, 'node_modules/typescript/bin/tsc');
        const types = ['--typeRoots', join(repository, 'node_modules/@types'), '--types', 'node'];
        const options = [
          '--noEmit',
          '--strict',
          '--target',
          'es2024',
          '--module',
          module,
          '--skipLibCheck',
          'false',
        ];
        const { status, stdout } = spawnSync(process.execPath, [tsc, ...options, ...types, 'library.mts'], {
          cwd: home,
          encoding: 'utf8',
        });
        assert.equal(status, 0, stdout);
      });
    }
  });
});
