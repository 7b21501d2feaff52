// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import type { Settings } from '../config/command-line.ts';
import { VERSION } from '../config/version.ts';
import { readHostNamespaces } from '../enrich/proc.ts';
import { Users } from '../enrich/users.ts';
import type { EventDefinition } from '../events/event.ts';
import { COMMON_PROGRAMS, eventDefinitions } from '../events/index.ts';
import { log } from '../log.ts';
import { LiveSensor } from '../sensor/live.ts';
import { loadNative } from '../sensor/native.ts';
import type { HookReport } from '../sensor/sensor.ts';

/** The definitions that the settings ask for. */
export function chosenEvents(settings: Settings): readonly EventDefinition[] {
  return eventDefinitions({ redact: !settings.noRedact }).filter(({ name }) =>
    settings.events.includes(name),
  );
}

/** Opens the kernel for the chosen events. @throws SensorError; the error of open(2) for --bpf-object */
export function openSensor(settings: Settings, events: readonly EventDefinition[]): LiveSensor {
  return new LiveSensor(loadNative(), {
    ringBytes: settings.ringSize,
    programs: [...new Set([...COMMON_PROGRAMS, ...events.flatMap(({ programs }) => programs)])],
    events: events.map(({ type }) => type),
    environment: settings.environment,
    dnsPorts: settings.dnsPorts,
    ...(settings.bpfObject !== undefined && { object: readFileSync(settings.bpfObject) }),
  });
}

/** What records need to know of this host. */
export function thisHost(): { users: Users; namespaces: ReturnType<typeof readHostNamespaces> } {
  return { users: new Users(), namespaces: readHostNamespaces() };
}

/** The hooks of one event that are attached, and its programs that are missing, by reason. */
function hooksOf(
  event: EventDefinition,
  hooks: readonly HookReport[],
): { attached: string[]; missing: Map<string, string[]> } {
  const own = hooks.filter((hook) => event.programs.includes(hook.program));
  const missing = new Map<string, string[]>();
  for (const { program, error } of own)
    if (error) missing.set(error, [...(missing.get(error) ?? []), program]);
  return { attached: own.filter((hook) => !hook.error).map((hook) => hook.hook), missing };
}

/** The last of the first lines. */
export function howToStop({ duration }: Settings): string {
  return duration === undefined ? 'stop: Ctrl-C' : `stop: Ctrl-C, or after ${duration / 1000} s`;
}

/** The first lines of a run: what is watched, by which hooks, and what is not. */
export function tellHooks(sensor: LiveSensor, events: readonly EventDefinition[]): void {
  const tier = sensor.tier === 'A' ? 'A: BPF trampolines' : 'B: no BPF trampolines';
  log.info(`agentsmith-otel ${VERSION} on Linux ${release()}, tier ${tier}`);
  for (const event of events) {
    const { attached, missing } = hooksOf(event, sensor.hooks);
    const name = event.name.replace('agentsmith.', '').padEnd(15);
    for (const [i, hook] of attached.entries()) log.info(`  ${i === 0 ? name : ' '.repeat(15)} ${hook}`);
    for (const [reason, programs] of missing) {
      log.warn(`${name.trim()}: without ${programs.join(', ')} (${reason}); try \`doctor\``);
    }
  }
  if (sensor.cgroup.scope === 'container')
    log.warn(`connect, dns: this container only (${sensor.cgroup.how})`);
  if (sensor.cgroup.scope === 'none') log.warn(`connect, dns: not seen (${sensor.cgroup.how})`);
}
