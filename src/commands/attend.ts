// SPDX-License-Identifier: Apache-2.0
import type { Resource } from '@opentelemetry/resources';
import type { Agent } from '../agent.ts';
import type { Settings } from '../config/command-line.ts';
import { UsageError } from '../config/usage-error.ts';
import { ControlSocket } from '../health/control-socket.ts';
import { startHeartbeat } from '../health/heartbeat.ts';
import { HealthServer } from '../health/readiness.ts';
import { ServiceManager } from '../health/service-manager.ts';
import type { StatusSource } from '../health/status.ts';
import { grouped } from '../health/status-table.ts';
import { log } from '../log.ts';
import { loadNative } from '../sensor/native.ts';

/** What goes with a running agent: `status`, `--health`, systemd, the heartbeat. */
export interface Attendants {
  /** The stream has begun. */
  ready(): void;
  /** It is about to end. */
  stopping(): void;
  close(): void;
}

const LOOPBACK = /^(127\.|::1$|localhost$)/;

async function openHealth(settings: Settings, source: StatusSource): Promise<HealthServer | undefined> {
  const { health } = settings;
  if (health === undefined) return undefined;
  try {
    const server = await HealthServer.open(health, () => source.read());
    log.info(`health: http://${server.address}/`);
    if (!LOOPBACK.test(health.host)) log.warn(`health: ${health.host} can be asked from other hosts`);
    return server;
  } catch (error) {
    throw new UsageError(`--health: ${(error as Error).message}`);
  }
}

/** Without it the agent does all it should; only `status` does not find it. */
async function openControl(source: StatusSource): Promise<ControlSocket | undefined> {
  try {
    return await ControlSocket.open(() => source.read(), loadNative());
  } catch (error) {
    log.debug(`status will not find this agent: ${(error as Error).message}`);
    return undefined;
  }
}

function statusWords(source: StatusSource): string {
  const { totals, receiver } = source.read();
  const state = receiver?.state === 'failing' ? `; ${receiver.reason}` : '';
  return `${grouped(totals.exported)} exported, ${grouped(totals.lost)} lost${state}`;
}

/** Opens them. @throws UsageError when the port of `--health` cannot be had */
export async function attend(
  agent: Agent,
  settings: Settings,
  source: StatusSource,
  resource: Resource,
): Promise<Attendants> {
  const health = await openHealth(settings, source);
  const control = await openControl(source);
  const manager = new ServiceManager(loadNative(), process.env);
  let stopHeartbeat = () => {};
  return {
    ready() {
      manager.ready(() => statusWords(source));
      stopHeartbeat = startHeartbeat(agent, source, resource, settings.heartbeat);
    },
    stopping() {
      stopHeartbeat();
      manager.stopping();
    },
    close() {
      health?.close();
      control?.close();
    },
  };
}
