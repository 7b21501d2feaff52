// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { Clock } from '../../src/clock.ts';
import { DnsStreams } from '../../src/decode/dns-streams.ts';
import { EventType } from '../../src/decode/layout.gen.ts';
import type { RecordBatch } from '../../src/decode/record.ts';
import { readHostNamespaces, readSeeds } from '../../src/enrich/proc.ts';
import type { HostContext } from '../../src/enrich/process.ts';
import { Processes } from '../../src/enrich/processes.ts';
import { Users } from '../../src/enrich/users.ts';
import type { ReadableEvent } from '../../src/events/event.ts';
import { COMMON_PROGRAMS, eventDefinitions } from '../../src/events/index.ts';
import type { AttributeValue } from '../../src/otlp-writer.ts';
import { LiveSensor } from '../../src/sensor/live.ts';
import { loadNative, type Native, type NativeOptions } from '../../src/sensor/native.ts';
import type { Hooked } from '../../src/sensor/sensor.ts';
import { Books } from './books.ts';
import { skip, Trigger, type TriggerOptions, within } from './triggers.ts';
import { VIEWS, View, type ViewName } from './view.ts';

export type Attributes = Readonly<Record<string, AttributeValue>>;

/** A record, and the same event in the other levels of detail and without redaction. */
export interface WatchedRecord extends ReadableEvent {
  readonly views: Readonly<Record<ViewName, ReadableEvent>>;
}

export interface WatchOptions {
  readonly environment?: readonly string[];
  readonly pendingAfterMs?: number;
  readonly ringBytes?: number;
  /** false: as on a kernel without BPF trampolines. */
  readonly trampolines?: boolean;
  readonly dnsPorts?: readonly number[];
  /** false: attached, but nothing is read before {@link Watch.start}, so the ring fills. */
  readonly start?: boolean;
  /** Names without `agentsmith.`; {@link ROAD} by default, because all of them take a guest ten seconds to load. */
  readonly events?: readonly string[] | 'all';
  /** System calls are watched, as for an event that needs it on tier B. */
  readonly syscalls?: boolean;
  /** true: as on a kernel that does not run ebpf/programs/host.bpf.c. */
  readonly withoutHost?: boolean;
}

/** What ebpf/programs/host.bpf.c learns of namespaces. */
const HOST_GLOBALS = ['host_nsproxy', 'host_user_ns', 'host_mnt_and_net'];

/** The addon, whose sensors forget what they learnt of the host's namespaces before anything is attached. */
function forgetful(native: Native): Native {
  class Forgetful extends native.Sensor {
    constructor(options: NativeOptions) {
      super(options);
      for (const name of HOST_GLOBALS) assert.ok(this.set(name, 0n), name);
    }
  }
  return { ...native, Sensor: Forgetful };
}

/** Stands for an event whose programs of tier B watch system calls; no record has its type. */
const SYSCALL_WATCHER: Hooked = { type: 0, programs: { B: ['syscall_exit'] } };

/** What most tests want: a life, and what it does. */
const ROAD: readonly string[] = ['process.exec', 'process.exit', 'network.connect'];

const PREFIX = 'agentsmith.';
const DEFINITIONS = eventDefinitions({ redact: true });

/**
 * The real path from the kernel to OTLP bytes, without the sending: keeps the records of processes that the test
 * started, and none of the rest of the machine. Whatever it keeps was made both ways, readable and as straight bytes,
 * and the two were compared.
 */
export class Watch {
  readonly sensor: LiveSensor;
  readonly records: WatchedRecord[] = [];
  readonly books: Books = new Books();
  /** Introductions by pid, of the test's own processes. */
  readonly introductions = new Map<number, number>();
  readonly host: HostContext & { readonly clock: Clock };
  processes: Processes;
  readonly streams: DnsStreams;
  readonly #views: readonly View[];
  readonly #waiting = new Set<() => void>();
  #malformed = 0;
  #error: unknown;
  #closed = false;

  /** @throws SensorError where nothing can be attached */
  constructor(options: WatchOptions = {}) {
    const wanted = options.events ?? ROAD;
    const native = loadNative();
    this.sensor = new LiveSensor(options.withoutHost ? forgetful(native) : native, {
      ringBytes: options.ringBytes ?? 8 << 20,
      common: COMMON_PROGRAMS,
      events: [
        ...DEFINITIONS.filter(({ name }) => wanted === 'all' || wanted.includes(name.slice(PREFIX.length))),
        ...(options.syscalls ? [SYSCALL_WATCHER] : []),
      ],
      types: new Map(DEFINITIONS.map(({ name, type }) => [name, type])),
      ...(options.trampolines !== undefined && { trampolines: options.trampolines }),
      ...(options.dnsPorts && { dnsPorts: options.dnsPorts }),
      environment: options.environment ?? ['LD_PRELOAD', 'SSH_CONNECTION'],
      ...(options.trampolines === false && { trampolines: false }),
      ...(options.pendingAfterMs !== undefined && { pendingAfterMs: options.pendingAfterMs }),
    });
    const users = new Users();
    this.host = {
      clock: new Clock(),
      namespaces: readHostNamespaces(),
      userName: (uid) => users.name(uid),
    };
    this.processes = this.newProcesses();
    this.streams = new DnsStreams(this.host.clock);
    this.#views = VIEWS.map((view) => new View(view, this.host, this.sensor));
    if (options.start !== false) this.start();
  }

  start(): void {
    this.sensor.start((batch) => {
      try {
        this.#take(batch);
      } catch (error) {
        this.#error ??= error;
      }
      for (const wake of this.#waiting) wake();
    });
  }

  /** Where a program is attached; undefined when it is not. */
  hook(program: string): string | undefined {
    return this.sensor.hooks.find((hook) => hook.program === program && hook.error === '')?.hook;
  }

  /** Skips the test when the kernel lacks a program of the event. */
  requires(context: Mocha.Context, event: string): void {
    const definition = DEFINITIONS.find(({ name }) => name === event)!;
    const missing = this.sensor.hooksOf(definition).find((hook) => hook.error !== '');
    if (missing) skip(context, `${missing.program}: ${missing.error}`);
  }

  /** A cache that knows nobody, as after a restart of the agent. */
  newProcesses(): Processes {
    return new Processes({
      seeds: readSeeds(),
      tree: process.pid,
      forget: (pid, low, high) => this.sensor.forget(pid, low, high),
    });
  }

  #take(batch: RecordBatch): void {
    this.host.clock.offset = this.sensor.clockOffset;
    for (const event of batch) {
      const process = this.processes.of(event);
      this.books.enter(event);
      if (!process.selected) continue;
      if (event.type === EventType.PROCESS) {
        this.introductions.set(process.pid, (this.introductions.get(process.pid) ?? 0) + 1);
      }
      for (const view of this.#views) view.append(event, process, batch.observed);
      if (event.type !== EventType.DNS_SEGMENT) continue;
      for (const message of this.streams.take(event)) {
        const asker = this.processes.of(message);
        for (const view of this.#views) view.append(message, asker, batch.observed);
      }
    }
    this.#malformed = batch.malformed;
    const byView = this.#views.map((view) => view.compare());
    for (const [i, record] of byView[0]!.entries()) {
      const views = Object.fromEntries(this.#views.map((view, v) => [view.name, byView[v]![i]!]));
      this.records.push({ ...record, views: views as Record<ViewName, ReadableEvent> });
    }
  }

  /** Resolves as soon as the condition holds; it is looked at after each batch. */
  async until(what: string, condition: () => boolean): Promise<void> {
    let wake = () => {};
    const holds = new Promise<void>((resolve, reject) => {
      wake = () => {
        if (this.#error) reject(this.#error);
        else if (condition()) resolve();
      };
    });
    this.#waiting.add(wake);
    wake();
    try {
      await within(holds, () => new Error(`${what} was not seen; seen: ${this.describe()}`));
    } finally {
      this.#waiting.delete(wake);
    }
  }

  /** Runs a trigger to its end and waits until the ring has given its exit; the lines of truth that it printed. */
  async lines<T>(name: string, args: readonly string[] = [], options: TriggerOptions = {}): Promise<T[]> {
    const from = this.records.length;
    const trigger = new Trigger(name, args, options);
    const lines = await trigger.end<T>();
    await this.exited(trigger.pid, from);
    return lines;
  }

  /** As {@link lines}, for a trigger that prints one. */
  async run<T>(name: string, args: readonly string[] = [], options: TriggerOptions = {}): Promise<T> {
    const lines = await this.lines<T>(name, args, options);
    assert.equal(lines.length, 1, `${name} prints one line`);
    return lines[0]!;
  }

  /** The ring keeps the order, so behind this record lies nothing that the process did. */
  exited(pid: number, from = 0): Promise<void> {
    const isExit = (r: WatchedRecord) =>
      r.eventName === 'agentsmith.process.exit' && r.attributes['process.pid'] === pid;
    return this.until(`the exit of ${pid}`, () => this.records.slice(from).some(isExit));
  }

  all(name: string, wanted: (record: WatchedRecord) => boolean): WatchedRecord[] {
    if (this.#error) throw this.#error;
    return this.records.filter((record) => record.eventName === name && wanted(record));
  }

  /** The one record that is wanted. @throws when there is none, or another one like it */
  find(name: string, wanted: (record: WatchedRecord) => boolean): WatchedRecord {
    const found = this.all(name, wanted);
    assert.equal(
      found.length,
      1,
      `${found.length} records of ${name} where one is wanted; seen: ${this.describe()}`,
    );
    return found[0]!;
  }

  describe(): string {
    return this.records
      .map((r) => `\n  ${r.eventName} ${r.attributes['process.pid']} ${r.body}`)
      .slice(-30)
      .join('');
  }

  /** Kernel counters of an event type. */
  counts(type: number): ReturnType<LiveSensor['counts']> {
    return this.sensor.counts(type);
  }

  /** Detaches and closes the books: what the kernel says it sent has come, and no number is missing. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.sensor.stop();
    if (this.#error) throw this.#error;
    assert.equal(this.#malformed, 0, 'malformed records');
    this.books.close(this.sensor);
  }
}

/** A watch for a file of tests, which are all skipped where nothing can be attached. */
export function openWatch(context: Mocha.Context, options: WatchOptions = {}): Watch {
  try {
    return new Watch(options);
  } catch (error) {
    const { code, message } = error as Error & { code?: string };
    if (code === 'EPERM' || code === 'ENOBTF') return skip(context, message);
    throw error;
  }
}
