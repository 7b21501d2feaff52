// SPDX-License-Identifier: Apache-2.0
// The process that is measured: a whole agent behind a sensor that feeds ring bytes, its receiver in another process.
import { Acknowledged } from './acknowledged.ts';
import { benchAgent, lostBy, openKept, RssWatch } from './agent.ts';
import { childArgument } from './child.ts';
import { FeedSensor } from './feed.ts';
import { connected, type Way } from './way.ts';
import { type Kind, workload } from './workload.ts';

/** What its parent gives. */
export interface LaneOptions {
  readonly kind: Kind;
  readonly pipeline: 'fast' | 'sdk';
  readonly redact: boolean;
  /** By default OTLP/gRPC, uncompressed, in plaintext. */
  readonly way?: Way;
  /** As with --state-dir. */
  readonly keeps?: boolean;
  /** Milliseconds that do not count, then milliseconds that do. */
  readonly warmUpMs: number;
  readonly runMs: number;
}

/** What it tells at the end. */
export interface LaneResult {
  readonly events: number;
  readonly seconds: number;
  /** User and system time of the whole process, all its threads. */
  readonly cpuSeconds: number;
  readonly lost: number;
  readonly maxRssBytes: number;
}

/** Events on their way at most: two batches in flight and one that fills; the stock processor queues 65,536. */
const WINDOW = 10_240;
/** What the agent itself sends: agentsmith.sensor.start. */
const OWN_RECORDS = 1;

const options = childArgument<LaneOptions>();
const connection = connected(options.way);
const receiver = await Acknowledged.start(connection.sink);
const sensor = new FeedSensor(workload(options.kind));
const kept = options.keeps ? await openKept() : undefined;
const agent = benchAgent({ ...options, kept, given: connection.given, sensor, url: receiver.url });
const rss = new RssWatch();

/** Feeds for so long, and waits until all of it is acknowledged. */
async function run(ms: number): Promise<void> {
  const end = performance.now() + ms;
  await sensor.run(
    () => performance.now() >= end,
    () => receiver.atLeast(sensor.fed - WINDOW),
  );
  await receiver.atLeast(sensor.fed + OWN_RECORDS);
}

await agent.start();
await run(options.warmUpMs);
const [fed, started, cpu] = [sensor.fed, performance.now(), process.cpuUsage()];
rss.take();
await run(options.runMs);
const { user, system } = process.cpuUsage(cpu);
process.send?.({
  events: sensor.fed - fed,
  seconds: (performance.now() - started) / 1000,
  cpuSeconds: (user + system) / 1e6,
  lost: lostBy(agent),
  maxRssBytes: rss.take(),
} satisfies LaneResult);
rss.close();
await agent.stop(2000);
kept?.end();
await receiver.end();
connection.end();
if (process.connected) process.disconnect();
