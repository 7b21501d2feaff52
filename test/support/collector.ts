// SPDX-License-Identifier: Apache-2.0
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pruned, readConfig, shippedConfig } from './collector-config.ts';
import { answers, type Server, startServer } from './server.ts';

export { type BuildOptions, buildCollector, type SkipReason } from './collector-build.ts';
export { shippedConfig } from './collector-config.ts';

export interface Ports {
  readonly grpc: number;
  readonly http: number;
  readonly health: number;
}

export interface CollectorOptions {
  /** What `buildCollector` gave. */
  readonly binary: string;
  /** The shipped one by default, without what `binary` lacks. */
  readonly config?: string;
  /** More configurations, each merged over what stands before it. */
  readonly overlays?: readonly string[];
  /** A command that ends in executing its last arguments. */
  readonly wrap?: readonly string[];
  /** Added to what the shipped configuration reads: ports, file path. */
  readonly env?: Record<string, string>;
  /** The folder for log and events; made when missing. */
  readonly dir: string;
  /** Those of a Collector that was stopped, to start it again where its senders look for it. */
  readonly ports?: Ports;
  readonly timeoutMs?: number;
}

export interface Collector extends Omit<Server, 'ports'> {
  readonly ports: Ports;
  /** For `--endpoint` and OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly grpcUrl: string;
  readonly httpUrl: string;
  /** What the file exporter writes; `collector-file.ts` reads it. */
  readonly eventsPath: string;
}

/** Starts a Collector on free loopback ports and returns when its health check says that it is ready. */
export async function startCollector(options: CollectorOptions): Promise<Collector> {
  const { binary, overlays = [], wrap = [], env, dir, ports, timeoutMs } = options;
  const eventsPath = env?.AGENTSMITH_FILE ?? join(dir, 'events.jsonl');
  await mkdir(dir, { recursive: true });
  const config = options.config ?? join(dir, 'collector.yaml');
  if (!options.config) await writeFile(config, (await pruned(await readConfig(shippedConfig), binary)).text);
  const server = await startServer({
    name: 'the Collector',
    dir,
    log: 'otelcol',
    ports: ports ? [ports.grpc, ports.http, ports.health] : 3,
    command: ([grpc, http, health]) => {
      const command = [...wrap, binary, ...[config, ...overlays].flatMap((path) => ['--config', path])];
      const variables = {
        AGENTSMITH_OTLP_GRPC: `127.0.0.1:${grpc}`,
        AGENTSMITH_OTLP_HTTP: `127.0.0.1:${http}`,
        AGENTSMITH_COLLECTOR_HEALTH: `127.0.0.1:${health}`,
        AGENTSMITH_FILE: eventsPath,
        ...env,
      };
      return { file: command[0]!, args: command.slice(1), env: variables };
    },
    ready: ([, , health]) => answers(`http://127.0.0.1:${health}/`),
    ...(timeoutMs !== undefined && { timeoutMs }),
  });
  const [grpc, http, health] = server.ports as [number, number, number];
  return {
    ...server,
    ports: { grpc, http, health },
    grpcUrl: `http://127.0.0.1:${grpc}`,
    httpUrl: `http://127.0.0.1:${http}`,
    eventsPath,
  };
}
