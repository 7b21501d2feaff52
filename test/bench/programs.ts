// SPDX-License-Identifier: Apache-2.0
import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { repository } from '../support/repository.ts';

const run = promisify(execFile);
const SOURCES = join(repository, 'test/bench/programs');
const BUILT = join(repository, 'build/bench');

/** Path of a program of test/bench/programs, compiled when its source is newer. */
export function programPath(name: string): string {
  const source = join(SOURCES, `${name}.c`);
  const path = join(BUILT, name);
  if (existsSync(path) && statSync(path).mtimeMs >= statSync(source).mtimeMs) return path;
  mkdirSync(BUILT, { recursive: true });
  execFileSync('cc', ['-O2', '-Wall', '-o', `${path}.${process.pid}`, source], { stdio: 'inherit' });
  renameSync(`${path}.${process.pid}`, path);
  return path;
}

/**
 * As many variables as a login shell has, 24 of 40 bytes: the exec handler reads each, and under npm there are three
 * times as many.
 */
const ENVIRONMENT = Object.fromEntries(
  Array.from({ length: 24 }, (_, i) => [`VARIABLE_${String(i).padStart(2, '0')}`, 'x'.repeat(28)]),
);

/** Runs a program of test/bench/programs to its end; the number that it prints. */
export async function runProgram(name: string, ...args: readonly (string | number)[]): Promise<number> {
  const { stdout } = await run(programPath(name), args.map(String), { env: ENVIRONMENT });
  return Number(stdout);
}
