// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Cli } from '../support/cli.ts';
import { buildCollector, type CollectorOptions, startCollector } from '../support/collector.ts';
import { pruned, withFile } from '../support/collector-config.ts';
import { fetchKafka, startKafka } from '../support/kafka.ts';
import { buildLoki, startLoki } from '../support/loki.ts';
import { lastLine } from '../support/sent.ts';
import type { Server } from '../support/server.ts';
import { Shell } from '../support/shell.ts';
import type { SkipReason } from '../support/skip.ts';
import { type BenchOptions, type Figure, type Part, plain } from './figures.ts';
import { programPath } from './programs.ts';

/** Connections of a datagram socket: more a second than two cores bring to most of these backends. */
const OFFERED = 30_000;

/** Loki takes 4 MB a second unless told otherwise: what it refuses is sent again, and would be measured twice. */
const UNBOUNDED: readonly string[] = [
  '-distributor.ingestion-rate-limit-mb=1000',
  '-distributor.ingestion-burst-size-mb=1000',
  '-ingester.per-stream-rate-limit=1GB',
  '-ingester.per-stream-rate-limit-burst=1GB',
];

type Running = Pick<Server, 'pid' | 'stop'> & { logTail(): string };

/** What stands behind the Collector, and what the Collector is told. */
interface Behind {
  /** By name; the first to be told of, and to be stopped, first. */
  readonly servers: Readonly<Record<string, Running>>;
  readonly collector: Partial<CollectorOptions>;
  /** Where the records end, to see what they take there. */
  readonly store?: string;
}

type Start = (dir: string, binary: string) => Promise<Behind | SkipReason>;

const kafka: Start = async (dir) => {
  const classPath = await fetchKafka();
  if (typeof classPath !== 'string') return classPath;
  const server = await startKafka(classPath, join(dir, 'kafka'));
  const env = { AGENTSMITH_KAFKA: 'otlp', AGENTSMITH_KAFKA_BROKERS: `[${server.broker}]` };
  return { servers: { broker: server }, collector: { env }, store: join(dir, 'kafka/data') };
};

const BACKENDS: Readonly<Record<string, Start>> = {
  file: async (dir) => {
    // A folder, because full files get another name.
    const store = join(dir, 'file');
    mkdirSync(store);
    const env = { AGENTSMITH_LOCAL: 'otlp', AGENTSMITH_FILE: join(store, 'events.jsonl') };
    return { servers: {}, collector: { env }, store };
  },
  kafka,
  loki: async (dir) => {
    const binary = await buildLoki();
    if (typeof binary !== 'string') return binary;
    const loki = await startLoki(binary, join(dir, 'loki'), UNBOUNDED);
    const env = { AGENTSMITH_LOKI: 'otlp', AGENTSMITH_LOKI_ENDPOINT: loki.otlpUrl };
    return { servers: { loki }, collector: { env } };
  },
  // The exporter cannot be had: the transform, into a file.
  syslog: async (dir, binary) => {
    const config = join(dir, 'collector.yaml');
    const { text } = await pruned(await withFile('syslog', join(dir, 'syslog.jsonl')), binary);
    writeFileSync(config, text);
    return { servers: {}, collector: { config, env: { AGENTSMITH_SYSLOG: 'otlp' } } };
  },
  gateway: async (dir, binary) => {
    const behind = await kafka(dir, binary);
    if ('skipped' in behind) return behind;
    const env = { AGENTSMITH_LOCAL: 'nop', ...behind.collector.env };
    const gateway = await startCollector({ binary, dir: join(dir, 'gateway'), env });
    return {
      servers: { gateway, ...behind.servers },
      collector: { env: { AGENTSMITH_GATEWAY: 'otlp', AGENTSMITH_GATEWAY_ENDPOINT: gateway.httpUrl } },
    };
  },
};

/** User and system time of a process so far, s: in hundredths, as Linux tells it. */
function cpuOf({ pid }: { readonly pid: number }): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Bytes on disk: Kafka makes files longer than what it has written. */
const diskOf = (path: string): number =>
  Number(execFileSync('du', ['-sk', path], { encoding: 'utf8' }).split('\t')[0]) * 1024;

/** Waits until processes have nothing to do any more; when they had last, in ms of `performance.now()`. */
async function idle(processes: readonly { readonly pid: number }[]): Promise<number> {
  const total = () => processes.reduce((sum, each) => sum + cpuOf(each), 0);
  let [last, busy] = [total(), performance.now()];
  while (performance.now() - busy < 2000) {
    await delay(100);
    const now = total();
    // A tick of 10 ms now and then is their own housekeeping.
    if (now - last > 0.015) busy = performance.now();
    last = now;
  }
  return busy;
}

/** A storm, from the kernel to the backend: CPU of each process for a record, and records a second. */
async function measure(name: string, start: Start, options: BenchOptions): Promise<Figure[]> {
  const { quick, progress } = options;
  const binary = await buildCollector();
  if (typeof binary !== 'string') throw new Error(binary.skipped);
  const dir = mkdtempSync(join(tmpdir(), 'agentsmith-bench-'));
  const shell = new Shell();
  const stop: Running[] = [];
  try {
    const behind = await start(dir, binary);
    if ('skipped' in behind) {
      progress(`backends: ${name}: left out: ${behind.skipped}`);
      return [];
    }
    stop.push(...Object.values(behind.servers));
    const { collector: more } = behind;
    const env = { AGENTSMITH_LOCAL: 'nop', ...more.env };
    const collector = await startCollector({ binary, dir: join(dir, 'collector'), ...more, env });
    stop.unshift(collector);
    // Room for the whole storm: what is measured is how fast it drains.
    const room = ['--ring-size', '64MiB', '--queue-size', '512MiB'];
    const own = ['--tree', `${shell.pid}`, '--events', 'network.connect', ...room];
    const agent = await new Cli(['--endpoint', collector.grpcUrl, ...own]).ready();
    const made = join(dir, 'made');
    const storm = async (seconds: number) => {
      await shell.run(`${programPath('storm')} udp ${OFFERED} ${seconds} >${made}`);
      return Number(readFileSync(made, 'latin1'));
    };
    progress(`backends: ${name}`);
    await storm(quick ? 0.1 : 1);
    const carriers = [agent, ...stop.filter(({ pid }) => pid !== behind.servers.broker?.pid)];
    await idle(carriers);

    const parts = { agent, collector, ...behind.servers };
    const before = Object.values(parts).map(cpuOf);
    const disk = behind.store === undefined ? 0 : diskOf(behind.store);
    const began = performance.now();
    const records = await storm(quick ? 0.3 : 5);
    const ended = await idle(carriers);
    const cpu = Object.values(parts).map((part, i) => cpuOf(part) - before[i]!);
    const { lost } = lastLine((await agent.stop()).stderr);
    if (lost > 0) throw new Error(`${lost} records lost`);
    for (const part of stop)
      if (/Dropping data/.test(part.logTail())) throw new Error(`data dropped:\n${part.logTail()}`);
    return [
      plain(`backends.${name}.rate`, records / ((ended - began) / 1000), 'records/s'),
      ...Object.keys(parts).map((part, i) =>
        plain(`backends.${name}.cpu.${part}`, (cpu[i]! * 1e6) / records, 'us/record'),
      ),
      ...(behind.store === undefined
        ? []
        : [plain(`backends.${name}.disk`, (diskOf(behind.store) - disk) / records, 'B/record')]),
    ];
  } finally {
    await shell.end();
    for (const part of stop) await part.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

/** What the Collector and each backend cost for a record, beside the agent; docs/sizing.md counts with it. */
export const backends: Part = {
  name: 'backends',
  needsRoot: true,
  async run(options) {
    const figures: Figure[] = [];
    for (const [name, start] of Object.entries(BACKENDS))
      figures.push(...(await measure(name, start, options)));
    return figures;
  },
};
