// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { repository } from './repository.ts';

export { type BuildOptions, buildCollector, type SkipReason } from './collector-build.ts';

/** The configuration that users get; the tests run that very file. */
export const shippedConfig = join(repository, 'otel-collector.yaml');

export interface Ports {
  readonly grpc: number;
  readonly http: number;
  readonly health: number;
}

export interface CollectorOptions {
  /** What `buildCollector` gave. */
  readonly binary: string;
  readonly config?: string;
  /** Added to what the shipped configuration reads: ports, file path. */
  readonly env?: Record<string, string>;
  /** The folder for log and events; made when missing. */
  readonly dir: string;
  /** Those of a Collector that was stopped, to start it again where its senders look for it. */
  readonly ports?: Ports;
  readonly timeoutMs?: number;
}

export interface Collector {
  readonly pid: number;
  readonly ports: Ports;
  /** For `--endpoint` and OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly grpcUrl: string;
  readonly httpUrl: string;
  readonly logPath: string;
  /** What the file exporter writes; `collector-file.ts` reads it. */
  readonly eventsPath: string;
  logTail(lines?: number): string;
  /** Ends it and waits until it has gone; with SIGTERM it has to go in good order, in 10 s. Once is enough. */
  stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>;
}

const ATTEMPTS = 3;
const STOP_LIMIT_MS = 10_000;

/** Starts a Collector on free loopback ports and returns when its health check says that it is ready. */
export async function startCollector(options: CollectorOptions): Promise<Collector> {
  await mkdir(options.dir, { recursive: true });
  for (let attempt = 1; ; attempt++) {
    const collector = launch(options, options.ports ?? (await freePorts()));
    const problem = await untilReady(collector, options.timeoutMs ?? 30_000);
    if (problem === undefined) return collector;
    await collector.stop('SIGKILL');
    const log = collector.logTail();
    // Between our look and its start somebody else may have taken a port.
    if (!options.ports && attempt < ATTEMPTS && log.includes('address already in use')) continue;
    throw new Error(`the Collector ${problem}; end of ${collector.logPath}:\n${log}`);
  }
}

interface Launched extends Collector {
  /** How it ended, once it has. */
  readonly ended: () => string | undefined;
}

function launch({ binary, config = shippedConfig, env, dir }: CollectorOptions, ports: Ports): Launched {
  const eventsPath = env?.AGENTSMITH_FILE ?? join(dir, 'events.jsonl');
  const logPath = join(dir, 'otelcol.log');
  const log = openSync(logPath, 'a');
  const variables = {
    AGENTSMITH_OTLP_GRPC: `127.0.0.1:${ports.grpc}`,
    AGENTSMITH_OTLP_HTTP: `127.0.0.1:${ports.http}`,
    AGENTSMITH_HEALTH: `127.0.0.1:${ports.health}`,
    AGENTSMITH_FILE: eventsPath,
    ...env,
  };
  const child = spawn(binary, ['--config', config], {
    cwd: dir,
    env: { ...process.env, ...variables },
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  let how: string | undefined;
  const ended = ending(child).then((end) => (how = end));
  const logTail = (lines = 30) =>
    readFileSync(logPath, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');

  let stopping: Promise<void> | undefined;
  async function end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    child.kill(signal);
    const limit = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
    await ended;
    clearTimeout(limit);
    if (signal === 'SIGTERM' && how !== 'exit 0')
      throw new Error(`the Collector ended with ${how}; end of ${logPath}:\n${logTail()}`);
  }
  return {
    pid: child.pid ?? -1,
    ports,
    grpcUrl: `http://127.0.0.1:${ports.grpc}`,
    httpUrl: `http://127.0.0.1:${ports.http}`,
    logPath,
    eventsPath,
    logTail,
    ended: () => how,
    stop: (signal = 'SIGTERM') => (stopping ??= end(signal)),
  };
}

/** How it ended, whenever it does. A test run that dies takes its Collector along. */
function ending(child: ChildProcess): Promise<string> {
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  return new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal ?? `exit ${code}`));
  }).finally(() => process.off('exit', kill));
}

/** Undefined once it is ready, else what keeps it from being so. */
async function untilReady(collector: Launched, timeoutMs: number): Promise<string | undefined> {
  const deadline = performance.now() + timeoutMs;
  const url = `http://127.0.0.1:${collector.ports.health}/`;
  while (performance.now() < deadline) {
    const answer = await fetch(url, { signal: AbortSignal.timeout(1000) }).catch(() => undefined);
    await answer?.body?.cancel();
    const end = collector.ended();
    if (end !== undefined) return `ended while starting (${end})`;
    if (answer?.ok) return undefined;
    await sleep(25);
  }
  return `was not ready within ${timeoutMs} ms`;
}

async function freePorts(): Promise<Ports> {
  // All are open at the same time: otherwise the kernel could give the same one twice.
  const servers = await Promise.all([reserve(), reserve(), reserve()]);
  const [grpc, http, health] = await Promise.all(servers.map((server) => server.release()));
  return { grpc: grpc!, http: http!, health: health! };
}

async function reserve(): Promise<{ release(): Promise<number> }> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server without a port');
  return { release: () => new Promise((resolve) => server.close(() => resolve(address.port))) };
}
