// SPDX-License-Identifier: Apache-2.0
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cachePath, withLock } from './cache.ts';
import type { SkipReason } from './skip.ts';

const run = promisify(execFile);
const LIMIT_MS = 10 * 60_000;

/** What the brokers and servers here need at least. */
const JAVA = 17;

/**
 * The jars that a pom.xml names, with all that they need, fetched by Maven into the cache. Gives the class path for
 * `java -cp`; without Java, Maven or network a reason to skip.
 *
 * @param name as messages and the cache call it: `kafka`
 */
export async function fetchJars(name: string, pom: string): Promise<string | SkipReason> {
  const java = await javaVersion();
  if (java === undefined) return { skipped: `Java is not installed, and ${name} runs on it` };
  if (java < JAVA) return { skipped: `${name} needs Java ${JAVA} or newer; this is ${java}` };
  const hash = createHash('sha256').update(await readFile(pom));
  const folder = cachePath(`jars-${name}-${hash.digest('hex').slice(0, 16)}`);
  const classPath = join(folder, '*');
  if (existsSync(folder)) return classPath;
  return withLock(`${folder}.lock`, LIMIT_MS, async () => {
    if (existsSync(folder)) return classPath;
    const work = await mkdtemp(`${folder}.`);
    try {
      await copyFile(pom, join(work, 'pom.xml'));
      const goal = 'dependency:copy-dependencies';
      const options = ['-DoutputDirectory=lib', '-DincludeScope=runtime'];
      const failure = await run('mvn', ['-q', '-B', goal, ...options], { cwd: work, timeout: LIMIT_MS }).then(
        () => undefined,
        (error: NodeJS.ErrnoException & { stdout?: string }) => error,
      );
      if (failure?.code === 'ENOENT')
        return { skipped: `Maven is not installed, and the tests fetch ${name} with it` };
      if (failure) return { skipped: `the jars of ${name} cannot be fetched: ${firstError(failure)}` };
      await rename(join(work, 'lib'), folder);
      return classPath;
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  });
}

/** 17 of `openjdk version "17.0.15"`. */
async function javaVersion(): Promise<number | undefined> {
  const { stderr } = await run('java', ['-version']).catch(() => ({ stderr: '' }));
  const version = /version "(\d+)/.exec(stderr)?.[1];
  return version === undefined ? undefined : Number(version);
}

const firstError = ({ stdout = '', message }: Error & { stdout?: string }): string =>
  stdout.split('\n').find((line) => line.includes('ERROR')) ?? message.split('\n')[0]!;
