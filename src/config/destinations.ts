// SPDX-License-Identifier: Apache-2.0
import type { ExporterName } from './lists.ts';
import type { OptionName, OptionValues } from './options.ts';
import type { Environment } from './receiver-settings.ts';
import type { Origin, Sources } from './sources.ts';

/** Where records and metrics go. */
export interface Destinations {
  /** What is printed of each record. */
  readonly output: Exclude<OptionValues['output'], undefined>;
  /** Whether records are sent. */
  readonly exporting: boolean;
  /** Where the agent's own counters go; nothing = nowhere. */
  readonly metrics: readonly Exclude<ExporterName, 'none'>[];
}

type Origins = ReadonlyMap<OptionName, Origin>;

/**
 * Decides where records and metrics go. An endpoint that somebody gave is a wish to send: it wins over what a weaker
 * source says of exporters, and over one that disables everything.
 */
export function destinations(options: OptionValues, origins: Origins, { env, file }: Sources): Destinations {
  const rank = (name: OptionName) => origins.get(name)!.rank;
  const hasEndpoint = options.endpoint !== undefined;
  if (options.disabled && !(hasEndpoint && rank('endpoint') > rank('disabled'))) {
    return { output: options.output ?? 'console', exporting: false, metrics: [] };
  }
  const known = (signal: string) => hasEndpoint || (file === undefined && isKnown(signal, env));
  let logs = options.logsExporter;
  if (logs && hasEndpoint && rank('endpoint') > rank('logsExporter')) logs = [...logs, 'otlp'];
  const exporting = logs ? logs.includes('otlp') : known('LOGS');
  const isPrinted = logs ? logs.includes('console') : !exporting;
  const metrics =
    options.metricsExporter ?? (exporting && !file ? ['otlp'] : known('METRICS') ? ['otlp'] : []);
  return {
    output: options.output ?? (isPrinted ? 'console' : 'none'),
    exporting,
    metrics: metrics.filter((name) => name !== 'none'),
  };
}

/** Whether a standard variable names an endpoint. */
function isKnown(signal: string, env: Environment): boolean {
  return Boolean(env[`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`] || env.OTEL_EXPORTER_OTLP_ENDPOINT);
}
