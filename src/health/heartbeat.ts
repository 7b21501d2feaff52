// SPDX-License-Identifier: Apache-2.0
import type { Resource } from '@opentelemetry/resources';
import {
  ATTR_SERVICE_INSTANCE_ID,
  ATTR_SERVICE_NAME,
  ATTR_SERVICE_VERSION,
} from '@opentelemetry/semantic-conventions';
import type { Agent } from '../agent.ts';
import { type AttributeMap, type ReadableEvent, Severity } from '../events/event.ts';
import * as at from '../semconv.ts';
import type { AgentStatus, StatusSource } from './status.ts';
import { grouped } from './status-table.ts';

/** Who is alive, in the words of its Resource. */
export interface HeartbeatIdentity {
  readonly serviceName: string;
  readonly serviceInstanceId: string;
}

/**
 * The agent's own `entity.state` (OpenTelemetry's entity events, in development): who misses one for longer than the
 * interval that it names may take the agent for dead.
 *
 * @param intervalMs until the next one
 */
export function heartbeat(
  { version, tier, hooks, totals }: Pick<AgentStatus, 'version' | 'tier' | 'hooks' | 'totals'>,
  { serviceName, serviceInstanceId }: HeartbeatIdentity,
  intervalMs: number,
): ReadableEvent {
  const time = BigInt(Date.now()) * 1_000_000n;
  const { attempted, exported, lost, filtered } = totals;
  const description: AttributeMap = {
    [ATTR_SERVICE_VERSION]: version,
    ...(tier !== undefined && { [at.SENSOR_TIER]: tier }),
    ...(hooks.missing.length > 0 && { [at.SENSOR_MISSING]: hooks.missing }),
    [at.LEDGER_ATTEMPTED]: attempted,
    [at.LEDGER_EXPORTED]: exported,
    [at.LEDGER_DROPPED]: lost,
    [at.LEDGER_FILTERED]: filtered,
  };
  return {
    eventName: 'entity.state',
    severityNumber: Severity.INFO,
    time,
    observed: time,
    body: `alive: ${grouped(exported)} exported, ${grouped(lost)} dropped`,
    attributes: {
      [at.ENTITY_TYPE]: 'service.instance',
      [at.ENTITY_REPORT_INTERVAL]: Math.ceil(intervalMs / 1000),
    },
    maps: {
      [at.ENTITY_ID]: { [ATTR_SERVICE_NAME]: serviceName, [ATTR_SERVICE_INSTANCE_ID]: serviceInstanceId },
      [at.ENTITY_DESCRIPTION]: description,
    },
  };
}

/**
 * Sends a heartbeat every `intervalMs` from now on; 0 = none. Returns what ends that.
 *
 * @param resource the agent's own, which its receiver knows it by
 */
export function startHeartbeat(
  agent: Pick<Agent, 'tell'>,
  source: Pick<StatusSource, 'read'>,
  { attributes }: Resource,
  intervalMs: number,
): () => void {
  if (intervalMs === 0) return () => {};
  const identity = {
    serviceName: `${attributes[ATTR_SERVICE_NAME] ?? ''}`,
    serviceInstanceId: `${attributes[ATTR_SERVICE_INSTANCE_ID] ?? ''}`,
  };
  const timer = setInterval(() => agent.tell(heartbeat(source.read(), identity, intervalMs)), intervalMs);
  return () => clearInterval(timer);
}
