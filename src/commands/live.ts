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
import { hooksByFate } from '../sensor/sensor.ts';

/** The definitions that the settings ask for. */
export function chosenEvents(settings: Settings): readonly EventDefinition[] {
  return eventDefinitions({ redact: !settings.noRedact }).filter(({ name }) =>
    settings.events.includes(name),
  );
}

/** How the kernel is watched. */
export type KernelSettings = Pick<Settings, 'ringSize' | 'environment' | 'dnsPorts' | 'bpfObject'> &
  Partial<Pick<Settings, 'filter' | 'rateLimit'>>;

/** Opens the kernel for the chosen events. @throws SensorError; the error of open(2) for --bpf-object */
export function openSensor(settings: KernelSettings, events: readonly EventDefinition[]): LiveSensor {
  return new LiveSensor(loadNative(), {
    ringBytes: settings.ringSize,
    common: COMMON_PROGRAMS,
    events,
    types: new Map(eventDefinitions({ redact: true }).map(({ name, type }) => [name, type])),
    filters: settings.filter ?? [],
    rateLimit: settings.rateLimit ?? 0,
    environment: settings.environment,
    dnsPorts: settings.dnsPorts,
    ...(settings.bpfObject !== undefined && { object: readFileSync(settings.bpfObject) }),
  });
}

/** What records need to know of this host. */
export function thisHost(): { users: Users; namespaces: ReturnType<typeof readHostNamespaces> } {
  return { users: new Users(), namespaces: readHostNamespaces() };
}

const WIDTH = 100;

/** The event's name, and behind it its hooks, in lines of at most 100 columns. */
function hookLines(name: string, hooks: Iterable<string>, nameWidth: number): string[] {
  const lines: string[] = [];
  let line = `  ${name.padEnd(nameWidth)}`;
  for (const hook of hooks) {
    if (line.length + hook.length + 1 > WIDTH) {
      lines.push(line);
      line = ' '.repeat(nameWidth + 2);
    }
    line += ` ${hook}`;
  }
  return [...lines, line];
}

/** The last of the first lines. */
export function howToStop({ duration }: Settings): string {
  return duration === undefined ? 'stop: Ctrl-C' : `stop: Ctrl-C, or after ${duration / 1000} s`;
}

const TIERS = {
  A: 'A: BPF trampolines',
  B: 'B: no BPF trampolines',
  'A+B': 'A+B: BPF trampolines, not for all events',
} as const;

/** The first lines of a run: what is watched, by which hooks, and what is not. */
export function tellHooks(sensor: LiveSensor, events: readonly EventDefinition[]): void {
  log.info(`agentsmith-otel ${VERSION} on Linux ${release()}, tier ${TIERS[sensor.tier]}`);
  const names = events.map(({ name }) => name.replace('agentsmith.', ''));
  const width = Math.max(0, ...names.map((name) => name.length));
  for (const [i, event] of events.entries()) {
    const { attached, missing } = hooksByFate(sensor.hooksOf(event));
    for (const line of hookLines(names[i]!, attached, width)) log.info(line);
    for (const [reason, programs] of missing) {
      log.warn(`${names[i]}: without ${programs.join(', ')} (${reason}); try \`doctor\``);
    }
  }
  for (const value of sensor.unresolvedFilters) log.warn(`--filter: there is no ${value} here yet`);
  if (sensor.cgroup.scope === 'container')
    log.warn(`connect, dns: this container only (${sensor.cgroup.how})`);
  if (sensor.cgroup.scope === 'none') log.warn(`connect, dns: not seen (${sensor.cgroup.how})`);
}
