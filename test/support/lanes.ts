// SPDX-License-Identifier: Apache-2.0
import { Clock } from '../../src/clock.ts';
import { DnsStreams } from '../../src/decode/dns-streams.ts';
import { EventType } from '../../src/decode/layout.gen.ts';
import type { RawEvent, RecordBatch } from '../../src/decode/record.ts';
import type { HostContext } from '../../src/enrich/process.ts';
import { Processes } from '../../src/enrich/processes.ts';
import {
  type EventDefinition,
  type ReadableEvent,
  type RecordOptions,
  type RunnableEvent,
  runnable,
} from '../../src/events/event.ts';
import { eventDefinitions } from '../../src/events/index.ts';
import { Batches } from '../../src/export/batches.ts';
import { envelope } from './official.ts';
import { batchOf } from './records.ts';

/** One way to make records: every level of detail, with and without body, with and without redaction. */
export interface Lane {
  readonly name: string;
  readonly events: ReadonlyMap<number, RunnableEvent>;
}

const clock = new Clock();
clock.offset = 1_763_000_000_123_456_789n;

/** A host whose namespaces are those of WHO in records.ts, the user namespace excepted. */
export const HOST: HostContext = {
  clock,
  namespaces: { pid: 11, mnt: 12, net: 13, uts: 14, user: 1 },
  userName: (uid) =>
    new Map([
      [0, 'root'],
      [1000, 'jürgen'],
    ]).get(uid),
};

/** Every definition, secrets hidden. */
export const EVENTS: readonly EventDefinition[] = eventDefinitions({ redact: true });

/** A definition made runnable for the test's host. */
export function runnableOf(definition: EventDefinition, options: Partial<RecordOptions> = {}): RunnableEvent {
  return runnable(definition, {
    detail: 'standard',
    body: true,
    host: HOST,
    hookOf: (program) => `tp_btf/${program}`,
    ...options,
  });
}

const lane = (detail: RecordOptions['detail'], body: boolean, redact: boolean): Lane => ({
  name: `detail ${detail}, ${body ? 'with' : 'without'} body${redact ? '' : ', secrets shown'}`,
  events: new Map(
    eventDefinitions({ redact }).map((event) => [event.type, runnableOf(event, { detail, body })]),
  ),
});

export const LANES: readonly Lane[] = [
  lane('standard', true, true),
  lane('standard', false, true),
  lane('lean', true, true),
  lane('lean', false, true),
  lane('all', true, true),
  lane('all', false, true),
  lane('standard', true, false),
];

/** Hands each event that is exported to `use`, as the agent does. */
export function eachEvent(
  batch: RecordBatch,
  lane: Lane,
  use: (definition: RunnableEvent, event: RawEvent, process: ReturnType<Processes['of']>) => void,
  processes: Processes = new Processes({ seeds: new Map([[4000, { name: 'init', parent: 1 }]]) }),
): void {
  const streams = new DnsStreams(clock);
  for (const event of batch) {
    const process = processes.of(event);
    const definition = lane.events.get(event.type);
    if (definition) use(definition, event, process);
    if (event.type !== EventType.DNS_SEGMENT) continue;
    for (const message of streams.take(event))
      use(lane.events.get(message.type)!, message, processes.of(message));
  }
}

/** The records through both: requests of {@link Batches}, and readable events. */
export function straightAndReadable(
  lane: Lane,
  records: readonly Buffer[],
): { straight: Buffer[]; readable: ReadableEvent[] } {
  const straight: Buffer[] = [];
  const readable: ReadableEvent[] = [];
  const batches = new Batches({
    envelope: envelope(),
    onBatch: (batch) => straight.push(Buffer.from(batch.bytes)),
  });
  const batch = batchOf(records);
  batches.observed = batch.observed;
  eachEvent(batch, lane, (definition, event, process) => {
    batches.append(definition, event, process);
    readable.push(definition.read(event, process, batch.observed));
  });
  batches.close();
  return { straight, readable };
}
