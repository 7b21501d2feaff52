// SPDX-License-Identifier: Apache-2.0
import { closeSync, existsSync, readFileSync } from 'node:fs';
import { counters, LAYOUT_ID } from '../decode/layout.gen.ts';
import { RecordBatch } from '../decode/record.ts';
import type { KernelCounts } from '../ledger.ts';
import { type CgroupRoot, findCgroupRoot } from './cgroup.ts';
import type { Native, NativeSensor } from './native.ts';
import type { HookReport, Sensor } from './sensor.ts';

export interface LiveOptions {
  readonly ringBytes: number;
  /** Programs to attach, by their names in ebpf/programs. */
  readonly programs: readonly string[];
  /** Event types (ebpf/events.h) that are exported. */
  readonly events: readonly number[];
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
/** Words of struct counters, and of the table that the addon fills. */
const COUNTER_WORDS = counters.SIZE / 8;
const TYPES_MAX = 64;
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
  readonly hooks: readonly HookReport[];
  readonly tier: 'A' | 'B';
  readonly cgroup: CgroupRoot;
  readonly ringBytes: number;
  readonly #native: Native;
  readonly #sensor: NativeSensor;
  readonly #batch: RecordBatch;
  readonly #clocks = new BigUint64Array(2);
  readonly #counters = new Float64Array(TYPES_MAX * COUNTER_WORDS);
  #offset = 0n;
  #onBatch: ((batch: RecordBatch) => void) | undefined;

  /** @throws SensorError when nothing can be attached */
  constructor(native: Native, options: LiveOptions) {
    this.#native = native;
    this.ringBytes = options.ringBytes;
    this.cgroup = findCgroupRoot(native);
    try {
      this.#sensor = new native.Sensor({
        ...(options.object && { object: options.object }),
        layoutId: LAYOUT_ID,
        sequenceBase: BigInt(Date.now()) * 1000n,
        ringBytes: options.ringBytes,
        pendingAfterNs: BigInt(options.pendingAfterMs ?? PENDING_AFTER_MS) * 1_000_000n,
        enabledEvents: options.events.reduce((mask, type) => mask | (1n << BigInt(type)), 0n),
        environment: options.environment,
        dnsPorts: options.dnsPorts ?? DNS_PORTS,
        programs: options.programs,
        excluded: [process.pid],
        cgroupFd: this.cgroup.fd,
      });
    } catch (error) {
      throw explain(error);
    } finally {
      // The links hold the hierarchy; the descriptor is not needed any more.
      if (this.cgroup.fd >= 0) closeSync(this.cgroup.fd);
    }
    const found = this.#sensor.hooks();
    const absent = options.programs.filter((name) => !found.some((hook) => hook.program === name));
    this.hooks = [
      ...found,
      ...absent.map((program) => ({ program, hook: '', error: 'needs Linux 5.13 or newer' })),
    ];
    this.tier = native.probeTrampoline() ? 'A' : 'B';
    this.#batch = new RecordBatch(this.#sensor.buffer);
    this.#readClocks();
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
    this.#sensor.counters(this.#counters);
    this.#sensor.close();
  }

  counts(type: number): KernelCounts {
    this.#sensor.counters(this.#counters);
    const at = type * COUNTER_WORDS;
    const word = (field: { offset: number }) => this.#counters[at + field.offset / 8]!;
    return {
      attempted: word(counters.attempted),
      submitted: word(counters.submitted),
      filtered: word(counters.filtered),
      ringFull: word(counters.ringFull),
      reserved: word(counters.reserved),
    };
  }

  get ringUsed(): number {
    return this.#sensor.ringUsed();
  }

  forget(pid: number, startLow: number, startHigh: number): void {
    this.#sensor.forget(pid, startLow, startHigh);
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
