// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { needsCommand } from './needs.ts';
import { skip } from './skip.ts';

/**
 * For {@link CliOptions.wrap}: the CLI with mounts of its own, changed by a shell script before `start` starts it.
 * A `start` that is not an exec leaves the shell between us and the CLI.
 */
export function withMounts(context: Mocha.Context, script: string, start = 'exec "$@"'): string[] {
  needsCommand(context, 'unshare', '--mount', 'true');
  return ['unshare', '--mount', 'sh', '-e', '-c', `${script}\n${start}`, 'sh'];
}

/** Where cgroup2 is mounted. */
function cgroup2(): string | undefined {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return mounts.find((line) => line.includes(' - cgroup2 '))?.split(' ')[4];
}

/** For {@link CliOptions.wrap}: the CLI in a cgroup of its own, and `cleanUp` for afterwards. */
export function inOwnCgroup(context: Mocha.Context): { wrap: string[]; cleanUp(): void } {
  const root = cgroup2();
  if (root === undefined) return skip(context, 'cgroup2 is not mounted');
  const path = join(root, `agentsmith-test-${process.pid}`);
  try {
    mkdirSync(path);
  } catch (error) {
    return skip(context, `no cgroup can be made: ${(error as Error).message}`);
  }
  return {
    wrap: ['sh', '-e', '-c', `echo $$ > ${path}/cgroup.procs\nexec "$@"`, 'sh'],
    cleanUp: () => rmdirSync(path),
  };
}
