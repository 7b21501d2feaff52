// SPDX-License-Identifier: Apache-2.0
// Past 400 lines: the composition, where every stage meets the next and nowhere else.
import { diag, type Histogram } from '@opentelemetry/api';
import { Clock } from './clock.ts';
import { DnsStreams } from './decode/dns-streams.ts';
import { EventType, processExec } from './decode/layout.gen.ts';
import type { RawEvent, RecordBatch } from './decode/record.ts';
import type { HostContext, Process } from './enrich/process.ts';
import { Detail, readBlock } from './enrich/process-block.ts';
import { Processes } from './enrich/processes.ts';
import {
  type EventDefinition,
  mayWarn,
  type ReadableEvent,
  type RunnableEvent,
  runnable,
  Severity,
} from './events/event.ts';
import { kernelRows } from './events/index.ts';
import { type AttributeLimits, limited } from './events/limits.ts';
import type { Exporter, Meters } from './export/exporter.ts';
import { Gaps, type Loss, type ProcessLoss, uncleanStop } from './export/gaps.ts';
import { Ledger } from './ledger.ts';
import { log } from './log.ts';
import { type MetricSources, registerMetrics } from './metrics.ts';
import * as at from './semconv.ts';
import type { HookChange } from './sensor/guard.ts';
import type { Seed, Sensor } from './sensor/sensor.ts';

/**
 * Where readable records go beside or instead of a receiver: lines of text, a program's reader. `false` = it had no room
 * and the record is lost to it.
 */
// biome-ignore lint/suspicious/noConfusingVoidType: what prints has nothing to say
export type PrintRecord = (record: ReadableEvent) => boolean | void;

/** Another view of a kernel record: a record of its own for those that it wants. */
export interface View {
  /** The event whose kernel record it reads; it need not be exported itself. */
  readonly base: EventDefinition;
  /** `type` is not looked at. */
  readonly definition: EventDefinition;
  /** Whether a kernel record is one of the view's; all are by default. */
  readonly only?: (event: RawEvent) => boolean;
}

type RunnableView = Pick<View, 'only'> & { readonly definition: RunnableEvent };

/** Which records there are and how they are made: what can change while the agent runs. */
export interface AgentChoice {
  readonly events: readonly EventDefinition[];
  readonly detail: 'lean' | 'standard' | 'all';
  readonly body: boolean;
  readonly limits?: AttributeLimits;
}

export interface AgentOptions extends AgentChoice {
  readonly views?: readonly View[];
  readonly sensor: Sensor;
  /** Namespaces and user names of the host that the records come from. */
  readonly host: Pick<HostContext, 'namespaces' | 'userName'>;
  readonly seeds?: ReadonlyMap<number, Seed>;
  readonly tree?: number;
  /** Asked anew for each drain: undefined while nobody reads. */
  readonly print?: PrintRecord | undefined;
  /** Called after the records of a drain were printed: one write for all of them. */
  readonly flushPrint?: () => void;
  /** Makes the exporter, which counts in the agent's ledger. */
  readonly exporter?: (ledger: Ledger) => Promise<Exporter>;
  /** What an earlier run left, and where records wait on disk. */
  readonly kept?: {
    /** Since when events of a run that was killed may be missing, ns since the epoch. */
    readonly uncleanSince: bigint | undefined;
    readonly spool: NonNullable<MetricSources['spool']>;
  };
  /** Of an agent without exporter: where its own counters go. */
  readonly meters?: () => Meters;
}

/** Losses become records of the stream within this time. */
const GAP_INTERVAL_MS = 1000;
/** How often the kernel is asked which processes live: so long it takes to forget one whose end nobody tells, twice. */
const SWEEP_INTERVAL_MS = 60_000;
const now = () => BigInt(Date.now()) * 1_000_000n;

/**
 * The composition. It reads as the path of the data: sensor → decode → enrich → events → export. It alone sees every
 * stage; each stage is made here and handed to the next.
 */
export class Agent {
  readonly ledger: Ledger;
  readonly processes: Processes;
  readonly #options: AgentOptions;
  #choice: AgentChoice;
  /** Every event that was ever on: its counters stay, and its last records may still lie in the ring. */
  readonly #known: EventDefinition[] = [];
  /** The kernel's counters of them; readers hold this very list. */
  readonly #rows: ReturnType<typeof kernelRows>[number][] = [];
  readonly #clock = new Clock();
  /** By event type; no entry = a record that only introduces a process. */
  readonly #events: (RunnableEvent | undefined)[] = [];
  /** By event type of the kernel record; no entry = no view of it. */
  readonly #views: (RunnableView[] | undefined)[] = [];
  readonly #gaps: Gaps;
  readonly #host: HostContext;
  readonly #streams: DnsStreams;
  /** Of {@link DnsStreams.incomplete}, by event type, what the ledger has. */
  readonly #incomplete: number[] = [];
  #exporter: Exporter | undefined;
  #meters: Meters | undefined;
  #delay: Histogram | undefined;
  #timer: NodeJS.Timeout | undefined;
  #sweeper: NodeJS.Timeout | undefined;
  #malformed = 0;
  readonly #failedViews = new Set<string>();

  constructor(options: AgentOptions) {
    this.#options = options;
    this.#choice = options;
    const { sensor, views = [], host, seeds, tree } = options;
    this.#host = {
      clock: this.#clock,
      namespaces: host.namespaces,
      userName: (uid) => host.userName(uid),
    };
    this.#streams = new DnsStreams(this.#clock);
    this.ledger = new Ledger(new Map());
    this.#compile(options);
    for (const view of views) this.#addView(view);
    this.#hurry();
    this.processes = new Processes({
      forget: (pid, startLow, startHigh) => sensor.forget(pid, startLow, startHigh),
      ...(seeds && { seeds }),
      ...(tree !== undefined && { tree }),
    });
    this.#gaps = new Gaps(this.ledger, { events: this.#rows, counts: (type) => sensor.counts(type) }, now());
  }

  #compiled(event: EventDefinition, { detail, body, limits = {} }: AgentChoice): RunnableEvent {
    const { sensor } = this.#options;
    const hookOf = (program: string) =>
      sensor.hooks.find((hook) => hook.program === program && !hook.error)?.hook;
    return limited(runnable(event, { detail, body, host: this.#host, hookOf }), limits);
  }

  /** Makes the chosen events ready; those that were on before stay, for what the ring still holds of them. */
  #compile(choice: AgentChoice): void {
    for (const event of choice.events) {
      this.#events[event.type] = this.#compiled(event, choice);
      this.#know(event);
    }
  }

  #know(event: EventDefinition): void {
    if (this.#known.some(({ type }) => type === event.type)) return;
    this.#known.push(event);
    this.#rows.splice(0, Number.POSITIVE_INFINITY, ...kernelRows(this.#known));
    this.ledger.add(event.type, event.name);
  }

  #addView({ base, definition, only }: View): void {
    this.#know(base);
    const type = this.ledger.typeOf(definition.name);
    const own = this.#compiled({ ...definition, type }, this.#choice);
    (this.#views[base.type] ??= []).push({ definition: own, ...(only && { only }) });
  }

  /** A warning leaves within 20 ms (batches.ts), so the kernel tells of it at once. */
  #hurry(): void {
    const types = new Set<number>();
    for (const event of this.#events) if (event && mayWarn(event)) types.add(event.type);
    this.#views.forEach((views, base) => {
      if (views?.some(({ definition }) => mayWarn(definition))) types.add(base);
    });
    this.#options.sensor.hurry?.(types);
  }

  /**
   * Changes which records there are, between two drains: `choose` has the kernel told of the events, and what it throws
   * leaves everything as it was. Nothing is lost: a newly chosen event is known before its first record is read, and
   * one that is not wanted any more until its last one is.
   */
  reconfigure(choice: AgentChoice, choose: () => void): void {
    choose();
    this.#compile(choice);
    this.#hurry();
    this.#choice = choice;
    this.#tell('agentsmith.sensor.start', this.#hookAttributes());
  }

  /** Starts the stream. @throws what the exporter throws for settings that cannot work */
  async start(): Promise<void> {
    const { sensor, exporter, meters } = this.#options;
    this.#exporter = await exporter?.(this.ledger);
    this.#meters = meters?.();
    const { ledger, processes } = this;
    const { kept } = this.#options;
    const meter = this.#exporter?.meter ?? this.#meters?.meter;
    const sources = { ledger, sensor, processes, events: this.#rows, ...(kept && { spool: kept.spool }) };
    this.#delay = meter && registerMetrics(meter, sources);
    this.#tell('agentsmith.sensor.start', this.#hookAttributes());
    // Everything is attached: what happens from now on is seen.
    if (kept?.uncleanSince !== undefined) this.#exporter?.emit(uncleanStop(kept.uncleanSince, now()));
    sensor.start(
      (batch) => this.#take(batch),
      () => this.#exporter?.takesBatches ?? true,
    );
    this.#timer = setInterval(() => {
      for (const change of sensor.refresh?.() ?? []) this.#tellChange(change);
      this.#tellGaps();
    }, GAP_INTERVAL_MS);
    this.#sweeper = setInterval(() => {
      if (sensor.known) processes.sweep(sensor.known());
      this.#exporter?.trim();
      sensor.trim?.();
    }, SWEEP_INTERVAL_MS);
  }

  /** The heart: every record of a drain to its process, and the two of them into bytes. */
  #take(batch: RecordBatch): void {
    const { processes, ledger } = this;
    const exporter = this.#exporter;
    const { sensor } = this.#options;
    this.#clock.offset = sensor.clockOffset;
    if (exporter) {
      exporter.observed = batch.observed;
      const time = batch.firstTime;
      if (time !== undefined) exporter.begin?.(this.#clock.offset + time);
    }
    let first: number | undefined;
    for (const event of batch) {
      const process = processes.of(event);
      const views = this.#views[event.type];
      if (views !== undefined) this.#takeViews(views, event, process, batch);
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

  /** Code of the user's own: what it throws costs that record and is told once. */
  #takeViews(views: readonly RunnableView[], event: RawEvent, process: Process, batch: RecordBatch): void {
    const { ledger } = this;
    const { print } = this.#options;
    for (const { definition, only } of views) {
      const { name, type } = definition;
      try {
        if (!process.selected || (only && !only(event))) continue;
        ledger.received[type]!++;
        this.#exporter?.append(definition, event, process);
      } catch (error) {
        ledger.lost(type, 'malformed');
        if (!this.#failedViews.has(name)) diag.warn(`${name}: ${(error as Error).message}`);
        this.#failedViews.add(name);
        continue;
      }
      if (print) this.#print(print, definition, event, process, batch);
      else this.#unwanted(type);
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
    else this.#unwanted(definition.type);
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
    this.#printed(print(definition.read(event, process, batch.observed)), definition.type);
  }

  /** With no receiver the printed line is the delivery. */
  #printed(taken: ReturnType<PrintRecord>, type: number): void {
    if (this.#exporter) return;
    if (taken === false) this.ledger.lost(type, 'slow_reader');
    else this.ledger.exported[type]!++;
  }

  /** Nobody asked for the record: neither a receiver nor a reader is there. */
  #unwanted(type: number): void {
    if (!this.#exporter) this.ledger.filtered[type]!++;
  }

  /** Seconds from the kernel's time of an event to the drain that brought it. */
  #delayOf(event: RawEvent, batch: RecordBatch): number {
    const { time } = processExec.header;
    return Number(batch.observed - this.#clock.wall(event.low(time), event.high(time))) / 1e9;
  }

  /** Of the chosen events: `event=hook` that are attached, `event=program: why` of those that are not. */
  get hooks(): { readonly attached: readonly string[]; readonly missing: readonly string[] } {
    const { sensor } = this.#options;
    const hooks = this.#choice.events.flatMap((event) =>
      sensor.hooksOf(event).map((hook) => ({ ...hook, name: event.name })),
    );
    const attached = hooks.filter(({ error }) => !error).map(({ name, hook }) => `${name}=${hook}`);
    const missing = hooks
      .filter(({ error }) => error)
      .map(({ name, program, error }) => `${name}=${program}: ${error}`);
    return { attached, missing };
  }

  get sensor(): Sensor {
    return this.#options.sensor;
  }

  /** What the kernel counts: every event that was ever on, and the parts of which some are made. */
  get rows(): readonly { readonly type: number; readonly name: string }[] {
    return this.#rows;
  }

  #hookAttributes(): ReadableEvent['attributes'] {
    const { sensor } = this.#options;
    const { attached, missing } = this.hooks;
    return {
      ...(sensor.tier && { [at.SENSOR_TIER]: sensor.tier }),
      [at.SENSOR_HOOKS]: attached,
      ...(missing.length > 0 && { [at.SENSOR_MISSING]: missing }),
    };
  }

  /** One record for each event that a change of its hooks concerns. */
  #tellChange({ program, hook, cause }: HookChange): void {
    const { sensor } = this.#options;
    const concerned = this.#choice.events.filter((event) =>
      sensor.hooksOf(event).some((each) => program === undefined || each.program === program),
    );
    for (const { name } of concerned) {
      const body = `${name.replace('agentsmith.', '')}: ${cause}${hook === undefined ? '' : ` (${hook})`}`;
      log.warn(body);
      this.#tell(
        'agentsmith.sensor.hook.change',
        {
          [at.SENSOR_CHANGE_EVENT]: name,
          ...(hook !== undefined && { [at.SENSOR_CHANGE_HOOK]: hook }),
          [at.SENSOR_CHANGE_CAUSE]: cause,
        },
        { severity: Severity.WARN, body },
      );
    }
  }

  #tell(
    eventName: string,
    attributes: ReadableEvent['attributes'],
    { severity = Severity.INFO as number, body = eventName.replace('agentsmith.', '') } = {},
  ): void {
    const time = now();
    const record = { eventName, severityNumber: severity, time, observed: time, body, attributes };
    this.#exporter?.emit(record);
  }

  /** What single processes lost to the rate limit. */
  #limited(): readonly ProcessLoss[] {
    const { sensor } = this.#options;
    return (sensor.rateLimited?.() ?? []).flatMap(({ pid, startLow, startHigh, type, count }) => {
      const process = this.processes.find(pid, startLow, startHigh);
      const event = this.ledger.name(type);
      if (process === undefined || event === undefined) return [];
      return [{ event, count, block: readBlock(process, Detail.LEAN, this.#host) }];
    });
  }

  /** A rare record of the caller's own, on the road of all others. False = there is no room, and it counts as lost. */
  emit(record: ReadableEvent): boolean {
    const { print, flushPrint } = this.#options;
    const type = this.ledger.typeOf(record.eventName);
    const exporter = this.#exporter;
    if (exporter && !exporter.hasRoom) {
      this.ledger.received[type]!++;
      this.ledger.lost(type, 'queue_full');
      return false;
    }
    // The exporter counts what it is given.
    if (exporter) exporter.emit(record);
    else this.ledger.received[type]!++;
    const taken = print?.(record);
    if (print) this.#printed(taken, type);
    else this.#unwanted(type);
    flushPrint?.();
    return exporter !== undefined || taken !== false;
  }

  /** A rare record about the agent itself, as gaps are: sent where there is room, and printed. */
  tell(record: ReadableEvent): void {
    const { print, flushPrint } = this.#options;
    if (this.#exporter?.hasRoom) this.#exporter.emit(record);
    print?.(record);
    flushPrint?.();
  }

  #tellGaps(isLast = false): void {
    const { print, flushPrint } = this.#options;
    const exporter = this.#exporter;
    const { isDue } = this.#gaps;
    // In a request of their own: another that found no room would take along what tells of losses.
    if (isDue) exporter?.separate?.();
    if (exporter && !exporter.hasRoom) return;
    for (const record of this.#gaps.take(now(), this.#limited(), isLast)) {
      exporter?.emit(record);
      print?.(record);
    }
    if (isDue) exporter?.separate?.();
    flushPrint?.();
  }

  /** Detaches, delivers what was seen before, and flushes for at most `withinMs`. */
  async stop(withinMs: number): Promise<void> {
    clearInterval(this.#timer);
    clearInterval(this.#sweeper);
    await this.#options.sensor.stop();
    this.#tellGaps(true);
    this.#tell('agentsmith.sensor.stop', this.#hookAttributes());
    await this.#exporter?.shutdown(withinMs);
    await this.#meters?.shutdown();
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
