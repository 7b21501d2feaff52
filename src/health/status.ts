// SPDX-License-Identifier: Apache-2.0
import type { Agent } from '../agent.ts';
import { VERSION } from '../config/version.ts';
import type { ReceiverStatus } from '../export/receiver-state.ts';
import { MIXED } from '../ledger.ts';

/** Times of one run of an event's kernel programs, in seconds; of one run in 64. */
export interface HookTimeStatus {
  readonly timed: number;
  readonly average: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
}

/** The books of one event: attempted = submitted + filtered + lost in the kernel, and so on (docs/metrics.md). */
export interface EventStatus {
  readonly name: string;
  readonly attempted: number;
  readonly submitted: number;
  readonly filtered: number;
  readonly received: number;
  readonly exported: number;
  readonly inMemory: number;
  /** On disk; records of earlier runs among them. */
  readonly spooled: number;
  /** By reason. */
  readonly lost: Readonly<Record<string, number>>;
  /** Absent before anything was timed, and for records that only user space makes. */
  readonly hookTime?: HookTimeStatus;
}

/** What a running agent says of itself: `status --output json` prints just this. */
export interface AgentStatus {
  readonly version: string;
  readonly pid: number;
  readonly started: string;
  /** Seconds. */
  readonly uptime: number;
  readonly tier?: string;
  readonly hooks: { readonly attached: readonly string[]; readonly missing: readonly string[] };
  /** Where records go, for people. */
  readonly destination: string;
  /** `idle`: nothing was sent yet. Absent where nothing is sent. */
  readonly receiver?: {
    readonly state: 'idle' | 'ok' | 'failing';
    readonly reason?: string;
    /** Seconds since the receiver last took something. */
    readonly lastExportAge?: number;
  };
  readonly ring: { readonly used: number; readonly size: number };
  /** Resident bytes, and seconds of CPU since the agent was set up. */
  readonly process: { readonly memory: number; readonly cpuTime: number };
  readonly events: readonly EventStatus[];
  /** Of batches that were taken in part, which events arrived is not known. */
  readonly mixed: { readonly exported: number; readonly lost: Readonly<Record<string, number>> };
  readonly totals: Totals;
}

/** Sums over all events; attempted only of what the kernel counts. */
export interface Totals {
  readonly attempted: number;
  readonly received: number;
  readonly exported: number;
  readonly filtered: number;
  readonly lost: number;
}

/** What the agent does not know of itself. */
export interface StatusOptions {
  readonly destination: string;
  /** Whether records are sent to a receiver. */
  readonly sends: boolean;
}

/** Puts the status of a running agent together, whenever it is asked for. */
export class StatusSource {
  readonly #agent: Agent;
  readonly #options: StatusOptions;
  readonly #started = Date.now();
  readonly #cpu = process.cpuUsage();
  #receiver: ReceiverStatus | undefined;

  constructor(agent: Agent, options: StatusOptions) {
    this.#agent = agent;
    this.#options = options;
  }

  /** News of the receiver. */
  receiver(status: ReceiverStatus): void {
    this.#receiver = status;
  }

  read(): AgentStatus {
    const agent = this.#agent;
    const { sensor } = agent;
    const { user, system } = process.cpuUsage(this.#cpu);
    const events = eventsOf(agent);
    const mixed = { exported: agent.ledger.exportedMixed, lost: lossesOf(agent, MIXED) };
    return {
      version: VERSION,
      pid: process.pid,
      started: new Date(this.#started).toISOString(),
      uptime: (Date.now() - this.#started) / 1000,
      ...(sensor.tier && { tier: sensor.tier }),
      hooks: agent.hooks,
      destination: this.#options.destination,
      ...(this.#options.sends && { receiver: this.#receiverStatus() }),
      ring: { used: sensor.ringUsed, size: sensor.ringBytes },
      process: { memory: process.memoryUsage.rss(), cpuTime: (user + system) / 1e6 },
      events,
      mixed,
      totals: totalsOf(events, mixed),
    };
  }

  #receiverStatus(): NonNullable<AgentStatus['receiver']> {
    const { exportedAt } = this.#agent.ledger;
    const age = exportedAt === undefined ? {} : { lastExportAge: (Date.now() - exportedAt) / 1000 };
    const status = this.#receiver;
    if (status?.ok === false) return { state: 'failing', reason: status.error.message, ...age };
    return { state: exportedAt === undefined ? 'idle' : 'ok', ...age };
  }
}

/** By reason, what the books say of an event. */
function lossesOf(agent: Agent, event: string): Record<string, number> {
  const lost: Record<string, number> = {};
  for (const loss of agent.losses())
    if (loss.event === event) lost[loss.reason] = (lost[loss.reason] ?? 0) + loss.count;
  return lost;
}

function eventsOf(agent: Agent): readonly EventStatus[] {
  const { ledger, sensor, rows } = agent;
  const inUserSpace = new Map<string, number>();
  for (const { event, count } of ledger.losses())
    inUserSpace.set(event, (inUserSpace.get(event) ?? 0) + count);
  const kernel = rows.map(({ type, name }) => ({ type, name, counts: sensor.counts(type) }));
  const own = [...ledger.types()].filter(([type]) => !rows.some((row) => row.type === type));
  return [...kernel, ...own.map(([type, name]) => ({ type, name, counts: undefined }))].map(
    ({ type, name, counts }) => {
      const received = ledger.received[type]!;
      const exported = ledger.exported[type]!;
      const filtered = ledger.filtered[type]!;
      return {
        name,
        attempted: counts?.attempted ?? 0,
        submitted: counts?.submitted ?? 0,
        filtered: (counts?.filtered ?? 0) + filtered,
        received,
        exported,
        inMemory:
          received +
          ledger.recovered[type]! -
          exported -
          filtered -
          ledger.spooled[type]! -
          (inUserSpace.get(name) ?? 0),
        spooled: ledger.spooled[type]!,
        lost: lossesOf(agent, name),
        ...hookTimeOf(agent, type),
      };
    },
  );
}

function hookTimeOf({ sensor }: Agent, type: number): Pick<EventStatus, 'hookTime'> {
  const times = sensor.hookTimes?.(type);
  if (!times || times.count === 0) return {};
  const [p90, p95, p99] = [0.9, 0.95, 0.99].map((part) => times.quantile(part)!) as [number, number, number];
  return { hookTime: { timed: times.count, average: times.average!, p90, p95, p99 } };
}

function totalsOf(events: readonly EventStatus[], mixed: AgentStatus['mixed']): Totals {
  const sum = (of: (event: EventStatus) => number) => events.reduce((all, event) => all + of(event), 0);
  return {
    attempted: sum((event) => event.attempted),
    received: sum((event) => event.received),
    exported: sum((event) => event.exported) + mixed.exported,
    filtered: sum((event) => event.filtered),
    lost: sum((event) => sumOf(event.lost)) + sumOf(mixed.lost),
  };
}

/** All reasons together. */
export const sumOf = (lost: Readonly<Record<string, number>>): number =>
  Object.values(lost).reduce((all, count) => all + count, 0);
