// SPDX-License-Identifier: Apache-2.0
import { setTimeout as delay } from 'node:timers/promises';
import { agentChild, type Child } from './child.ts';
import { type BenchOptions, type Figure, type Part, plain } from './figures.ts';
import type { Books } from './kernel-lane.ts';
import { runLane } from './pipeline.ts';
import { runProgram } from './programs.ts';

const MIB = 1 << 20;
/** Offered rates, one after the other until records are lost; 0 = as fast as the maker can. */
const RATES: readonly number[] = [100_000, 200_000, 300_000, 350_000, 400_000, 500_000, 0];

/** The rate that is to be sustained, and at which memory has a target. */
const TARGET = 300_000;

/** What came of a storm. */
interface Storm {
  readonly delivered: number;
  readonly lost: number;
  readonly seconds: number;
  readonly rss: number;
}

async function replay({ quick, progress }: BenchOptions, keeps: boolean): Promise<Figure[]> {
  const name = keeps ? 'rate.replay.connect.spool' : 'rate.replay.connect';
  progress(`${name}: replayed connect records, as fast as the receiver takes them`);
  const run = { kind: 'connect', pipeline: 'fast', redact: true, keeps } as const;
  const result = await runLane({ ...run, warmUpMs: quick ? 200 : 2000, runMs: quick ? 500 : 30_000 });
  return [
    plain(name, result.events / result.seconds, 'events/s'),
    plain(`${name}.lost`, result.lost, 'events'),
    plain(`${name}.rss`, result.maxRssBytes / MIB, 'MiB'),
  ];
}

/** Connects at a rate for so long, and waits until the agent has delivered or lost what the ring took. */
async function storm(agent: Child, rate: number, seconds: number): Promise<Storm> {
  const read = () => {
    agent.send({});
    return agent.next<Books>();
  };
  const before = await read();
  const start = performance.now();
  await runProgram('storm', 'udp', rate, seconds);
  const took = (performance.now() - start) / 1000;
  let after = await read();
  for (let tries = 0; tries < 50 && after.exported < after.submitted; tries++) {
    await delay(100);
    const { maxRssBytes } = after;
    after = await read();
    after = { ...after, maxRssBytes: Math.max(after.maxRssBytes, maxRssBytes) };
  }
  return {
    delivered: after.exported - before.exported,
    lost: after.lost - before.lost,
    seconds: took,
    rss: after.maxRssBytes,
  };
}

/** A fresh agent, warmed up: one that was overloaded before keeps the memory that it needed then. */
async function withAgent<T>(quick: boolean, use: (agent: Child) => Promise<T>): Promise<T> {
  const agent = agentChild('kernel-lane.ts');
  try {
    await agent.next();
    await storm(agent, 50_000, quick ? 0.2 : 2);
    return await use(agent);
  } finally {
    await agent.end();
  }
}

/** The rates, lowest first, at which nothing was lost. */
async function ladder({ quick, progress }: BenchOptions): Promise<number[]> {
  return withAgent(quick, async (agent) => {
    const kept: number[] = [];
    for (const rate of quick ? RATES.slice(0, 1) : RATES) {
      const { delivered, lost, seconds } = await storm(agent, rate, quick ? 0.3 : 4);
      progress(
        `rate: ${rate || 'unbounded'}/s offered, ${Math.round(delivered / seconds)}/s delivered, ${lost} lost`,
      );
      if (lost > 0) break;
      kept.push(rate);
    }
    return kept;
  });
}

async function kernel(options: BenchOptions): Promise<Figure[]> {
  const { quick, progress } = options;
  const kept = await ladder(options);
  const long = (rate: number) => withAgent(quick, (agent) => storm(agent, rate, quick ? 0.5 : 30));
  // The highest rate at which nothing was lost, for longer; one step less when it loses then.
  let rate = kept.pop() ?? RATES[0]!;
  let result = await long(rate);
  while (result.lost > 0 && kept.length > 0) {
    progress(`rate: ${result.lost} lost in 30 s at ${rate || 'unbounded'}/s`);
    rate = kept.pop()!;
    result = await long(rate);
  }
  progress(`rate: ${TARGET}/s`);
  const sustained = await long(TARGET);
  const limit = rate === 0 ? 'the maker is the limit' : 'the highest step without loss';
  return [
    { ...plain('rate.kernel.connect', result.delivered / result.seconds, 'events/s'), against: limit },
    plain('rate.kernel.connect.lost', result.lost, 'events'),
    plain('rate.kernel.connect.rss', result.rss / MIB, 'MiB'),
    plain('rate.sustained.connect.lost', sustained.lost, 'events'),
    plain('rate.sustained.connect.rss', sustained.rss / MIB, 'MiB'),
  ];
}

/** Events a second that reach a receiver in another process without a loss. */
export const rate: Part = {
  name: 'rate',
  needsRoot: true,
  run: async (options) => [
    ...(await replay(options, false)),
    ...(await replay(options, true)),
    ...(await kernel(options)),
  ],
};
