// SPDX-License-Identifier: Apache-2.0
// The process that is measured: a whole agent behind a sensor that feeds ring bytes, its receiver in another process.
import { Agent } from '../../src/agent.ts';
import { eventDefinitions } from '../../src/events/index.ts';
import { FastExporter, StockExporter } from '../../src/export/exporter.ts';
import { grpcOptions } from '../../src/export/grpc-options.ts';
import { hostResource } from '../../src/export/resource.ts';
import { Acknowledged } from './acknowledged.ts';
import { childArgument } from './child.ts';
import { FeedSensor } from './feed.ts';
import { type Kind, workload } from './workload.ts';

/** What {@link Child} is given. */
export interface LaneOptions {
  readonly kind: Kind;
  readonly pipeline: 'fast' | 'sdk';
  readonly redact: boolean;
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

/** Events on their way at most: several batches, and less than the stock processor's queue of 65,536. */
const WINDOW = 24_576;
/** What the agent itself sends: agentsmith.sensor.start. */
const OWN_RECORDS = 1;

const options = childArgument<LaneOptions>();
const receiver = await Acknowledged.start();
const sensor = new FeedSensor(workload(options.kind));
const grpc = grpcOptions('LOGS', receiver.url);
const exporting = {
  logs: grpc,
  metrics: grpcOptions('METRICS', receiver.url),
  resource: hostResource({
    name: 'bench',
    machineId: undefined,
    arch: 'x64',
    addresses: ['192.0.2.1'],
    kernelRelease: '6.1.0',
    description: undefined,
  }),
  queueBytes: 64 << 20,
  metricsIntervalMs: 60_000,
  onState: () => {},
  onPartial: () => {},
};
const agent = new Agent({
  sensor,
  events: eventDefinitions({ redact: options.redact }),
  detail: 'standard',
  body: true,
  host: {
    namespaces: { pid: 11, mnt: 12, net: 13, uts: 14, user: 15 },
    userName: (uid) => (uid === 0 ? 'root' : 'user'),
  },
  exporter: async (ledger) =>
    options.pipeline === 'sdk'
      ? StockExporter.create(exporting, ledger)
      : new FastExporter(exporting, ledger),
});
let maxRss = 0;
const watch = setInterval(() => (maxRss = Math.max(maxRss, process.memoryUsage.rss())), 100);

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
maxRss = 0;
await run(options.runMs);
const { user, system } = process.cpuUsage(cpu);
const lost = [...agent.ledger.losses()].reduce((sum, { count }) => sum + count, 0);
process.send?.({
  events: sensor.fed - fed,
  seconds: (performance.now() - started) / 1000,
  cpuSeconds: (user + system) / 1e6,
  lost,
  maxRssBytes: maxRss,
} satisfies LaneResult);
clearInterval(watch);
await agent.stop(2000);
await receiver.end();
if (process.connected) process.disconnect();
