// SPDX-License-Identifier: Apache-2.0
import { oneOf } from './values.ts';

/** What the program can do, with the argument it takes and a line for `--help`. */
export const COMMANDS = {
  run: { argument: undefined, about: 'print what happens on this host, or send it to a Collector (default)' },
  doctor: { argument: undefined, about: 'check kernel, permissions, hooks and receiver; say what to do' },
  record: { argument: 'FILE', about: 'write raw events to FILE (with every secret: mode 0600)' },
  replay: { argument: 'FILE', about: 'run a recording through everything behind the kernel; needs no root' },
} as const;

export type Command = keyof typeof COMMANDS;

/** In the order of `--help`. */
export const GROUPS = ['Export', 'Events', 'Filtering', 'Performance', 'Diagnostics'] as const;

/** The names that `--events` knows: src/events is further along the path, so they are passed in. */
export interface EventNames {
  readonly known: readonly string[];
  readonly defaults: readonly string[];
}

/** One option. Its key names it everywhere: `ringSize` is --ring-size and AGENTSMITH_RING_SIZE. */
export interface Option<T> {
  readonly group: (typeof GROUPS)[number];
  readonly commands: readonly Command[];
  readonly help: string;
  /** How the value is called in `--help`; a switch has none. */
  readonly value?: string;
  readonly short?: string;
  /** What the flag means without a value, where it may stand so. */
  readonly bare?: string;
  /** The default, as a user would write it. */
  readonly initial?: string;
  /** The default in words, where it depends on something. */
  readonly initially?: string;
  /** Another variable that says the same; it comes after AGENTSMITH_*, and a wrong value is only warned of. */
  readonly also?: { readonly name: string; readonly toText: (value: string) => string };
  /** @throws UsageError */
  readonly parse: (text: string, events: EventNames) => T;
}

/** An option with a default. */
export const setting = <T>(
  option: Option<T> & { readonly value: string; readonly initial: string },
): Option<T> => option;
/** An option without one: `undefined` when it is not given. */
export const optional = <T>(option: Option<T> & { readonly value: string }): Option<T | undefined> => option;
/** A switch. */
export const flag = (option: Omit<Option<boolean>, 'parse' | 'initial'>): Option<boolean> => ({
  ...option,
  initial: 'false',
  parse: (text) => ['true', '1', 'yes'].includes(oneOf(text, ['true', 'false', '1', '0', 'yes', 'no'])),
});
