// SPDX-License-Identifier: Apache-2.0
import type { Hooked, HookReport } from './sensor.ts';

/** A: hooks on kernel functions by BPF trampolines. B: tracepoints, and the exit of system calls. */
export type Tier = 'A' | 'B';

/** The program whose attachment lets system calls be watched (ebpf/programs/syscall-exit.bpf.c). */
const SYSCALLS = 'syscall_exit';

/** Which programs see which events: it changes when an event's programs of tier A turn out not to load. */
export class Tiers {
  readonly #trampolines: boolean;
  /** Event types that fell back to B although trampolines load. */
  readonly #fallen = new Set<number>();
  /** Variants that turned out not to load. */
  readonly #absent = new Set<string>();

  /** `trampolines`: whether programs of tier A are tried at all. */
  constructor(trampolines: boolean) {
    this.#trampolines = trampolines;
  }

  of({ type, programs }: Hooked): Tier {
    return this.#trampolines &&
      (programs.A !== undefined || programs.B === undefined) &&
      !this.#fallen.has(type)
      ? 'A'
      : 'B';
  }

  /** One word for the start line: how the events that depend on it are seen. */
  summary(events: readonly Hooked[]): Tier | 'A+B' {
    const tiers = new Set(
      events.filter(({ programs }) => programs.A ?? programs.B).map((event) => this.of(event)),
    );
    if (tiers.size === 2) return 'A+B';
    return [...tiers][0] ?? (this.#trampolines ? 'A' : 'B');
  }

  /** The programs of these events, each once; `common` run whatever events are on. */
  programs(events: readonly Hooked[], common: readonly string[]): readonly string[] {
    const names = new Set(common);
    for (const event of events) for (const name of this.#own(event)) names.add(name);
    if (names.has(SYSCALLS)) {
      for (const event of events)
        if (this.of(event) === 'B') for (const name of event.programs.alongSyscalls ?? []) names.add(name);
    }
    return [...names];
  }

  /**
   * Takes the next variant of a program that is not there, and lets each event fall back to B when one of its programs of
   * tier A is not.
   *
   * @returns whether any did, so that {@link programs} gives others now
   */
  fall(events: readonly Hooked[], hooks: readonly HookReport[]): boolean {
    const missing = new Set(hooks.filter(({ error }) => error !== '').map(({ program }) => program));
    const before = this.#fallen.size + this.#absent.size;
    for (const event of events) {
      const { A = [], B, optional = [], variants = [] } = event.programs;
      for (const name of variants.flat()) if (missing.has(name)) this.#absent.add(name);
      const own = this.#own(event);
      const isLost = A.some((name) => own.includes(name) && missing.has(name) && !optional.includes(name));
      if (B !== undefined && this.of(event) === 'A' && isLost) this.#fallen.add(event.type);
    }
    return this.#fallen.size + this.#absent.size > before;
  }

  /** Of all hooks those that see this event. */
  hooksOf(event: Hooked, hooks: readonly HookReport[]): readonly HookReport[] {
    const own = new Set([...this.#own(event), ...(event.programs.alongSyscalls ?? [])]);
    return hooks.filter(({ program }) => own.has(program));
  }

  #own(event: Hooked): readonly string[] {
    const { always = [], A = [], B = [], variants = [] } = event.programs;
    // Tried one after the other: a program that does not load costs the loading of all others once more.
    const others = variants.flatMap((group) => {
      const chosen = group.find((name) => !this.#absent.has(name)) ?? group[0];
      return group.filter((name) => name !== chosen);
    });
    return [...always, ...(this.of(event) === 'A' ? A : B)].filter((name) => !others.includes(name));
  }
}

/** Leaves out the programs that are not there and whose absence is no loss. */
export function withoutOptional(
  hooks: readonly HookReport[],
  events: readonly Hooked[],
): readonly HookReport[] {
  const optional = new Set(events.flatMap(({ programs }) => programs.optional ?? []));
  return hooks.filter(({ program, error }) => error === '' || !optional.has(program));
}
