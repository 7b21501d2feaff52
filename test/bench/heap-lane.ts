// SPDX-License-Identifier: Apache-2.0
// Counts what the way from ring bytes to a batch allocates on the JS heap. Started with a young space so large that
// nothing is collected meanwhile: then the growth of the heap is what was allocated.
import { GCProfiler, getHeapStatistics } from 'node:v8';
import { Agent } from '../../src/agent.ts';
import { eventDefinitions } from '../../src/events/index.ts';
import { Batches } from '../../src/export/batches.ts';
import type { Exporter } from '../../src/export/exporter.ts';
import { HOST } from './agent.ts';
import { childArgument } from './child.ts';
import { FeedSensor } from './feed.ts';
import { type Kind, workload } from './workload.ts';

export interface HeapOptions {
  readonly kind: Kind;
  readonly warmUp: number;
  readonly events: number;
}

const { kind, warmUp, events } = childArgument<HeapOptions>();
const sensor = new FeedSensor(workload(kind));
const empty = Buffer.alloc(0);
const batches = new Batches({
  envelope: { resource: empty, scope: empty, schemaUrl: empty },
  onBatch: (batch) => batches.recycle(batch),
});
const exporter: Exporter = {
  meter: undefined,
  hasRoom: true,
  takesBatches: true,
  set observed(time: bigint) {
    batches.observed = time;
  },
  append: (definition, event, process) => batches.append(definition, event, process),
  emit: () => {},
  trim: () => batches.trim(),
  shutdown: async () => batches.close(),
  abort: () => {},
};
const agent = new Agent({
  sensor,
  events: eventDefinitions({ redact: true }),
  detail: 'standard',
  body: true,
  host: HOST,
  exporter: async () => exporter,
});
const feed = (count: number) => {
  for (const end = sensor.fed + count; sensor.fed < end; ) sensor.step();
};

await agent.start();
feed(warmUp);
globalThis.gc?.();
const profiler = new GCProfiler();
profiler.start();
const fed = sensor.fed;
const before = getHeapStatistics().used_heap_size;
feed(events);
const bytes = getHeapStatistics().used_heap_size - before;
const collections = profiler.stop().statistics.length;
process.send?.({ bytesPerEvent: bytes / (sensor.fed - fed), collections });
await agent.stop(0);
if (process.connected) process.disconnect();
