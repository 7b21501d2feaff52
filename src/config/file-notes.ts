// SPDX-License-Identifier: Apache-2.0
import { type Path, pathText } from './file-keys.ts';

const NO_TRACES = 'the agent makes no traces';
const FIXED = "the agent's own counters are as docs/metrics.md lists them";

/** What the standard file can say and the agent cannot do, with the reason. `*` is any key, `[]` any item. */
const NOT_HONOURED: readonly (readonly [place: string, reason: string])[] = [
  ['tracer_provider', NO_TRACES],
  ['propagator', NO_TRACES],
  ['instrumentation/development', 'nothing is instrumented here: events come from the kernel'],
  ['logger_provider.logger_configurator/development', 'distribution.agentsmith.events says what is told'],
  ['logger_provider.processors.[].event_to_span_event_bridge/development', NO_TRACES],
  ['meter_provider.readers.[].pull', 'nothing listens here; the Collector has a Prometheus endpoint'],
  ['meter_provider.readers.[].periodic.producers', FIXED],
  ['meter_provider.readers.[].periodic.cardinality_limits', FIXED],
  ['meter_provider.readers.[].periodic.max_export_batch_size/development', FIXED],
  ['meter_provider.readers.[].periodic.exporter.otlp_file/development', 'metrics are sent or printed'],
  ['meter_provider.readers.[].periodic.exporter.*.default_histogram_aggregation', FIXED],
  [
    'meter_provider.readers.[].periodic.exporter.console.temporality_preference',
    'printed counters are cumulative',
  ],
  ['meter_provider.views', FIXED],
  ['meter_provider.exemplar_filter', FIXED],
  ['meter_provider.meter_configurator/development', FIXED],
  ['resource.schema_url', 'attribute names follow the conventions that the agent was built with'],
  [
    'resource.detection/development.attributes',
    'choose detectors; attributes of resource.attributes replace theirs',
  ],
];

/** One line for each part of a file that has no effect. */
export function notHonoured(model: unknown): string[] {
  return NOT_HONOURED.flatMap(([place, reason]) =>
    [...placesOf(model, place.split('.'))].map((path) => `${pathText(path)} has no effect: ${reason}`),
  );
}

/** The places in `value` that a pattern means. */
function* placesOf(value: unknown, pattern: readonly string[], path: Path = []): Generator<Path> {
  const [step, ...rest] = pattern;
  if (step === undefined) {
    if (value !== undefined) yield path;
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  if (step === '[]') {
    if (Array.isArray(value))
      for (const [i, item] of value.entries()) yield* placesOf(item, rest, [...path, i]);
    return;
  }
  for (const [key, inner] of Object.entries(value)) {
    if (step === '*' || step === key) yield* placesOf(inner, rest, [...path, key]);
  }
}
