// SPDX-License-Identifier: Apache-2.0
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cachePath, withLock } from './cache.ts';
import type { SkipReason } from './skip.ts';

const run = promisify(execFile);
const LIMIT_MS = 5 * 60_000;

/**
 * The files of Debian packages, unpacked into the cache and not installed: a server package would start its server with
 * the machine's own settings, and leave it running. What they depend on has to be named too, where a plain Debian lacks it.
 */
export async function unpackDebian(packages: readonly string[]): Promise<string | SkipReason> {
  const name = packages[0]!;
  if (!existsSync('/usr/bin/dpkg-deb') || !existsSync('/usr/bin/apt-get'))
    return { skipped: `this is no Debian, and the tests take ${name} from there` };
  const release = await readFile('/etc/debian_version', 'utf8').catch(() => 'unknown');
  const folder = cachePath('debian', `${name}-${release.trim().replaceAll('/', '-')}-${process.arch}`);
  if (existsSync(folder)) return folder;
  return withLock(`${folder}.lock`, LIMIT_MS, async () => {
    if (existsSync(folder)) return folder;
    const work = await mkdtemp(`${folder}.`);
    try {
      const problem = await download(packages, work);
      if (problem) return { skipped: `Debian's ${name} cannot be fetched: ${problem}` };
      await mkdir(join(work, 'root'));
      for (const file of (await readdir(work)).filter((file) => file.endsWith('.deb')))
        await run('dpkg-deb', ['-x', join(work, file), join(work, 'root')]);
      await rename(join(work, 'root'), folder);
      return folder;
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  });
}

/** What went wrong, in one line. */
async function download(packages: readonly string[], folder: string): Promise<string | undefined> {
  const apt = (...args: string[]) =>
    run('apt-get', args, { cwd: folder, timeout: LIMIT_MS }).then(
      () => undefined,
      (error: Error & { stderr?: string }) =>
        (error.stderr ?? '').split('\n').find((line) => line.startsWith('E:')) ?? error.message,
    );
  const first = await apt('-qq', 'download', ...packages);
  if (first === undefined) return undefined;
  // A fresh machine has no lists of packages, or old ones.
  return (await apt('-qq', 'update')) ?? (await apt('-qq', 'download', ...packages));
}
