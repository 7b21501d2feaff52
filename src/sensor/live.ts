// SPDX-License-Identifier: Apache-2.0
import { closeSync, existsSync, readFileSync } from 'node:fs';
import type { FilterRule } from '../config/filters.ts';
import { counters, EventType, LAYOUT_ID } from '../decode/layout.gen.ts';
import { RecordBatch } from '../decode/record.ts';
import { type KernelCounts, NO_COUNTS } from '../ledger.ts';
import { Budgets, type Limited } from './budgets.ts';
import { type CgroupRoot, cgroup2Mounts, findCgroupRoot, readMemoryV1 } from './cgroup.ts';
import { filterLookups, KernelFilters } from './filters.ts';
import { Guard, type HookChange } from './guard.ts';
import { HOOK_TIME_WORDS, HookTimes } from './hook-times.ts';
import { knownKey, knownProcesses, strike } from './known.ts';
import type { Native, NativeSensor } from './native.ts';
import type { Hooked, HookReport, Sensor } from './sensor.ts';
import { type Tier, Tiers, withoutOptional } from './tiers.ts';

export interface LiveOptions {
  readonly ringBytes: number;
  /** Programs that are attached whatever events are on, by their names in ebpf/programs. */
  readonly common: readonly string[];
  /** What is exported; {@link LiveSensor.choose} changes it. */
  readonly events: readonly Hooked[];
  /** Types of all events by name, for filters. */
  readonly types?: ReadonlyMap<string, number>;
  /** What is not to be seen; {@link LiveSensor.filter} changes it. */
  readonly filters?: readonly FilterRule[];
  /** Frequent events that one process may send in a second; 0 = no limit. */
  readonly rateLimit?: number;
  /** false: does without BPF trampolines also where they load. */
  readonly trampolines?: boolean;
  /** Environment variables that exec records carry. */
  readonly environment: readonly string[];
  /** Ports on which resolvers listen; 53 when it is not given. */
  readonly dnsPorts?: readonly number[];
  /** Another BPF object than the built-in one. */
  readonly object?: Uint8Array;
  /** A connect attempt that is open for so long is reported as pending. */
  readonly pendingAfterMs?: number;
}

/** Why the kernel could not be watched, with what to do; `code` as the addon gives it. */
export class SensorError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

const DNS_PORTS: readonly number[] = [53];
const PENDING_AFTER_MS = 30_000;
/** struct books of ebpf/lib/books.h: behind the counters stand the runs of the event's programs. */
const RUNS = counters.SIZE / 8;
/** Clocks drift apart by less; a larger difference is a step, which the offset follows. */
const CLOCK_TOLERANCE_NS = 100_000n;

function lockdown(): string {
  const path = '/sys/kernel/security/lockdown';
  return existsSync(path) ? (/\[(\w+)\]/.exec(readFileSync(path, 'utf8'))?.[1] ?? '') : '';
}

function explain(error: unknown): SensorError {
  const { code = '', message } = error as Error & { code?: string };
  if (code === 'EPERM') {
    return new SensorError(
      code,
      'the kernel refuses BPF: run as root, or with CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN',
    );
  }
  if (code === 'ENOBTF' || !existsSync('/sys/kernel/btf/vmlinux')) {
    return new SensorError(
      'ENOBTF',
      'this kernel has no BTF (/sys/kernel/btf/vmlinux): it needs CONFIG_DEBUG_INFO_BTF',
    );
  }
  if (code === 'ENOLAYOUT') return new SensorError(code, `${message}: run \`npm run build\``);
  if (lockdown() === 'confidentiality') {
    return new SensorError(
      code,
      'kernel lockdown is in confidentiality mode, which refuses to let BPF read the kernel',
    );
  }
  return new SensorError(code, `no program could be loaded (${message}): try \`doctor\``);
}

/** The running kernel. Opening loads and attaches; nothing is left behind after {@link stop}. */
export class LiveSensor implements Sensor {
  readonly ringBytes: number;
  readonly #native: Native;
  readonly #sensor: NativeSensor;
  readonly #common: readonly string[];
  readonly #tiers: Tiers;
  readonly #filters: KernelFilters;
  readonly #budgets = new Budgets();
  readonly #guard: Guard;
  #rateLimit = 0;
  #events: readonly Hooked[] = [];
  #hooks: readonly HookReport[] = [];
  #cgroup: CgroupRoot = { fd: -1, scope: 'none', how: 'not looked for' };
  readonly #batch: RecordBatch;
  readonly #clocks = new BigUint64Array(2);
  readonly #books = new Float64Array(RUNS + 1);
  /** What the counters said when the sensor was stopped. */
  readonly #last = new Map<number, KernelCounts>();
  readonly #lastTimes = new Map<number, HookTimes>();
  #lastBudgets: ReturnType<NativeSensor['entries']> | undefined;
  #offset = 0n;
  #onBatch: ((batch: RecordBatch) => void) | undefined;

  /** @throws SensorError when nothing can be attached */
  constructor(native: Native, options: LiveOptions) {
    this.#native = native;
    this.ringBytes = options.ringBytes;
    this.#common = options.common;
    this.#tiers = new Tiers(options.trampolines ?? native.probeTrampoline());
    try {
      this.#sensor = new native.Sensor({
        ...(options.object && { object: options.object }),
        layoutId: LAYOUT_ID,
        sequenceBase: BigInt(Date.now()) * 1000n,
        ringBytes: options.ringBytes,
        pendingAfterNs: BigInt(options.pendingAfterMs ?? PENDING_AFTER_MS) * 1_000_000n,
        environment: options.environment,
        dnsPorts: options.dnsPorts ?? DNS_PORTS,
        programs: this.#tiers.programs(options.events, options.common),
        excluded: [process.pid],
      });
    } catch (error) {
      throw explain(error);
    }
    this.#batch = new RecordBatch(this.#sensor.buffer);
    this.#filters = new KernelFilters(
      this.#sensor,
      filterLookups(
        options.types ?? new Map(),
        cgroup2Mounts(readFileSync('/proc/self/mountinfo', 'utf8'))[0],
      ),
    );
    this.#guard = new Guard(this.#sensor);
    this.#readHierarchy();
    this.filter(options.filters ?? [], options.rateLimit ?? 0);
    this.choose(options.events);
    this.#readClocks();
  }

  /** Of all events that are on; programs without which nothing is lost stand here only when they are attached. */
  get hooks(): readonly HookReport[] {
    return this.#hooks;
  }

  hooksOf(event: Hooked): readonly HookReport[] {
    return this.#tiers.hooksOf(event, this.#hooks);
  }

  get tier(): Tier | 'A+B' {
    return this.#tiers.summary(this.#events);
  }

  /** Where cgroup programs are attached, and what they see from there. */
  get cgroup(): CgroupRoot {
    return this.#cgroup;
  }

  /** Exactly these events come from now on. Those that were on before and stay on miss nothing meanwhile. */
  choose(events: readonly Hooked[]): void {
    this.#events = events;
    this.#cgroup = findCgroupRoot(this.#native);
    try {
      do {
        const programs = this.#tiers.programs(events, this.#common);
        this.#sensor.choose(programs, this.#mask(events), this.#cgroup.fd);
        this.#hooks = this.#report(programs);
      } while (this.#tiers.fall(events, this.#hooks));
    } finally {
      // The links hold the hierarchy; the descriptor is not needed any more.
      if (this.#cgroup.fd >= 0) closeSync(this.#cgroup.fd);
    }
    this.#hooks = withoutOptional(this.#hooks, events);
  }

  /**
   * From now on these rules hold, and this many frequent events a process and second (0 = no limit).
   *
   * @throws RangeError for more path rules than there is room for
   */
  filter(rules: readonly FilterRule[], rateLimit: number): void {
    this.#filters.set(rules, rateLimit);
    this.#rateLimit = rateLimit;
  }

  /** The programs wake us for the first of them (wake_flags of ebpf/lib/ring.h). */
  hurry(types: Iterable<number>): void {
    let mask = 0;
    for (const type of types) mask |= 1 << type;
    this.#sensor.set('urgent_events', BigInt(mask >>> 0));
  }

  /** Values of filters that mean nothing on this machine now; they hold as soon as they do. */
  get unresolvedFilters(): readonly string[] {
    return this.#filters.unresolved;
  }

  /** Controllers can be mounted while the sensor runs. */
  #readHierarchy(): void {
    this.#sensor.set('memory_is_v1', readMemoryV1() ? 1n : 0n);
  }

  refresh(): readonly HookChange[] {
    this.#readHierarchy();
    this.#filters.refresh();
    return this.#guard.check(this.#hooks, () => {
      this.choose(this.#events);
      return this.#hooks;
    });
  }

  rateLimited(): readonly Limited[] {
    if (this.#rateLimit === 0) return [];
    const [keys, values] = this.#lastBudgets ?? this.#sensor.entries('budgets');
    return keys && values ? this.#budgets.read(keys, values) : [];
  }

  /** `enabled_events` of ebpf/lib/ring.h: a bit for each event, and 32 above it one when it is seen on tier A. */
  #mask(events: readonly Hooked[]): bigint {
    return events.reduce((bits, event) => {
      const tiers = this.#tiers.of(event) === 'A' ? (1n << 32n) | 1n : 1n;
      return bits | (tiers << BigInt(event.type));
    }, 0n);
  }

  #report(programs: readonly string[]): readonly HookReport[] {
    const found = this.#sensor.hooks().filter(({ program }) => programs.includes(program));
    const absent = programs.filter((name) => !found.some(({ program }) => program === name));
    return [
      ...found,
      ...absent.map((program) => ({ program, hook: '', error: 'needs Linux 5.13 or newer' })),
    ];
  }

  get clockOffset(): bigint {
    return this.#offset;
  }

  /** For benchmarks: runs and nanoseconds of each program, while bpf_stats are on. */
  stats(): ReturnType<NativeSensor['stats']> {
    return this.#sensor.stats();
  }

  start(onBatch: (batch: RecordBatch) => void): void {
    this.#onBatch = onBatch;
    this.#sensor.start((bytes) => this.#deliver(bytes));
  }

  async stop(): Promise<void> {
    this.#sensor.detach();
    for (let bytes = this.#sensor.drain(); bytes > 0; bytes = this.#sensor.drain()) this.#deliver(bytes);
    if (this.#rateLimit > 0) this.#lastBudgets = this.#sensor.entries('budgets');
    for (let type = 0; type < EventType.TYPES; type++) {
      this.#last.set(type, this.counts(type));
      this.#lastTimes.set(type, this.hookTimes(type));
    }
    this.#sensor.close();
  }

  counts(type: number): KernelCounts {
    const last = this.#last.get(type);
    if (last) return last;
    if (!this.#sensor.sum('counts', type, this.#books)) return NO_COUNTS;
    const word = (field: { offset: number }) => this.#books[field.offset / 8]!;
    return {
      attempted: word(counters.attempted),
      submitted: word(counters.submitted),
      filtered: word(counters.filtered),
      ringFull: word(counters.ringFull),
      reserved: word(counters.reserved),
      rateLimited: word(counters.rateLimited),
      noMemory: word(counters.noMemory),
    };
  }

  hookTimes(type: number): HookTimes {
    const last = this.#lastTimes.get(type);
    if (last) return last;
    const words = new Float64Array(HOOK_TIME_WORDS);
    this.#sensor.sum('hook_times', type, words);
    this.#sensor.sum('counts', type, this.#books);
    return new HookTimes(words, this.#books[RUNS]!);
  }

  get ringUsed(): number {
    return this.#sensor.ringUsed();
  }

  trim(): void {
    this.#sensor.trim();
  }

  known(): (pid: number, startLow: number, startHigh: number) => boolean {
    const [, sets] = this.#sensor.entries('known');
    // What cannot be read takes nothing away.
    return sets ? knownProcesses(sets) : () => true;
  }

  /** The kernel introduces the process again. It writes the set too: what is lost in between is introduced as well. */
  forget(pid: number, startLow: number, startHigh: number): void {
    const key = knownKey(pid);
    const set = this.#sensor.lookup('known', key);
    if (set && strike(set, pid, startLow, startHigh)) this.#sensor.update('known', key, set);
  }

  /** Events of this process are the agent's own from now on. */
  exclude(pid: number): boolean {
    return this.#sensor.exclude(pid);
  }

  #deliver(bytes: number): void {
    const real = this.#readClocks();
    this.#onBatch?.(this.#batch.load(bytes, real));
  }

  #readClocks(): bigint {
    this.#native.clocks(this.#clocks);
    const offset = this.#clocks[1]! - this.#clocks[0]!;
    const difference = offset - this.#offset;
    if (difference > CLOCK_TOLERANCE_NS || difference < -CLOCK_TOLERANCE_NS) this.#offset = offset;
    return this.#clocks[1]!;
  }
}
