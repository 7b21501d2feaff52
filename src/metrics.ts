// SPDX-License-Identifier: Apache-2.0
import type { Attributes, Histogram, Meter, ObservableResult } from '@opentelemetry/api';
import type { Processes } from './enrich/processes.ts';
import { addHistogram } from './export/otel.ts';
import { kernelLosses, type Ledger, MIXED } from './ledger.ts';
import { ATTR_ERROR_TYPE } from './semconv.ts';
import type { Hooked, Sensor } from './sensor/sensor.ts';

/** What {@link registerMetrics} reads at each collection. */
export interface MetricSources {
  readonly ledger: Ledger;
  readonly sensor: Sensor;
  readonly processes: Processes;
  /** Where records wait on disk, if anywhere. */
  readonly spool?: { readonly usedBytes: number; readonly maxBytes: number };
  /** Event name of each exported event type of the kernel, and its programs. */
  readonly events: readonly (Hooked & { readonly name: string })[];
}

const EVENT = 'agentsmith.event.name';

/**
 * One row a metric, for the docs as well: docs/metrics.md is made from it. Instruments are observable: counts live in
 * typed arrays and kernel maps, because an SDK instrument costs 400 ns a call.
 */
export const METRICS: readonly {
  readonly name: string;
  readonly kind: 'counter' | 'gauge';
  readonly unit: string;
  readonly about: string;
  observe(sources: MetricSources, add: (value: number, attributes: Attributes) => void): void;
}[] = [
  {
    name: 'agentsmith.sensor.event.attempted',
    kind: 'counter',
    unit: '{event}',
    about:
      'Events that a kernel program saw: submitted + filtered + dropped (ring_full, reserved, rate_limited, no_memory).',
    observe: ({ sensor, events }, add) => {
      for (const { type, name } of events) add(sensor.counts(type).attempted, { [EVENT]: name });
    },
  },
  {
    name: 'agentsmith.sensor.event.submitted',
    kind: 'counter',
    unit: '{event}',
    about: 'Events that the ring took.',
    observe: ({ sensor, events }, add) => {
      for (const { type, name } of events) add(sensor.counts(type).submitted, { [EVENT]: name });
    },
  },
  {
    name: 'agentsmith.sensor.event.received',
    kind: 'counter',
    unit: '{event}',
    about:
      'Events that user space read from the ring, and records of its own: with `recovered`, exported + filtered + in memory + spooled + dropped there.',
    observe: ({ ledger }, add) => {
      for (const [type, name] of ledger.types()) add(ledger.received[type]!, { [EVENT]: name });
    },
  },
  {
    name: 'agentsmith.sensor.event.exported',
    kind: 'counter',
    unit: '{event}',
    about: 'Records that the receiver acknowledged.',
    observe: ({ ledger }, add) => {
      for (const [type, name] of ledger.types()) add(ledger.exported[type]!, { [EVENT]: name });
      if (ledger.exportedMixed > 0) add(ledger.exportedMixed, { [EVENT]: MIXED });
    },
  },
  {
    name: 'agentsmith.sensor.event.recovered',
    kind: 'counter',
    unit: '{event}',
    about: 'Records of an earlier run that lay in the spool at the start.',
    observe: ({ ledger, spool }, add) => {
      if (!spool) return;
      for (const [type, name] of ledger.types()) add(ledger.recovered[type]!, { [EVENT]: name });
      if (ledger.recoveredMixed > 0) add(ledger.recoveredMixed, { [EVENT]: MIXED });
    },
  },
  {
    name: 'agentsmith.sensor.event.spooled',
    kind: 'gauge',
    unit: '{event}',
    about: 'Records that wait in the spool.',
    observe: ({ ledger, spool }, add) => {
      if (!spool) return;
      for (const [type, name] of ledger.types()) add(ledger.spooled[type]!, { [EVENT]: name });
    },
  },
  {
    name: 'agentsmith.sensor.event.filtered',
    kind: 'counter',
    unit: '{event}',
    about: 'Events that the user asked not to see, and those of the agent itself.',
    observe: ({ ledger, sensor, events }, add) => {
      for (const { type, name } of events)
        add(sensor.counts(type).filtered + ledger.filtered[type]!, { [EVENT]: name });
    },
  },
  {
    name: 'agentsmith.sensor.event.dropped',
    kind: 'counter',
    unit: '{event}',
    about: 'Every loss, by reason; a receiver that takes a batch in part does not say which events: mixed.',
    observe: ({ ledger, sensor, events }, add) => {
      for (const { type, name } of events) {
        for (const [reason, count] of kernelLosses(sensor.counts(type)))
          add(count, { [EVENT]: name, [ATTR_ERROR_TYPE]: reason });
      }
      for (const { event, reason, count } of ledger.losses())
        add(count, { [EVENT]: event, [ATTR_ERROR_TYPE]: reason });
    },
  },
  {
    name: 'agentsmith.sensor.hook.missing',
    kind: 'gauge',
    unit: '{hook}',
    about: 'Programs of an event that this kernel did not take; 0 when all are attached.',
    observe: ({ sensor, events }, add) => {
      for (const event of events) {
        const missing = sensor.hooksOf(event).filter((hook) => hook.error !== '');
        add(missing.length, { [EVENT]: event.name });
      }
    },
  },
  {
    name: 'agentsmith.sensor.ring_buffer.usage',
    kind: 'gauge',
    unit: 'By',
    about: 'Bytes that wait in the ring.',
    observe: ({ sensor }, add) => add(sensor.ringUsed, {}),
  },
  {
    name: 'agentsmith.sensor.ring_buffer.limit',
    kind: 'gauge',
    unit: 'By',
    about: 'Size of the ring.',
    observe: ({ sensor }, add) => add(sensor.ringBytes, {}),
  },
  {
    name: 'agentsmith.spool.usage',
    kind: 'gauge',
    unit: 'By',
    about: 'Size of the files of the spool (`--state-dir`).',
    observe: ({ spool }, add) => {
      if (spool) add(spool.usedBytes, {});
    },
  },
  {
    name: 'agentsmith.spool.limit',
    kind: 'gauge',
    unit: 'By',
    about: 'Size that they have at most (`--spool-size`).',
    observe: ({ spool }, add) => {
      if (spool) add(spool.maxBytes, {});
    },
  },
  {
    name: 'agentsmith.cache.size',
    kind: 'gauge',
    unit: '{entry}',
    about: 'Entries of a cache of the agent.',
    observe: ({ processes }, add) => add(processes.size, { 'agentsmith.cache.name': 'process' }),
  },
  {
    name: 'agentsmith.cache.evictions',
    kind: 'counter',
    unit: '{entry}',
    about: 'Entries that were dropped for want of room; the kernel introduces such a process again.',
    observe: ({ processes }, add) => add(processes.evictions, { 'agentsmith.cache.name': 'process' }),
  },
  {
    name: 'process.cpu.time',
    kind: 'counter',
    unit: 's',
    about: 'CPU time of the agent.',
    observe: (_sources, add) => {
      const { user, system } = process.cpuUsage();
      add(user / 1e6, { 'cpu.mode': 'user' });
      add(system / 1e6, { 'cpu.mode': 'system' });
    },
  },
  {
    name: 'process.memory.usage',
    kind: 'gauge',
    unit: 'By',
    about: 'Resident memory of the agent; the pages of the ring count twice.',
    observe: (_sources, add) => add(process.memoryUsage.rss(), {}),
  },
];

/** The delay histogram: the one instrument that is called, twice a batch of the ring. */
export const DELAY = {
  name: 'agentsmith.event.delay',
  unit: 's',
  about: 'From the kernel to the open batch: of the first and last record of each drain.',
} as const;

/** What the kernel's programs cost, by their own clock; it comes beside the instruments. */
export const HOOK_DURATION = {
  name: 'agentsmith.sensor.hook.duration',
  unit: 's',
  about: 'Time that one run of a kernel program of the event takes; one run in 64 is timed.',
} as const;

/** Registers all of {@link METRICS}, the times of the hooks, and returns the delay histogram. */
export function registerMetrics(meter: Meter, sources: MetricSources): Histogram {
  for (const { name, kind, unit, about, observe } of METRICS) {
    const options = { unit, description: about };
    const instrument =
      kind === 'counter'
        ? meter.createObservableCounter(name, options)
        : meter.createObservableUpDownCounter(name, options);
    instrument.addCallback((result: ObservableResult) =>
      observe(sources, (value, attributes) => result.observe(value, attributes)),
    );
  }
  const { sensor, events } = sources;
  addHistogram(meter, {
    ...HOOK_DURATION,
    points: () =>
      events.flatMap(({ type, name }) => {
        const times = sensor.hookTimes?.(type);
        if (!times) return [];
        const { scale, offset, sum, count, buckets } = times;
        return [{ attributes: { [EVENT]: name }, scale, offset, sum, count, buckets }];
      }),
  });
  return meter.createHistogram(DELAY.name, {
    unit: DELAY.unit,
    description: DELAY.about,
    advice: { explicitBucketBoundaries: [0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5, 30] },
  });
}
