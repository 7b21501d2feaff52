// SPDX-License-Identifier: Apache-2.0
import type { Histogram } from '@opentelemetry/api';
import { Clock } from './clock.ts';
import { DnsStreams } from './decode/dns-streams.ts';
import { EventType, processExec } from './decode/layout.gen.ts';
import type { RawEvent, RecordBatch } from './decode/record.ts';
import type { HostContext, Process } from './enrich/process.ts';
import { Processes } from './enrich/processes.ts';
import {
  type EventDefinition,
  type ReadableEvent,
  type RunnableEvent,
  runnable,
  Severity,
} from './events/event.ts';
import { kernelRows } from './events/index.ts';
import type { Exporter } from './export/exporter.ts';
import { Gaps, type Loss } from './export/gaps.ts';
import { Ledger } from './ledger.ts';
import { registerMetrics } from './metrics.ts';
import * as at from './semconv.ts';
import type { Seed, Sensor } from './sensor/sensor.ts';

/** Where the records of a run go beside or instead of a receiver: lines of text. */
export type PrintRecord = (record: ReadableEvent) => void;

export interface AgentOptions {
  readonly sensor: Sensor;
  readonly events: readonly EventDefinition[];
  readonly detail: 'lean' | 'standard' | 'all';
  readonly body: boolean;
  /** Namespaces and user names of the host that the records come from. */
  readonly host: Pick<HostContext, 'namespaces' | 'userName'>;
  readonly seeds?: ReadonlyMap<number, Seed>;
  readonly tree?: number;
  readonly print?: PrintRecord;
  /** Called after the records of a drain were printed: one write for all of them. */
  readonly flushPrint?: () => void;
  /** Makes the exporter, which counts in the agent's ledger. */
  readonly exporter?: (ledger: Ledger) => Promise<Exporter>;
}

/** Losses become records of the stream within this time. */
const GAP_INTERVAL_MS = 1000;
const now = () => BigInt(Date.now()) * 1_000_000n;

/**
 * The composition. It reads as the path of the data: sensor → decode → enrich → events → export. It alone sees every
 * stage; each stage is made here and handed to the next.
 */
export class Agent {
  readonly ledger: Ledger;
  readonly processes: Processes;
  readonly #options: AgentOptions;
  readonly #clock = new Clock();
  /** By event type; no entry = a record that only introduces a process. */
  readonly #events: (RunnableEvent | undefined)[] = [];
  readonly #gaps: Gaps;
  readonly #streams: DnsStreams;
  /** Of {@link DnsStreams.incomplete}, by event type, what the ledger has. */
  readonly #incomplete: number[] = [];
  #exporter: Exporter | undefined;
  #delay: Histogram | undefined;
  #timer: NodeJS.Timeout | undefined;
  #malformed = 0;

  constructor(options: AgentOptions) {
    this.#options = options;
    const { sensor, events, detail, body, host, seeds, tree } = options;
    const context: HostContext = {
      clock: this.#clock,
      namespaces: host.namespaces,
      userName: (uid) => host.userName(uid),
    };
    const hookOf = (program: string) =>
      sensor.hooks.find((hook) => hook.program === program && !hook.error)?.hook;
    for (const event of events)
      this.#events[event.type] = runnable(event, { detail, body, host: context, hookOf });
    this.#streams = new DnsStreams(this.#clock);
    this.ledger = new Ledger(new Map(events.map(({ type, name }) => [type, name])));
    this.processes = new Processes({
      forget: (pid, startLow, startHigh) => sensor.forget(pid, startLow, startHigh),
      ...(seeds && { seeds }),
      ...(tree !== undefined && { tree }),
    });
    this.#gaps = new Gaps(
      this.ledger,
      { events: kernelRows(events), counts: (type) => sensor.counts(type) },
      now(),
    );
  }

  /** Starts the stream. @throws what the exporter throws for settings that cannot work */
  async start(): Promise<void> {
    const { sensor, events, exporter } = this.#options;
    this.#exporter = await exporter?.(this.ledger);
    const { ledger, processes } = this;
    const rows = kernelRows(events);
    this.#delay =
      this.#exporter?.meter &&
      registerMetrics(this.#exporter.meter, { ledger, sensor, processes, events: rows });
    this.#tell('agentsmith.sensor.start', this.#hookAttributes());
    sensor.start(
      (batch) => this.#take(batch),
      () => this.#exporter?.takesBatches ?? true,
    );
    this.#timer = setInterval(() => this.#tellGaps(), GAP_INTERVAL_MS);
  }

  /** The heart: every record of a drain to its process, and the two of them into bytes. */
  #take(batch: RecordBatch): void {
    const { processes, ledger } = this;
    const exporter = this.#exporter;
    const { sensor } = this.#options;
    this.#clock.offset = sensor.clockOffset;
    if (exporter) exporter.observed = batch.observed;
    let first: number | undefined;
    for (const event of batch) {
      const process = processes.of(event);
      const definition = this.#events[event.type];
      if (definition === undefined) {
        if (event.type === EventType.DNS_SEGMENT) this.#takeSegment(event, batch);
        continue;
      }
      if (this.#append(definition, event, process, batch)) first ??= this.#delayOf(event, batch);
    }
    this.#options.flushPrint?.();
    if (batch.malformed > this.#malformed) {
      ledger.lostMixed('malformed', batch.malformed - this.#malformed);
      this.#malformed = batch.malformed;
    }
    if (first !== undefined) {
      this.#delay?.record(first);
      this.#delay?.record(this.#delayOf(batch.event, batch));
    }
  }

  /** One record into the open batch and onto the terminal; false when the user asked not to see it. */
  #append(definition: RunnableEvent, event: RawEvent, process: Process, batch: RecordBatch): boolean {
    const { ledger } = this;
    const { print } = this.#options;
    ledger.received[definition.type]!++;
    if (!process.selected) {
      ledger.filtered[definition.type]!++;
      return false;
    }
    this.#exporter?.append(definition, event, process);
    if (print) this.#print(print, definition, event, process, batch);
    return true;
  }

  /** The messages that a TCP segment ends; each is received here, and so is what will never be whole. */
  #takeSegment(segment: RawEvent, batch: RecordBatch): void {
    const { processes, ledger } = this;
    for (const event of this.#streams.take(segment)) {
      const definition = this.#events[event.type];
      if (definition) this.#append(definition, event, processes.of(event), batch);
    }
    for (const type of [EventType.DNS_QUERY, EventType.DNS_ANSWER]) {
      const more = this.#streams.incomplete[type]! - (this.#incomplete[type] ?? 0);
      if (more === 0 || !this.#events[type]) continue;
      ledger.received[type]! += more;
      ledger.lost(type, 'incomplete', more);
      this.#incomplete[type] = this.#streams.incomplete[type]!;
    }
  }

  #print(
    print: PrintRecord,
    definition: RunnableEvent,
    event: RawEvent,
    process: Process,
    batch: RecordBatch,
  ): void {
    print(definition.read(event, process, batch.observed));
    // With no receiver the printed line is the delivery.
    if (!this.#exporter) this.ledger.exported[definition.type]!++;
  }

  /** Seconds from the kernel's time of an event to the drain that brought it. */
  #delayOf(event: RawEvent, batch: RecordBatch): number {
    const { time } = processExec.header;
    return Number(batch.observed - this.#clock.wall(event.low(time), event.high(time))) / 1e9;
  }

  #hookAttributes(): ReadableEvent['attributes'] {
    const { sensor, events } = this.#options;
    const of = (programs: readonly string[]) =>
      sensor.hooks.filter((hook) => programs.includes(hook.program));
    const attached = events.flatMap(({ name, programs }) =>
      of(programs)
        .filter((hook) => !hook.error)
        .map((hook) => `${name}=${hook.hook}`),
    );
    const missing = events.flatMap(({ name, programs }) =>
      of(programs)
        .filter((hook) => hook.error)
        .map((hook) => `${name}=${hook.program}: ${hook.error}`),
    );
    return {
      ...(sensor.tier && { [at.SENSOR_TIER]: sensor.tier }),
      [at.SENSOR_HOOKS]: attached,
      ...(missing.length > 0 && { [at.SENSOR_MISSING]: missing }),
    };
  }

  #tell(eventName: string, attributes: ReadableEvent['attributes']): void {
    const time = now();
    const body = eventName.replace('agentsmith.', '');
    this.#exporter?.emit({
      eventName,
      severityNumber: Severity.INFO,
      time,
      observed: time,
      body,
      attributes,
    });
  }

  #tellGaps(): void {
    const { print, flushPrint } = this.#options;
    if (this.#exporter && !this.#exporter.hasRoom) return;
    for (const record of this.#gaps.take(now())) {
      this.#exporter?.emit(record);
      print?.(record);
    }
    flushPrint?.();
  }

  /** Detaches, delivers what was seen before, and flushes for at most `withinMs`. */
  async stop(withinMs: number): Promise<void> {
    clearInterval(this.#timer);
    await this.#options.sensor.stop();
    this.#tellGaps();
    this.#tell('agentsmith.sensor.stop', this.#hookAttributes());
    await this.#exporter?.shutdown(withinMs);
  }

  /** Every loss so far, in the kernel and behind it. */
  losses(): Iterable<Loss> {
    return this.#gaps.losses();
  }

  /** Ends a flush at once: what was not acknowledged is counted as lost. */
  abort(): void {
    this.#exporter?.abort();
  }
}
