// SPDX-License-Identifier: Apache-2.0
import { Child } from './child.ts';
import { type BenchOptions, beside, type Figure, median, type Part } from './figures.ts';
import type { LaneOptions, LaneResult } from './lane.ts';
import type { Kind } from './workload.ts';

/** Runs one lane in a fresh process. @throws when a record was lost: then the figure would mean nothing */
export async function runLane(options: LaneOptions): Promise<LaneResult> {
  const child = new Child('lane.ts', options);
  try {
    const result = await child.next<LaneResult>();
    if (result.lost > 0) throw new Error(`${options.pipeline} ${options.kind}: ${result.lost} records lost`);
    return result;
  } finally {
    await child.end();
  }
}

/** µs of CPU for each event. */
export const cost = ({ cpuSeconds, events }: LaneResult): number => (cpuSeconds * 1e6) / events;

const times = (quick: boolean) => (quick ? { warmUpMs: 200, runMs: 300 } : { warmUpMs: 1200, runMs: 1200 });

/** Costs of two lanes in turns, so that what else the machine does falls on both. */
export async function inTurns(
  { quick }: BenchOptions,
  lanes: readonly [Omit<LaneOptions, 'warmUpMs' | 'runMs'>, Omit<LaneOptions, 'warmUpMs' | 'runMs'>],
  rounds = quick ? 1 : 5,
): Promise<{ first: number[]; second: number[] }> {
  const [first, second]: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    first.push(cost(await runLane({ ...lanes[0], ...times(quick) })));
    second.push(cost(await runLane({ ...lanes[1], ...times(quick) })));
  }
  return { first, second };
}

/** The middle of the ratios of each round: noise that lasts longer than a round falls out. */
export const ratioOf = (first: readonly number[], second: readonly number[]): number =>
  median(first.map((value, i) => second[i]! / value));

const KINDS: readonly Kind[] = ['connect', 'file', 'exec', 'exit'];

/** Agent CPU from ring bytes to the receiver's acknowledgement, against the stock SDK. */
export const pipeline: Part = {
  name: 'pipeline',
  needsRoot: false,
  async run(options) {
    const figures: Figure[] = [];
    for (const kind of KINDS) {
      options.progress(`pipeline: ${kind}, ours and the stock SDK in turns`);
      const { first, second } = await inTurns(options, [
        { kind, pipeline: 'fast', redact: true },
        { kind, pipeline: 'sdk', redact: true },
      ]);
      const label = 'stock SDK, in turns';
      figures.push(
        beside(
          `pipeline.cpu.${kind}.grpc`,
          median(first),
          'us',
          median(second),
          label,
          ratioOf(first, second),
        ),
      );
    }
    return figures;
  },
};
