// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';

/*
 * FUZZ_SEED=n repeats a run (the seed is printed at its start, and with every counterexample);
 * FUZZ_RUNS=n makes n times as many inputs as `npm test` does.
 */
/** Of this run. */
export const seed: number = Number(process.env.FUZZ_SEED ?? Date.now() & 0x7fffffff) | 0;
/** How many times as much as `npm test` does. */
export const factor: number = Number(process.env.FUZZ_RUNS ?? 1);
if (!(factor > 0)) throw new RangeError(`FUZZ_RUNS=${process.env.FUZZ_RUNS} is no number of runs`);
console.log(`fuzz: FUZZ_SEED=${seed} repeats this run`);

/** Runs a property on `runs` inputs (times FUZZ_RUNS). */
export function fuzz<T extends [unknown, ...unknown[]]>(runs: number, property: fc.IProperty<T>): void {
  fc.assert(property, { seed, numRuns: Math.ceil(runs * factor), endOnFailure: factor > 1 });
}
