// SPDX-License-Identifier: Apache-2.0
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { unpackDebian } from './debian.ts';
import { answers, type Server, startServer } from './server.ts';
import type { SkipReason } from './skip.ts';

export interface PrometheusPrograms {
  readonly prometheus: string;
  /** Checks rules and expressions. */
  readonly promtool: string;
}

/** One value of an instant query; of a native histogram there is no `value`. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value?: number;
  readonly histogram?: { readonly count: number; readonly sum: number };
}

export interface Prometheus extends Server {
  readonly url: string;
  /** For `AGENTSMITH_PROMETHEUS_ENDPOINT`. */
  readonly writeUrl: string;
  /** Evaluates PromQL, now or at a time in s since the epoch. @throws with what Prometheus says against it */
  query(promql: string, time?: number): Promise<Sample[]>;
}

const UNITS: Readonly<Record<string, string>> = { By: '_bytes', s: '_seconds', '1': '_ratio' };

/**
 * The name that a metric of src/metrics.ts has in Prometheus, by OpenTelemetry's rules for Prometheus: unit behind the
 * name, then `_total` of a counter. Histograms have `_bucket`, `_count`, `_sum` behind it; exponential ones have not.
 */
export function prometheusName(metric: {
  readonly name: string;
  readonly unit: string;
  readonly kind?: string;
}): string {
  const name = metric.name.replaceAll('.', '_') + (UNITS[metric.unit] ?? '');
  return metric.kind === 'counter' ? `${name}_total` : name;
}

/** Prometheus and promtool, out of Debian's package. */
export async function fetchPrometheus(): Promise<PrometheusPrograms | SkipReason> {
  const folder = await unpackDebian(['prometheus']);
  if (typeof folder !== 'string') return folder;
  return { prometheus: join(folder, 'usr/bin/prometheus'), promtool: join(folder, 'usr/bin/promtool') };
}

/** Starts one that scrapes nothing and takes remote writes, and waits until it answers a query. */
export async function startPrometheus(programs: PrometheusPrograms, dir: string): Promise<Prometheus> {
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, 'prometheus.yml'), 'global: {scrape_interval: 15s}\n');
  const server = await startServer({
    name: 'Prometheus',
    dir,
    log: 'prometheus',
    ports: 1,
    command: ([port]) => ({
      file: programs.prometheus,
      args: [
        '--config.file=prometheus.yml',
        '--storage.tsdb.path=data',
        `--web.listen-address=127.0.0.1:${port}`,
        '--web.enable-remote-write-receiver',
        '--enable-feature=native-histograms',
        '--log.level=warn',
      ],
    }),
    ready: ([port]) => answers(`http://127.0.0.1:${port}/api/v1/query?query=1`),
  });
  const url = `http://127.0.0.1:${server.ports[0]}`;
  return {
    ...server,
    url,
    writeUrl: `${url}/api/v1/write`,
    async query(promql, time) {
      const body = new URLSearchParams({ query: promql, ...(time !== undefined && { time: String(time) }) });
      const answer = (await (await fetch(`${url}/api/v1/query`, { method: 'POST', body })).json()) as Answer;
      if (answer.status !== 'success') throw new Error(`${promql}: ${answer.error}`);
      const { resultType, result } = answer.data;
      if (resultType === 'scalar') return [{ labels: {}, value: Number((result as unknown as Point)[1]) }];
      return result.map(({ metric, value, histogram }) => ({
        labels: metric,
        ...(value && { value: Number(value[1]) }),
        ...(histogram && {
          histogram: { count: Number(histogram[1].count), sum: Number(histogram[1].sum) },
        }),
      }));
    },
  };
}

type Point = readonly [time: number, value: string];
interface Answer {
  readonly status: string;
  readonly error?: string;
  readonly data: {
    readonly resultType: string;
    readonly result: readonly {
      readonly metric: Record<string, string>;
      readonly value?: Point;
      readonly histogram?: readonly [time: number, histogram: { count: string; sum: string }];
    }[];
  };
}
