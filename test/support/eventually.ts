// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from 'node:timers/promises';
import { scaled } from './triggers.ts';

/** Looks again and again until the condition holds: for what tells nobody when it happens. */
export async function eventually(condition: () => boolean, limitMs = 10_000): Promise<void> {
  const deadline = performance.now() + scaled(limitMs);
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`${condition} did not hold within ${limitMs} ms`);
    await sleep(20);
  }
}
