// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path';
import { buildGo } from './go-build.ts';
import { repository } from './repository.ts';
import { answers, type Server, startServer } from './server.ts';
import type { SkipReason } from './skip.ts';

const SOURCES = join(repository, 'test/backends/loki');
const CONFIG = join(repository, 'examples/quickstart/loki.yaml');

/** A line that a log query found. */
export interface LokiEntry {
  /** ns since the epoch */
  readonly time: bigint;
  readonly line: string;
  /** Stream labels, structured metadata and what the query parsed, under one roof as Loki has them. */
  readonly labels: Readonly<Record<string, string>>;
}

/** A value of a metric query: its last one where it gives a range. */
export interface LokiSample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface LokiRange {
  /** ms since the epoch; an hour ago by default */
  readonly from?: number;
  /** ms since the epoch; a minute from now by default: what is being written has the time of its event. */
  readonly to?: number;
  /** Lines at most; 5000, Loki's own bound, by default. */
  readonly limit?: number;
}

export interface Loki extends Server {
  readonly url: string;
  /** For `AGENTSMITH_LOKI_ENDPOINT`. */
  readonly otlpUrl: string;
  /** The lines that a log query finds, oldest first. @throws with what Loki says against it */
  lines(logql: string, range?: LokiRange): Promise<LokiEntry[]>;
  /** Evaluates a metric query at the end of the range. @throws with what Loki says against it */
  samples(logql: string, range?: LokiRange): Promise<LokiSample[]>;
}

/** Loki, built from `test/backends/loki` when no earlier run has left it in the cache. */
export const buildLoki = (): Promise<string | SkipReason> =>
  buildGo({
    name: 'Loki',
    program: 'loki',
    sources: SOURCES,
    package: 'github.com/grafana/loki/v3/cmd/loki',
    minutes: '6 to 15',
  });

/** Starts Loki with its files in `dir`, and waits until it takes and answers. @param flags for more than its own bounds */
export async function startLoki(binary: string, dir: string, flags: readonly string[] = []): Promise<Loki> {
  const server = await startServer({
    name: 'Loki',
    dir,
    log: 'loki',
    ports: 1,
    command: ([port]) => ({
      file: binary,
      args: ['-config.file', CONFIG, '-config.expand-env=true', ...flags],
      env: { LOKI_PORT: String(port), LOKI_DIR: join(dir, 'data') },
    }),
    ready: async ([port]) =>
      (await answers(`http://127.0.0.1:${port}/ready`)) &&
      (await answers(`http://127.0.0.1:${port}/loki/api/v1/labels`)),
    timeoutMs: 120_000,
  });
  const url = `http://127.0.0.1:${server.ports[0]}`;

  async function get<T>(path: string, parameters: Record<string, string>): Promise<readonly T[]> {
    const answer = await fetch(`${url}/loki/api/v1/${path}?${new URLSearchParams(parameters)}`);
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${parameters.query}: ${answer.status} ${text.trim()}`);
    return (JSON.parse(text) as { data: { result: T[] } }).data.result;
  }

  return {
    ...server,
    url,
    otlpUrl: `${url}/otlp`,
    async lines(query, range = {}) {
      const { from = Date.now() - 3_600_000, to = Date.now() + 60_000, limit = 5000 } = range;
      const streams = await get<Stream>('query_range', {
        query,
        start: `${from}000000`,
        end: `${to}000000`,
        limit: String(limit),
        direction: 'forward',
      });
      return streams
        .flatMap(({ stream, values }) =>
          values.map(([time, line]) => ({ time: BigInt(time), line, labels: stream })),
        )
        .sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
    },
    async samples(query, range = {}) {
      const result = await get<Vector>('query', {
        query,
        time: `${range.to ?? Date.now() + 60_000}000000`,
      });
      return result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
    },
  };
}

interface Stream {
  readonly stream: Record<string, string>;
  readonly values: readonly (readonly [time: string, line: string])[];
}
interface Vector {
  readonly metric: Record<string, string>;
  readonly value: readonly [time: number, value: string];
}
