// SPDX-License-Identifier: Apache-2.0
import { Child } from './child.ts';
import { type Figure, type Part, plain } from './figures.ts';
import type { HeapOptions } from './heap-lane.ts';

const FLAGS = ['--min-semi-space-size=512', '--max-semi-space-size=512', '--expose-gc'];

/** Bytes that one event of a kind allocates. @throws when something was collected, so that nobody knows */
async function allocated(options: HeapOptions): Promise<number> {
  const child = new Child('heap-lane.ts', options, FLAGS);
  try {
    const { bytesPerEvent, collections } = await child.next<{ bytesPerEvent: number; collections: number }>();
    if (collections > 0) throw new Error(`heap: ${collections} collections while it was measured`);
    return Math.max(0, bytesPerEvent);
  } finally {
    await child.end();
  }
}

/** Bytes of JS heap per event, from ring bytes to a batch. */
export const heap: Part = {
  name: 'heap',
  needsRoot: false,
  async run({ quick, progress }) {
    const figures: Figure[] = [];
    for (const kind of ['connect', 'file', 'exec'] as const) {
      progress(`heap: ${kind}`);
      const warmUp = quick ? 20_000 : 400_000;
      const events = quick ? 10_000 : kind === 'exec' ? 20_000 : 1_000_000;
      figures.push(plain(`heap.${kind}`, await allocated({ kind, warmUp, events }), 'B'));
    }
    return figures;
  },
};
