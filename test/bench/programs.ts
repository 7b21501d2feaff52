// SPDX-License-Identifier: Apache-2.0
import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { repository } from '../support/repository.ts';

const run = promisify(execFile);
const SOURCES = join(repository, 'test/bench/programs');
const BUILT = join(repository, 'build/bench');

/** Path of a small C program, compiled when its source is newer. */
function programPath(name: string): string {
  const source = join(SOURCES, `${name}.c`);
  const path = join(BUILT, name);
  if (existsSync(path) && statSync(path).mtimeMs >= statSync(source).mtimeMs) return path;
  mkdirSync(BUILT, { recursive: true });
  execFileSync('cc', ['-O2', '-Wall', '-o', `${path}.${process.pid}`, source], { stdio: 'inherit' });
  renameSync(`${path}.${process.pid}`, path);
  return path;
}

/** Runs a program of test/bench/programs to its end; the number that it prints. */
export async function runProgram(name: string, ...args: readonly (string | number)[]): Promise<number> {
  const { stdout } = await run(programPath(name), args.map(String));
  return Number(stdout);
}
