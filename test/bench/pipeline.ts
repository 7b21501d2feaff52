// SPDX-License-Identifier: Apache-2.0
import { agentChild, Child } from './child.ts';
import { type BenchOptions, beside, type Figure, median, type Part } from './figures.ts';
import type { LaneOptions, LaneResult } from './lane.ts';
import type { Way } from './way.ts';
import type { Kind } from './workload.ts';

/** Runs one lane in a fresh process. @throws when a record was lost: then the figure would mean nothing */
export async function runLane(options: LaneOptions): Promise<LaneResult> {
  const child = options.pipeline === 'fast' ? agentChild('lane.ts', options) : new Child('lane.ts', options);
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

/** Each way that records take, beside another one in turns. */
interface Row {
  readonly name: string;
  readonly kind: Kind;
  readonly way: Way;
  readonly keeps?: boolean;
  readonly against: { readonly label: string; readonly pipeline: 'fast' | 'sdk'; readonly way: Way };
}

const stock = (way: Way): Row['against'] => ({ label: 'stock SDK, in turns', pipeline: 'sdk', way });
const ours = (label: string, way: Way): Row['against'] => ({
  label: `${label}, in turns`,
  pipeline: 'fast',
  way,
});

const GRPC: Way = { protocol: 'grpc' };
const HTTP: Way = { protocol: 'http/protobuf' };

const ROWS: readonly Row[] = [
  { name: 'connect.grpc', kind: 'connect', way: GRPC, against: stock(GRPC) },
  { name: 'file.grpc', kind: 'file', way: GRPC, against: stock(GRPC) },
  { name: 'exec.grpc', kind: 'exec', way: GRPC, against: stock(GRPC) },
  { name: 'exit.grpc', kind: 'exit', way: GRPC, against: stock(GRPC) },
  {
    name: 'connect.grpc.spool',
    kind: 'connect',
    way: GRPC,
    keeps: true,
    against: ours('without --state-dir', GRPC),
  },
  { name: 'connect.http', kind: 'connect', way: HTTP, against: stock(HTTP) },
  { name: 'exec.http', kind: 'exec', way: HTTP, against: stock(HTTP) },
  ...(
    [
      ['grpc', GRPC],
      ['http', HTTP],
    ] as const
  ).flatMap(([name, way]): Row[] => [
    {
      name: `connect.${name}.zstd`,
      kind: 'connect',
      way: { ...way, compression: 'zstd' },
      against: ours('uncompressed', way),
    },
    {
      name: `connect.${name}.tls`,
      kind: 'connect',
      way: { ...way, tls: true },
      against: ours('without TLS', way),
    },
  ]),
];

/** Agent CPU from ring bytes to the receiver's acknowledgement. */
export const pipeline: Part = {
  name: 'pipeline',
  needsRoot: false,
  async run(options) {
    const figures: Figure[] = [];
    for (const { name, kind, way, keeps = false, against } of ROWS) {
      options.progress(`pipeline: ${name} and ${against.label}`);
      const { first, second } = await inTurns(options, [
        { kind, pipeline: 'fast', redact: true, way, keeps },
        { kind, pipeline: against.pipeline, redact: true, way: against.way },
      ]);
      const ratio = ratioOf(first, second);
      figures.push(beside(`pipeline.cpu.${name}`, median(first), 'us', median(second), against.label, ratio));
    }
    return figures;
  },
};
