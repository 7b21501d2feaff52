// SPDX-License-Identifier: Apache-2.0
import { didYouMean, UsageError } from './usage-error.ts';

/**
 * The keys of OpenTelemetry's configuration file (schema 1.1) as far as we read it: `ANY` is left to the official
 * validator, which says of a mistake neither its key nor the nearest one.
 */
export type Keys = typeof ANY | { readonly [key: string]: Keys } | readonly [Keys];
const ANY = 'any' as const;

const HEADERS: Keys = [{ name: ANY, value: ANY }];
const TLS: Readonly<Record<string, Keys>> = { ca_file: ANY, cert_file: ANY, key_file: ANY };
const OTLP: Readonly<Record<string, Keys>> = {
  endpoint: ANY,
  headers: HEADERS,
  headers_list: ANY,
  compression: ANY,
  timeout: ANY,
};
const METRICS: Readonly<Record<string, Keys>> = {
  temporality_preference: ANY,
  default_histogram_aggregation: ANY,
};
const LOG_EXPORTER: Keys = {
  otlp_grpc: { ...OTLP, tls: { ...TLS, insecure: ANY } },
  otlp_http: { ...OTLP, tls: TLS, encoding: ANY },
  'otlp_file/development': ANY,
  console: {},
};
const METRIC_EXPORTER: Keys = {
  otlp_grpc: { ...OTLP, ...METRICS, tls: { ...TLS, insecure: ANY } },
  otlp_http: { ...OTLP, ...METRICS, tls: TLS, encoding: ANY },
  'otlp_file/development': ANY,
  console: { ...METRICS },
};
const LIMITS: Keys = { attribute_count_limit: ANY, attribute_value_length_limit: ANY };

/** All but what stands under `distribution.agentsmith`. */
export const STANDARD_KEYS: Keys = {
  file_format: ANY,
  disabled: ANY,
  log_level: ANY,
  attribute_limits: LIMITS,
  logger_provider: {
    processors: [
      {
        batch: {
          schedule_delay: ANY,
          export_timeout: ANY,
          max_queue_size: ANY,
          max_export_batch_size: ANY,
          exporter: LOG_EXPORTER,
        },
        simple: { exporter: LOG_EXPORTER },
        'event_to_span_event_bridge/development': ANY,
      },
    ],
    limits: LIMITS,
    'logger_configurator/development': ANY,
  },
  meter_provider: {
    readers: [
      {
        periodic: {
          interval: ANY,
          timeout: ANY,
          'max_export_batch_size/development': ANY,
          exporter: METRIC_EXPORTER,
          producers: ANY,
          cardinality_limits: ANY,
        },
        pull: ANY,
      },
    ],
    views: ANY,
    exemplar_filter: ANY,
    'meter_configurator/development': ANY,
  },
  propagator: ANY,
  tracer_provider: ANY,
  resource: {
    attributes: [{ name: ANY, value: ANY, type: ANY }],
    attributes_list: ANY,
    schema_url: ANY,
    'detection/development': {
      attributes: ANY,
      detectors: ANY,
    },
  },
  'instrumentation/development': ANY,
  distribution: ANY,
};

/** A place in a file: keys and indexes from the root. */
export type Path = readonly (string | number)[];

/** `logger_provider.processors[0].batch` */
export function pathText(path: Path): string {
  return path
    .map((step, i) => (typeof step === 'number' ? `[${step}]` : `${i > 0 ? '.' : ''}${step}`))
    .join('');
}

/** @throws UsageError for the first key that is not known; `where` says where in the file a place is. */
export function checkKeys(value: unknown, keys: Keys, where: (path: Path) => string, path: Path = []): void {
  if (keys === ANY || typeof value !== 'object' || value === null) return;
  if (isList(keys)) {
    if (!Array.isArray(value)) throw new UsageError(`${where(path)}: expected a list`);
    for (const [i, item] of value.entries()) checkKeys(item, keys[0], where, [...path, i]);
    return;
  }
  if (Array.isArray(value))
    throw new UsageError(`${where(path)}: expected ${Object.keys(keys).join(', ')}, not a list`);
  for (const [key, inner] of Object.entries(value)) {
    if (!Object.hasOwn(keys, key)) {
      const known = Object.keys(keys);
      throw new UsageError(
        `${where([...path, key])}: no such key${didYouMean(key, known)}; expected ${known.join(', ')}`,
      );
    }
    checkKeys(inner, keys[key]!, where, [...path, key]);
  }
}

const isList = (keys: Keys): keys is readonly [Keys] => Array.isArray(keys);
