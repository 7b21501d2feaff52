// SPDX-License-Identifier: Apache-2.0
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Cli } from './cli.ts';
import { buildCollector, startCollector } from './collector.ts';
import { type LogRecord, waitForCollectorFile } from './collector-file.ts';
import { listen } from './deeds.ts';
import { MESSAGES } from './dns-messages.ts';
import { fetchKafka, startKafka } from './kafka.ts';
import { buildLoki, type Loki, startLoki } from './loki.ts';
import { fetchPrometheus, type Prometheus, startPrometheus } from './prometheus.ts';
import { Shell } from './shell.ts';
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
 * Starts Loki, Prometheus, Kafka where it can be had, a Collector with the shipped configuration and the agent, has real deeds done, and waits
 * until all of it has arrived; then the agent ends. Skips where the servers cannot be had.
 */
export async function observe(context: Mocha.Context, dir: string): Promise<Observed> {
  const lokiProgram = orSkip(context, await buildLoki());
  const programs = orSkip(context, await fetchPrometheus());
  const binary = orSkip(context, await buildCollector());
  const jars = await fetchKafka();
  const ends: (() => Promise<unknown>)[] = [];
  const close = async () => {
    for (const end of ends.splice(0)) await end();
  };
  try {
    const [loki, prometheus, kafka] = await allStarted(ends, [
      startLoki(lokiProgram, join(dir, 'loki')),
      startPrometheus(programs, join(dir, 'prometheus')),
      typeof jars === 'string' ? startKafka(jars, join(dir, 'kafka')) : undefined,
    ]);
    const collector = await startCollector({
      binary,
      dir: join(dir, 'collector'),
      env: {
        AGENTSMITH_LOKI: 'otlp',
        AGENTSMITH_LOKI_ENDPOINT: loki.otlpUrl,
        AGENTSMITH_PROMETHEUS: 'otlp',
        AGENTSMITH_PROMETHEUS_ENDPOINT: prometheus.writeUrl,
        ...(kafka && { AGENTSMITH_KAFKA: 'otlp', AGENTSMITH_KAFKA_BROKERS: `[${kafka.broker}]` }),
        AGENTSMITH_STORAGE: join(dir, 'storage'),
      },
    });
    ends.unshift(() => collector.stop());
    const folder = join(dir, 'deeds');
    await watchDeeds(collector.grpcUrl, folder);
    const isStop = ({ eventName }: LogRecord) => eventName === 'agentsmith.sensor.stop';
    const { records } = await waitForCollectorFile(collector.eventsPath, (file) => file.records.some(isStop));
    await arrived(loki, records.length);
    const { attributes } = records.find(isEverything)!;
    return {
      loki,
      prometheus,
      kafka: kafka?.broker ?? (jars as SkipReason),
      eventsPath: collector.eventsPath,
      records,
      process: `${attributes['agentsmith.process.id']}`,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Starts servers side by side; when one does not start, those that did are among `ends` as well. */
async function allStarted<T extends readonly (Promise<{ stop(): Promise<void> }> | undefined)[] | []>(
  ends: (() => Promise<unknown>)[],
  starting: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  const outcomes = await Promise.allSettled(starting);
  for (const outcome of outcomes)
    if (outcome.status === 'fulfilled' && outcome.value) ends.unshift(() => outcome.value!.stop());
  return (await Promise.all(starting)) as { -readonly [K in keyof T]: Awaited<T[K]> };
}

/** An agent that sends there sees the deeds, and ends. */
async function watchDeeds(endpoint: string, folder: string): Promise<void> {
  const resolver = await answering();
  const server = await listen();
  const shell = new Shell();
  const { port } = resolver.address();
  let agent: Cli | undefined;
  try {
    agent = await new Cli([
      ...['--endpoint', endpoint, '--tree', `${shell.pid}`, '--events', 'all', '--dns-ports', `${port}`],
      ...['--rate-limit', `${RATE_LIMIT}`, '--metrics-interval', '1s', '--heartbeat', '1s'],
    ]).ready();
    await doDeeds(shell, folder, port, server.port);
    // Rates need two samples of the metrics behind the last deed.
    await sleep(3000);
    await agent.stop();
  } finally {
    await agent?.kill();
    await shell.end();
    await server.close();
    resolver.close();
  }
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
