// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, readFileSync, rmdirSync, statSync } from 'node:fs';
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

/** A cgroup of the test's own: `wrap` starts a command in it, `cleanUp` is for when that has ended. */
export interface OwnCgroup {
  readonly wrap: string[];
  /** As the kernel numbers it. */
  readonly id: bigint;
  cleanUp(): void;
}

/** Where a hierarchy is mounted; of v1 that of a controller. */
function mounted(hierarchy: 'cgroup2' | 'memory'): string | undefined {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  const type = hierarchy === 'cgroup2' ? / - cgroup2 / : / - cgroup .*[ ,]memory(,|$)/;
  return mounts.find((line) => type.test(line))?.split(' ')[4];
}

let made = 0;

/** @throws when it cannot be made */
function makeCgroup(root: string): OwnCgroup {
  const path = join(root, `agentsmith-test-${process.pid}-${made++}`);
  mkdirSync(path);
  return {
    wrap: ['sh', '-e', '-c', `echo $$ > ${path}/cgroup.procs\nexec "$@"`, 'sh'],
    id: statSync(path, { bigint: true }).ino,
    cleanUp: () => rmdirSync(path),
  };
}

/** For {@link CliOptions.wrap}: the CLI in a cgroup of its own, and `cleanUp` for afterwards. */
export function inOwnCgroup(context: Mocha.Context): OwnCgroup {
  const root = mounted('cgroup2');
  if (root === undefined) return skip(context, 'cgroup2 is not mounted');
  try {
    return makeCgroup(root);
  } catch (error) {
    return skip(context, `no cgroup can be made: ${(error as Error).message}`);
  }
}

/** A cgroup by which the agent tells processes apart, where one can be made: of v1 the hierarchy of memory. */
export function tellingCgroup(): OwnCgroup | undefined {
  const root = mounted('memory') ?? mounted('cgroup2');
  try {
    return root === undefined ? undefined : makeCgroup(root);
  } catch {
    return undefined;
  }
}
