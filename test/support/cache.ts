// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { mkdir, open } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

/** Where tests keep what is big and slow to make: it outlives `build/` and is shared by all checkouts. */
export function cachePath(...names: string[]): string {
  const base = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  return join(base, 'agentsmith-otel', ...names);
}

/**
 * Does `work` while no other process holds the lock `path`; waits at most `timeoutMs` for it.
 *
 * Node has no flock(2), but the lock belongs to the open file, not to the process that asked for it: flock(1)
 * locks our own descriptor and leaves. So the kernel lets go of it whatever becomes of us; nothing can be stale.
 */
export async function withLock<T>(path: string, timeoutMs: number, work: () => Promise<T>): Promise<T> {
  await mkdir(dirname(path), { recursive: true });
  const file = await open(path, 'a');
  try {
    await lock(file.fd, path, timeoutMs);
    return await work();
  } finally {
    await file.close();
  }
}

function lock(fd: number, path: string, timeoutMs: number): Promise<void> {
  const seconds = String(Math.ceil(timeoutMs / 1000));
  return new Promise((resolve, reject) => {
    const flock = spawn('flock', ['--timeout', seconds, '3'], {
      stdio: ['ignore', 'inherit', 'inherit', fd],
    });
    flock.once('error', reject);
    flock.once('exit', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`another process has held ${path} for ${seconds} s (flock: exit ${code})`));
    });
  });
}
