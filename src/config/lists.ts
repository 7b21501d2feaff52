// SPDX-License-Identifier: Apache-2.0
import { UsageError } from './usage-error.ts';
import { list, oneOf } from './values.ts';

/** Where a signal can go. */
export const EXPORTERS = ['otlp', 'console', 'none'] as const;
export type ExporterName = (typeof EXPORTERS)[number];

/** OpenTelemetry's other exporters, and what to take instead. */
export function whyNoExporter(word: string): string {
  if (word === 'prometheus') return 'nothing listens here; the Collector has a Prometheus endpoint; left out';
  return `there are ${EXPORTERS.join(', ')}; left out`;
}

/** Where a signal goes: one of the words, or otlp and console together. @throws UsageError */
export function exporterNames(text: string): readonly ExporterName[] {
  const words = [...new Set(list(text))].map((word) => oneOf(word, EXPORTERS));
  if (words.length === 0) throw new UsageError('nothing is named; write otlp, console or none');
  if (words.length > 1 && words.includes('none'))
    throw new UsageError(`"${text}": none goes with nothing else`);
  return words;
}

/** What the Resource can be made of; what is named later wins. */
const DETECTORS = ['serviceinstance', 'host', 'os', 'env'] as const;
export type Detector = (typeof DETECTORS)[number];
export const DETECTOR_WORDS: readonly string[] = [...DETECTORS, 'all', 'none'];

const CLOUD =
  "this agent asks no cloud for itself: set --resource, or let the Collector's resourcedetection processor do it";
/** Detectors of OpenTelemetry that are left out here. */
const OTHER_DETECTORS: Readonly<Record<string, string>> = {
  process: 'records name the process they are about, not the agent',
  container: 'records name the container they are about, not that of the agent',
  aws: CLOUD,
  gcp: CLOUD,
  azure: CLOUD,
  alibaba: CLOUD,
};

/** Why a resource detector is not there. */
export function whyNoDetector(word: string): string {
  const reason = Object.hasOwn(OTHER_DETECTORS, word) ? OTHER_DETECTORS[word] : undefined;
  return `${reason ?? `there are ${DETECTOR_WORDS.join(', ')}`}; left out`;
}

/** Names of resource detectors, `all` or `none`. @throws UsageError */
export function detectorNames(text: string): readonly Detector[] {
  const wanted = new Set<Detector>();
  for (const name of list(text)) {
    if (name === 'none') continue;
    if (Object.hasOwn(OTHER_DETECTORS, name)) throw new UsageError(`${name}: ${OTHER_DETECTORS[name]}`);
    if (name === 'all') for (const each of DETECTORS) wanted.add(each);
    else wanted.add(oneOf(name, DETECTORS));
  }
  return DETECTORS.filter((name) => wanted.has(name));
}
