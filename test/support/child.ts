// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import type { Watch } from './watch.ts';

/** Runs a command in a folder to its end, and waits until the ring has given its exit; its pid. */
export async function runChild(
  watch: Watch,
  cwd: string,
  command: string,
  args: readonly string[],
): Promise<number> {
  const from = watch.records.length;
  const { pid, status, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (error) throw error;
  assert.equal(status, 0, stderr);
  await watch.exited(pid, from);
  return pid;
}
