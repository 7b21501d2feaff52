// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import type { NativeSensor } from './native.ts';
import type { HookReport } from './sensor.ts';

/** Something about a hook is not as the agent left it, or is again. */
export interface HookChange {
  /** Of ebpf/programs; a change of the programs' settings concerns all of them and has none. */
  readonly program: string | undefined;
  readonly hook: string | undefined;
  readonly cause: 'detached' | 'map_changed' | 'ftrace_disabled' | 'reattached';
}

/** With 0 in it the kernel stops calling what is attached to functions, and says nothing. */
const FTRACE = '/proc/sys/kernel/ftrace_enabled';

/** What hangs on ftrace: trampolines and kprobes; tracepoints and cgroup hooks do not. */
const ON_FUNCTIONS = /^(fentry|fexit|lsm|kprobe)\b/;

/** Notices when somebody with the right to do so takes the agent's hooks away. */
export class Guard {
  readonly #target: Pick<NativeSensor, 'verify'>;
  readonly #readFtrace: () => string;
  #isFtraceOff = false;

  constructor(target: Pick<NativeSensor, 'verify'>, readFtrace = () => readFileSync(FTRACE, 'latin1')) {
    this.#target = target;
    this.#readFtrace = readFtrace;
  }

  /**
   * What has changed since the last call.
   *
   * @param hooks those that should be attached
   * @param attach attaches again what was detached, and gives the hooks as they are then
   */
  check(hooks: readonly HookReport[], attach: () => readonly HookReport[]): readonly HookChange[] {
    const changes: HookChange[] = [];
    const { programs, globals } = this.#target.verify();
    const change = (program: string, cause: HookChange['cause']) =>
      changes.push({ program, hook: hooks.find((hook) => hook.program === program)?.hook, cause });
    for (const program of programs) change(program, 'detached');
    if (globals.length > 0) changes.push({ program: undefined, hook: undefined, cause: 'map_changed' });
    if (programs.length > 0) {
      const now = attach();
      for (const program of programs)
        if (now.some((hook) => hook.program === program && hook.error === '')) change(program, 'reattached');
    }
    const concerned = hooks.filter(({ hook, error }) => error === '' && ON_FUNCTIONS.test(hook));
    if (concerned.length === 0) return changes;
    const isOff = this.#isOff();
    if (isOff !== this.#isFtraceOff)
      for (const { program } of concerned) change(program, isOff ? 'ftrace_disabled' : 'reattached');
    this.#isFtraceOff = isOff;
    return changes;
  }

  #isOff(): boolean {
    try {
      return this.#readFtrace().trim() === '0';
    } catch {
      // Not in this kernel, or not ours to read.
      return false;
    }
  }
}
