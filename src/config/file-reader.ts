// SPDX-License-Identifier: Apache-2.0
import {
  type ConfigurationModel,
  type LogRecordExporterConfigModel,
  mergeHeadersConfig,
  mergeResourceAttributesConfig,
  type OtlpGrpcExporterConfigModel,
  type OtlpHttpExporterConfigModel,
  type PushMetricExporterConfigModel,
} from '@opentelemetry/configuration';
import { type Path, pathText } from './file-keys.ts';
import type { FileReceiver, ResourceValue } from './file-settings.ts';
import { DETECTOR_WORDS, whyNoDetector } from './lists.ts';
import { fromMilliseconds, NO_LIMIT } from './option.ts';
import { type OptionName, OWN_KEYS, optionOf } from './options.ts';
import { addHeader, COMPRESSIONS, type Named } from './receiver-settings.ts';
import { UsageError } from './usage-error.ts';

type Exporter = LogRecordExporterConfigModel | PushMetricExporterConfigModel;

/** What the file calls detectors, as our own are called. `host` is there for os.* too. */
const DETECTORS: Readonly<Record<string, string>> = { host: 'host,os', service: 'serviceinstance' };
/** setTimeout takes no more. */
const TIMEOUT_MAX_MS = 2 ** 31 - 1;

/** Takes from the official model what the agent can do. */
export class FileReader {
  readonly values = new Map<OptionName, { text: string; at: string }>();
  readonly attributes: Record<string, ResourceValue> = {};
  readonly notes: string[] = [];
  logs: FileReceiver | undefined;
  metrics: FileReceiver | undefined;
  readonly #file: string;
  readonly #model: ConfigurationModel;

  constructor(file: string, model: ConfigurationModel) {
    this.#file = file;
    this.#model = model;
  }

  /** @throws UsageError */
  read(): void {
    const { disabled, log_level: level } = this.#model;
    if (disabled !== undefined && disabled !== null) this.#set('disabled', `${disabled}`, ['disabled']);
    if (level) this.#set('logLevel', LEVELS[level.replace(/\d$/, '')]!, ['log_level']);
    this.#readLogs();
    this.#readMetrics();
    this.#readResource();
    this.#readOwn();
  }

  #set(name: OptionName, text: string | undefined, at: Path): void {
    if (text !== undefined) this.values.set(name, { text, at: pathText(at) });
  }

  /** A number of the file; null is as good as nothing. */
  #setNumber(name: OptionName, value: number | null | undefined, at: Path): void {
    if (value !== undefined && value !== null) this.#set(name, `${value}`, at);
  }

  #setTime(name: OptionName, value: number | null | undefined, at: Path, zero = NO_LIMIT): void {
    if (value !== undefined && value !== null) this.#set(name, fromMilliseconds(`${value}`, zero), at);
  }

  #readLogs(): void {
    const { logger_provider: provider, attribute_limits: general } = this.#model;
    for (const [limits, at] of [
      [general, ['attribute_limits']],
      [provider?.limits, ['logger_provider', 'limits']],
    ] as const) {
      this.#setNumber('attributeCountLimit', limits?.attribute_count_limit, [...at, 'attribute_count_limit']);
      this.#setNumber('attributeValueLengthLimit', limits?.attribute_value_length_limit, [
        ...at,
        'attribute_value_length_limit',
      ]);
    }
    const words = new Set<string>();
    for (const [i, { batch, simple }] of (provider?.processors ?? []).entries()) {
      const at: Path = ['logger_provider', 'processors', i, batch ? 'batch' : 'simple'];
      const exporter = batch?.exporter ?? simple?.exporter;
      if (!exporter) continue;
      if (exporter.console !== undefined) words.add('console');
      this.#readFileExporter(exporter, [...at, 'exporter', 'otlp_file/development']);
      const receiver = this.#receiver(exporter, [...at, 'exporter'], 'logs', this.logs !== undefined);
      if (!receiver) continue;
      words.add('otlp');
      this.logs = receiver;
      if (simple) this.notes.push(`${pathText(at)}: records are sent in batches all the same`);
      if (!batch) continue;
      this.#setTime('batchDelay', batch.schedule_delay, [...at, 'schedule_delay'], '1ms');
      this.#setTime('batchTimeout', batch.export_timeout, [...at, 'export_timeout']);
      this.#setNumber('queueRecords', batch.max_queue_size, [...at, 'max_queue_size']);
      const most = batch.max_export_batch_size;
      this.#setNumber('batchRecords', most && Math.min(most, 16_384), [...at, 'max_export_batch_size']);
    }
    if (words.size > 0) this.#set('logsExporter', [...words].join(','), ['logger_provider', 'processors']);
  }

  /** `file:///path` is `--output file:/path`; there is one such file. */
  #readFileExporter(exporter: LogRecordExporterConfigModel, at: Path): void {
    const given = exporter['otlp_file/development'];
    if (given === undefined) return;
    const [, path] = /^file:\/\/(\/.+)$/.exec(given?.output_stream ?? '') ?? [];
    if (path === undefined || this.values.has('output'))
      this.notes.push(`${pathText(at)} has no effect: records are written into one file, file:///path`);
    else this.#set('output', `file:${path}`, [...at, 'output_stream']);
  }

  #readMetrics(): void {
    const words = new Set<string>();
    for (const [i, { periodic }] of (this.#model.meter_provider?.readers ?? []).entries()) {
      if (!periodic) continue;
      const at: Path = ['meter_provider', 'readers', i, 'periodic'];
      const { exporter } = periodic;
      if (exporter.console !== undefined) words.add('console');
      const receiver = this.#receiver(exporter, [...at, 'exporter'], 'metrics', this.metrics !== undefined);
      if (receiver) {
        words.add('otlp');
        this.metrics = receiver;
        for (const kind of ['otlp_grpc', 'otlp_http'] as const) {
          const temporality = exporter[kind]?.temporality_preference;
          const place = [...at, 'exporter', kind, 'temporality_preference'];
          if (temporality) this.#set('metricsTemporality', temporality.replace('_', ''), place);
        }
      }
      if (!receiver && exporter.console === undefined) continue;
      this.#setTime('metricsInterval', periodic.interval, [...at, 'interval'], '1ms');
      this.#setTime('metricsTimeout', periodic.timeout, [...at, 'timeout']);
    }
    if (words.size > 0) this.#set('metricsExporter', [...words].join(','), ['meter_provider', 'readers']);
  }

  /** The OTLP receiver of an exporter, if it is one and the first of its signal. */
  #receiver(exporter: Exporter, at: Path, signal: string, isSecond: boolean): FileReceiver | undefined {
    const kind = exporter.otlp_grpc !== undefined ? 'otlp_grpc' : 'otlp_http';
    const given = exporter[kind];
    if (given === undefined) return undefined;
    const place = [...at, kind];
    if (isSecond) {
      this.notes.push(
        `${pathText(place)} has no effect: ${signal} go to one receiver, the first; the Collector can send them on`,
      );
      return undefined;
    }
    return this.#otlp(given ?? {}, kind, place);
  }

  #otlp(
    given: NonNullable<OtlpGrpcExporterConfigModel | OtlpHttpExporterConfigModel>,
    kind: 'otlp_grpc' | 'otlp_http',
    at: Path,
  ): FileReceiver {
    const named = <T>(value: T | null | undefined, ...steps: string[]): Named<T> | undefined =>
      value === undefined || value === null || value === ''
        ? undefined
        : { name: `${this.#file}: ${pathText([...at, ...steps])}`, value };
    const { endpoint, tls, compression, timeout } = given;
    const http = given as NonNullable<OtlpHttpExporterConfigModel>;
    const protocol = kind === 'otlp_grpc' ? 'grpc' : http.encoding === 'json' ? 'http/json' : 'http/protobuf';
    const packed = COMPRESSIONS.find((each) => each === compression);
    if (compression && !packed)
      throw this.#wrong([...at, 'compression'], `"${compression}" is none of ${COMPRESSIONS.join(', ')}`);
    const said = {
      endpoint: named(endpoint, 'endpoint'),
      compression: named(packed, 'compression'),
      insecure: named((tls as { insecure?: boolean | null } | null | undefined)?.insecure, 'tls', 'insecure'),
      ca: named(tls?.ca_file, 'tls', 'ca_file'),
      cert: named(tls?.cert_file, 'tls', 'cert_file'),
      key: named(tls?.key_file, 'tls', 'key_file'),
    };
    return {
      ...(Object.fromEntries(Object.entries(said).filter(([, value]) => value)) as Partial<FileReceiver>),
      protocol: named(protocol)!,
      headers: this.#headers(given, at),
      ...(typeof timeout === 'number' && { timeoutMillis: timeout === 0 ? TIMEOUT_MAX_MS : timeout }),
      isSignalEndpoint: kind === 'otlp_http' && Boolean(endpoint),
    };
  }

  #headers(given: NonNullable<OtlpGrpcExporterConfigModel>, at: Path): Record<string, string> {
    const all: Record<string, string> = {};
    const merged = mergeHeadersConfig(given.headers, given.headers_list) ?? {};
    const setting = `${this.#file}: ${pathText([...at, 'headers'])}`;
    for (const [name, value] of Object.entries(merged)) addHeader(all, setting, name, value);
    return all;
  }

  #readResource(): void {
    const { resource } = this.#model;
    const given = mergeResourceAttributesConfig(resource?.attributes, resource?.attributes_list) ?? [];
    for (const { name, value } of given) if (value !== null) this.attributes[name] = value;
    const detection = resource?.['detection/development'];
    if (!detection?.detectors) return;
    const at: Path = ['resource', 'detection/development', 'detectors'];
    const words = new Set<string>();
    for (const [i, detector] of detection.detectors.entries()) {
      for (const name of Object.keys(detector)) {
        const own = DETECTORS[name] ?? (DETECTOR_WORDS.includes(name) ? name : undefined);
        if (own) words.add(own);
        else this.notes.push(`${pathText([...at, i, name])}: ${whyNoDetector(name)}`);
      }
    }
    this.#set('resourceDetectors', words.size > 0 ? [...words].join(',') : 'none', at);
  }

  #readOwn(): void {
    const distribution = (this.#model.distribution ?? {}) as Record<string, Record<string, unknown> | null>;
    for (const [vendor, settings] of Object.entries(distribution)) {
      if (vendor !== 'agentsmith') {
        this.notes.push(`distribution.${vendor} has no effect: it belongs to another program`);
        continue;
      }
      for (const [key, value] of Object.entries(settings ?? {})) {
        if (value === null) continue;
        const at = ['distribution', vendor, key];
        const items = Array.isArray(value) ? value : [value];
        if (items.some((item) => typeof item === 'object'))
          throw this.#wrong(at, 'expected a value, or a list of values');
        const name = OWN_KEYS.get(key)!;
        this.#set(name, items.join(optionOf(name).separator ?? ','), at);
      }
    }
  }

  #wrong(at: Path, message: string): UsageError {
    return new UsageError(`${this.#file}: ${pathText(at)}: ${message}`);
  }
}

/** SeverityNumber's words, without their digit. */
const LEVELS: Readonly<Record<string, string>> = {
  trace: 'verbose',
  debug: 'debug',
  info: 'info',
  warn: 'warn',
  error: 'error',
  fatal: 'error',
};
