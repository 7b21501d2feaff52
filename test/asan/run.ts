// SPDX-License-Identifier: Apache-2.0
/*
 * Behind `npm run test:asan`: the kernel suite with an addon that was built with AddressSanitizer and
 * UndefinedBehaviorSanitizer; the first thing that either finds ends the process, and the suite with it.
 *
 * It runs in a copy of the compiled tree under build/asan, so that the usual addon stays, and nothing in the product
 * chooses another one. Leaks are not looked for: Node frees neither its own nor the addon's memory when it ends, and
 * LeakSanitizer does not find pointers within V8's heap. test/kernel/loads.test.ts looks for them in another way.
 *
 *   npm run test:asan [-- MOCHA ARGUMENTS]
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { repository } from '../support/repository.ts';

const TREE = join(repository, 'build/asan');
const ADDON = join(TREE, 'addon');
const BUILT = join(ADDON, 'build/Release/agentsmith.node');
/** vptr needs RTTI, which Node's own flags switch off. */
const SANITIZE = '-fsanitize=address,undefined -fno-sanitize=vptr -fno-sanitize-recover=all';
const CXXFLAGS = `${SANITIZE} -fno-omit-frame-pointer -g -O1`;

/** Where the compiler has a library of its own; undefined when it has none. */
function library(name: string): string | undefined {
  try {
    const path = execFileSync('g++', [`-print-file-name=${name}`], { encoding: 'utf8' }).trim();
    return isAbsolute(path) && existsSync(path) ? path : undefined;
  } catch {
    return undefined;
  }
}

/** The tree as it is, with links for what is only read; the addon's own sources, so that it is built beside them. */
function prepare(): void {
  rmSync(TREE, { recursive: true, force: true });
  mkdirSync(TREE, { recursive: true });
  for (const name of readdirSync(repository))
    if (!['build', 'addon', '.git'].includes(name)) symlinkSync(join(repository, name), join(TREE, name));
  for (const name of ['src', 'test', 'triggers', 'docs', 'ebpf', 'examples']) {
    const from = join(repository, 'build', name);
    if (existsSync(from))
      cpSync(from, join(TREE, 'build', name), { recursive: true, preserveTimestamps: true });
  }
  cpSync(join(repository, 'addon'), ADDON, {
    recursive: true,
    filter: (path) => path !== join(repository, 'addon/build'),
  });
}

function compile(): void {
  const headers = readdirSync(join(repository, 'node_modules/node/node_modules')).find((name) =>
    name.startsWith('node-linux'),
  );
  const gyp = join(repository, 'node_modules/node-gyp/bin/node-gyp.js');
  const nodedir = join(repository, 'node_modules/node/node_modules', headers!);
  execFileSync(
    process.execPath,
    [gyp, '--silent', `--directory=${ADDON}`, `--nodedir=${nodedir}`, 'configure', 'build'],
    {
      stdio: 'inherit',
      env: { ...process.env, CXXFLAGS, LDFLAGS: SANITIZE, MAKEFLAGS: '--silent' },
    },
  );
  const symbols = execFileSync('nm', ['-D', BUILT], { encoding: 'utf8' });
  for (const name of ['__asan_report_load', '__ubsan_handle'])
    if (!symbols.includes(name)) throw new Error(`the addon was built without ${name}`);
}

const libraries = ['libasan.so', 'libubsan.so'].map(library);
if (libraries.includes(undefined)) {
  console.log('skipped: asan: the compiler has no libasan and libubsan (part of gcc on Debian)');
  console.log('0 passed, 0 failed, 1 skipped');
} else {
  prepare();
  compile();
  const { status } = spawnSync(
    process.execPath,
    [join(TREE, 'build/test/run.js'), 'kernel', ...process.argv.slice(2)],
    {
      cwd: TREE,
      stdio: 'inherit',
      env: {
        ...process.env,
        LD_PRELOAD: libraries.join(':'),
        ASAN_OPTIONS: 'detect_leaks=0:strict_string_checks=1:detect_stack_use_after_return=1',
        UBSAN_OPTIONS: 'print_stacktrace=1',
      },
    },
  );
  process.exitCode = status ?? 1;
}
