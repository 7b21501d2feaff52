// SPDX-License-Identifier: Apache-2.0
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cachePath, withLock } from './cache.ts';
import { repository } from './repository.ts';
import type { SkipReason } from './skip.ts';

const run = promisify(execFile);
const VERSION = '1.5.6';
const LIMIT_MS = 5 * 60_000;

/** The command line client of DuckDB, out of Python's package index. */
export async function fetchDuckdb(): Promise<string | SkipReason> {
  const folder = cachePath(`duckdb-${VERSION}-${process.arch}`);
  const program = join(folder, 'duckdb_cli/duckdb');
  if (existsSync(program)) return program;
  return withLock(`${folder}.lock`, LIMIT_MS, async () => {
    if (existsSync(program)) return program;
    const work = `${folder}.${process.pid}`;
    await mkdir(work, { recursive: true });
    try {
      const args = [
        '-m',
        'pip',
        'install',
        '--quiet',
        '--no-deps',
        '--only-binary',
        ':all:',
        '--target',
        work,
      ];
      await run('python3', [...args, `duckdb-cli==${VERSION}`], { timeout: LIMIT_MS });
      await chmod(join(work, 'duckdb_cli/duckdb'), 0o755);
      await rename(work, folder);
      return program;
    } catch (error) {
      const { stderr = '', message } = error as Error & { stderr?: string };
      const line = stderr.split('\n').find((each) => each.startsWith('ERROR')) ?? message.split('\n')[0]!;
      return { skipped: `DuckDB cannot be fetched with pip: ${line}` };
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  });
}

/** Asks a file of OTLP-JSON lines, by way of examples/duckdb/events.sql. @throws with what DuckDB says against it */
export async function askDuckdb(
  program: string,
  eventsPath: string,
  sql: string,
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const args = ['-bail', '-json', '-init', join(repository, 'examples/duckdb/events.sql'), '-c', sql];
  // Times are UTC wherever somebody asks.
  const env = { ...process.env, AGENTSMITH_FILE: eventsPath, TZ: 'America/New_York' };
  const { stdout } = await run(program, args, { env, maxBuffer: 64 * 2 ** 20 });
  return stdout.trim() === '' ? [] : JSON.parse(stdout);
}
