// SPDX-License-Identifier: Apache-2.0
// What a root agent brings along: exact versions, one copy of each piece of OpenTelemetry, nothing that runs on install.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from '../support/repository.ts';

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const read = (...path: string[]) => JSON.parse(readFileSync(join(repository, ...path), 'utf8')) as unknown;
const manifest = read('package.json') as Manifest;

/** Folders of all packages below a node_modules folder, nested ones too. */
function* packages(folder: string): Generator<string> {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder).filter((entry) => !entry.startsWith('.'))) {
    const inScope = name.startsWith('@')
      ? readdirSync(join(folder, name)).map((entry) => join(name, entry))
      : [name];
    for (const entry of inScope) {
      yield join(folder, entry);
      yield* packages(join(folder, entry, 'node_modules'));
    }
  }
}

describe('the dependencies', () => {
  it('hold one copy of each package of OpenTelemetry', () => {
    const copies = new Map<string, string[]>();
    for (const path of packages(join(repository, 'node_modules'))) {
      const [, name] = /.*node_modules\/(@opentelemetry\/[^/]+)$/.exec(path) ?? [];
      if (name) copies.set(name, [...(copies.get(name) ?? []), path]);
    }
    assert.ok(copies.size > 5, 'they are not installed');
    for (const [name, paths] of copies) assert.equal(paths.length, 1, `${name}: ${paths.join(', ')}`);
  });

  it('are pinned to exact versions, and those are installed', () => {
    const all = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies };
    for (const [name, version] of Object.entries(all)) {
      assert.match(version, /^\d+\.\d+\.\d+$/, name);
      const installed = (read('node_modules', name, 'package.json') as Manifest).version;
      // npm leaves out the v of a manifest.
      assert.equal(installed.replace(/^v/, ''), version, name);
    }
  });

  it('bring no runtime along: each user of npx would download it', () => {
    const users = { ...manifest.dependencies, ...manifest.optionalDependencies };
    assert.deepEqual(
      Object.keys(users).filter((name) => /^node(-bin|-linux.*)?$/.test(name)),
      [],
    );
  });

  it('run nothing of ours when they are installed', () => {
    const hooks = [
      'preinstall',
      'install',
      'postinstall',
      'prepare',
      'prepublish',
      'preprepare',
      'postprepare',
    ];
    assert.deepEqual(
      Object.keys(manifest.scripts ?? {}).filter((name) => hooks.includes(name)),
      [],
    );
  });

  it('are locked without an address to download from: it would be that of one machine', () => {
    const lock = read('package-lock.json') as {
      packages: Record<string, { resolved?: string; link?: boolean }>;
    };
    const entries = Object.entries(lock.packages).filter(([path]) => path !== '');
    assert.ok(entries.length > 20);
    assert.deepEqual(
      entries.filter(([, entry]) => entry.resolved !== undefined).map(([path]) => path),
      [],
    );
    const text = readFileSync(join(repository, 'package-lock.json'), 'utf8');
    const addresses = [...text.matchAll(/"(\w+)": "https?:/g)].map(([, field]) => field);
    assert.deepEqual(
      addresses.filter((field) => field !== 'url'),
      [],
      'only links to sponsors have an address',
    );
  });
});
