// SPDX-License-Identifier: Apache-2.0
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type LogRecord, waitForCollectorFile } from './collector-file.ts';
import { listen } from './deeds.ts';
import { MESSAGES } from './dns-messages.ts';
import { fetchKafka, type Kafka, startKafka } from './kafka.ts';
import { buildLoki, type Loki, startLoki } from './loki.ts';
import { fetchPrometheus, type Prometheus, startPrometheus } from './prometheus.ts';
import { Road } from './road.ts';
import type { Shell } from './shell.ts';
import { orSkip, type SkipReason } from './skip.ts';
import { triggerPath } from './triggers.ts';

/** A host that was watched for a while: everything that dashboards and recipes ask for has happened on it. */
export interface Observed {
  readonly loki: Loki;
  readonly prometheus: Prometheus;
  /** The Collector's file: OTLP-JSON, one request a line. */
  readonly eventsPath: string;
  /** What is in it. */
  readonly records: readonly LogRecord[];
  /** `agentsmith.process.id` of the process that did a bit of everything. */
  readonly process: string;
  /** Where a Kafka listens that has all of it too, or why there is none. */
  readonly kafka: string | SkipReason;
  /** Ends the servers. */
  close(): Promise<void>;
}

/** How often a single process may do something in a second before it is counted and not told. */
const RATE_LIMIT = 100;
/** The argument by which the process that does a bit of everything is found. */
const MARK = 'a-bit-of-everything';

/**
 * Has an agent, with the shipped Collector, Loki, Prometheus and where it can be had Kafka behind it, see real deeds, and
 * ends it when all of them have arrived. Skips where the servers cannot be had.
 */
export async function observe(context: Mocha.Context): Promise<Observed> {
  const lokiProgram = orSkip(context, await buildLoki());
  const programs = orSkip(context, await fetchPrometheus());
  const jars = await fetchKafka();
  const ends: (() => Promise<unknown> | unknown)[] = [];
  const close = async () => {
    const problems: unknown[] = [];
    // Each of them, whatever becomes of the others: what is left running would keep the run from ending.
    for (const end of ends.splice(0))
      try {
        await end();
      } catch (error) {
        problems.push(error);
      }
    if (problems.length > 0) throw problems[0];
  };
  try {
    // Not in the road's folder, which goes with the road, while the servers still write.
    const dir = mkdtempSync(join(tmpdir(), 'agentsmith-observed-'));
    ends.unshift(() => rmSync(dir, { recursive: true, force: true }));
    const resolver = await answering();
    ends.unshift(() => resolver.close());
    const peer = await listen();
    ends.unshift(() => peer.close());
    const { port } = resolver.address();
    let servers!: Servers;
    const backend = async () => {
      servers = await allStarted(ends, [
        startLoki(lokiProgram, join(dir, 'loki')),
        startPrometheus(programs, join(dir, 'prometheus')),
        typeof jars === 'string' ? startKafka(jars, join(dir, 'kafka')) : undefined,
      ]);
      const [loki, prometheus, kafka] = servers;
      return {
        // The file is what SQL asks.
        AGENTSMITH_LOCAL: 'otlp',
        AGENTSMITH_LOKI: 'otlp',
        AGENTSMITH_LOKI_ENDPOINT: loki.otlpUrl,
        AGENTSMITH_PROMETHEUS: 'otlp',
        AGENTSMITH_PROMETHEUS_ENDPOINT: prometheus.writeUrl,
        ...(kafka && { AGENTSMITH_KAFKA: 'otlp', AGENTSMITH_KAFKA_BROKERS: `[${kafka.broker}]` }),
      };
    };
    const args = ['--events', 'all', '--dns-ports', `${port}`, '--rate-limit', `${RATE_LIMIT}`];
    const beats = ['--metrics-interval', '1s', '--heartbeat', '1s'];
    const road = await Road.open(context, backend, { args: () => [...args, ...beats] });
    // Before the servers: what it has is still to be delivered.
    ends.unshift(() => Road.end(road));
    await doDeeds(road.shell, join(road.dir, 'deeds'), port, peer.port);
    // Rates need two samples of the metrics behind the last deed.
    await sleep(3000);
    await road.stopAgent();
    const [loki, prometheus, kafka] = servers;
    const { eventsPath } = road.collector;
    const isStop = ({ eventName }: LogRecord) => eventName === 'agentsmith.sensor.stop';
    const { records } = await waitForCollectorFile(eventsPath, (file) => file.records.some(isStop));
    await arrived(loki, records.length);
    return {
      loki,
      prometheus,
      kafka: kafka?.broker ?? (jars as SkipReason),
      eventsPath,
      records,
      process: `${records.find(isEverything)!.attributes['agentsmith.process.id']}`,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

type Servers = [loki: Loki, prometheus: Prometheus, kafka: Kafka | undefined];

/** Starts servers side by side; when one does not start, those that did are among `ends` as well. */
async function allStarted(
  ends: (() => Promise<unknown> | unknown)[],
  starting: readonly [Promise<Loki>, Promise<Prometheus>, Promise<Kafka> | undefined],
): Promise<Servers> {
  for (const outcome of await Promise.allSettled(starting))
    if (outcome.status === 'fulfilled' && outcome.value) ends.unshift(() => outcome.value!.stop());
  return Promise.all(starting);
}

const isEverything = ({ eventName, attributes }: LogRecord): boolean =>
  eventName === 'agentsmith.process.exec' &&
  ((attributes['process.command_args'] as readonly unknown[] | undefined) ?? []).includes(MARK);

/** Loki has every record that the Collector has written into its file. */
async function arrived(loki: Loki, count: number): Promise<void> {
  const deadline = performance.now() + 60_000;
  for (;;) {
    const lines = await loki.lines('{service_name="agentsmith-otel"}');
    if (lines.length >= count) return;
    if (performance.now() > deadline)
      throw new Error(`Loki has ${lines.length} of ${count} records after a minute`);
    await sleep(100);
  }
}

/** A resolver on a free port, so that no real one is in the way. */
async function answering(): Promise<Socket> {
  const resolver = createSocket('udp4').bind(0, '127.0.0.1');
  await once(resolver, 'listening');
  resolver.on('message', (_query, from) =>
    resolver.send(MESSAGES.get('two addresses behind an alias')!, from.port, from.address),
  );
  return resolver;
}

/** In single quotes of sh. */
const quoted = (script: string): string => `'${script.replaceAll("'", "'\\''")}'`;

/** Everything that somebody may want to see: each event at least once, and one process that does a bit of all. */
async function doDeeds(shell: Shell, folder: string, resolver: number, peer: number): Promise<void> {
  mkdirSync(join(folder, 'etc/cron.d'), { recursive: true });
  const script = join(folder, 'script.sh');
  writeFileSync(script, '#!/bin/sh\n:\n');
  chmodSync(script, 0o755);
  copyFileSync('/bin/true', join(folder, 'doomed'));
  const question = [...MESSAGES.get('a query')!]
    .map((byte) => `\\${byte.toString(8).padStart(3, '0')}`)
    .join('');
  const ask = `exec 3<>/dev/udp/127.0.0.1/${resolver}; printf '${question}' >&3; read -N 1 -u 3`;
  const everything = [
    ask,
    `exec 4<>/dev/tcp/127.0.0.1/${peer}`,
    `: >${folder}/made`,
    'exec 5<>/proc/self/mem',
    '/bin/true --password=secret',
    ':',
  ].join('; ');
  for (const command of [
    `bash -c ${quoted(everything)} ${MARK}`,
    `bash -c 'exec 3<>/dev/tcp/127.0.0.1/9' 2>/dev/null`,
    'setpriv --reuid 65534 --clear-groups umount --version',
    'SSH_CONNECTION="192.0.2.7 50000 192.0.2.1 22" /bin/true over ssh',
    `${script}`,
    // Dropped, then run.
    `cp /bin/true ${folder}/dropped && ${folder}/dropped`,
    `${triggerPath('exec-ways')} -- memfd /bin/true from-memory 3>/dev/null`,
    `${triggerPath('exec-ways')} -- deleted ${folder}/doomed doomed 3>/dev/null`,
    `${triggerPath('network-bind')} tcp 127.0.0.1 3>/dev/null`,
    `${triggerPath('process-ptrace')} memory 3>/dev/null`,
    `echo "finit /usr/bin/true" | ${triggerPath('kernel-module')} 3>/dev/null`,
    `${triggerPath('kernel-bpf')} types 3>/dev/null`,
    `echo job >${folder}/etc/cron.d/job && mv ${folder}/etc/cron.d/job ${folder}/etc/cron.d/moved`,
    `ln ${folder}/made ${folder}/link && rm ${folder}/link`,
    // More than one process may: a loss that is really there.
    `perl -e 'for (1..${50 * RATE_LIMIT}) { open my $f, ">", "${folder}/much"; unlink "${folder}/much" }'`,
  ])
    await shell.run(command);
}
