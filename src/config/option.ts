// SPDX-License-Identifier: Apache-2.0
import { UsageError } from './usage-error.ts';
import { oneOf } from './values.ts';

/** What the program can do, with the argument it takes and a line for `--help`. */
export const COMMANDS = {
  run: { argument: undefined, about: 'print what happens on this host, or send it to a Collector (default)' },
  doctor: { argument: undefined, about: 'check kernel, permissions, hooks and receiver; say what to do' },
  config: { argument: undefined, about: 'print every setting with where it comes from; secrets are hidden' },
  record: { argument: 'FILE', about: 'write raw events to FILE (with every secret: mode 0600)' },
  replay: { argument: 'FILE', about: 'run a recording through everything behind the kernel; needs no root' },
  status: {
    argument: undefined,
    about: 'what a running agent counts: events, losses, receiver, time of hooks',
  },
  watch: {
    argument: undefined,
    about:
      'a live table of the processes that do something, and what happened last; lines where there is no terminal',
  },
  completion: { argument: 'bash|zsh|fish', about: 'print a script that completes our flags in that shell' },
} as const;

export type Command = keyof typeof COMMANDS;

/** In the order of `--help`. */
export const GROUPS = ['Export', 'Events', 'Filtering', 'Performance', 'Diagnostics'] as const;

/** The names that `--events` knows: src/events is further along the path, so they are passed in. */
export interface EventNames {
  readonly known: readonly string[];
  readonly defaults: readonly string[];
}

/** A variable of OpenTelemetry (or of everybody) that says the same as an option. */
export interface StandardVariable {
  readonly name: string;
  /**
   * The value as the option would be written, where that differs; undefined = it says nothing that counts. `warn` takes
   * a line about what is left out of it. @throws UsageError
   */
  readonly toText?: (value: string, warn: (line: string) => void) => string | undefined;
}

/** One option. Its key names it everywhere: `ringSize` is --ring-size, AGENTSMITH_RING_SIZE and ring_size. */
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
  /** Other variables that say the same; they come after AGENTSMITH_*, and a wrong value is only warned of. */
  readonly also?: readonly StandardVariable[];
  /** Its place in OpenTelemetry's configuration file; without one it stands under `distribution.agentsmith`. */
  readonly place?: string;
  /** No place in a configuration file: it belongs to one call of the program. */
  readonly once?: true;
  /** It can change while the agent runs (SIGHUP). */
  readonly reloads?: true;
  /** The flag may come several times; this reads one of them, `parse` what a variable says of all together. */
  readonly each?: (text: string, events: EventNames) => T;
  /** Makes one value of several. */
  readonly join?: (values: readonly T[]) => T;
  /** What a weaker source says is added to, not replaced. */
  readonly adds?: true;
  /** What stands between several in a variable; a comma by default. */
  readonly separator?: string;
  /** As it may be shown. */
  readonly show?: (value: T) => string;
  /** @throws UsageError */
  readonly parse: (text: string, events: EventNames) => T;
}

/** An option with a default. */
export const setting = <T>(
  option: Option<T> & { readonly value: string; readonly initial: string },
): Option<T> => option;
/** An option without one: `undefined` when it is not given. */
export const optional = <T>(option: Option<T> & { readonly value: string }): Option<T | undefined> =>
  option as Option<T | undefined>;
/** A switch. */
export const flag = (option: Omit<Option<boolean>, 'parse' | 'initial'>): Option<boolean> => ({
  ...option,
  initial: 'false',
  parse: truth,
});

/** Yes or no, as people write it. @throws UsageError */
export function truth(text: string): boolean {
  return ['true', '1', 'yes'].includes(oneOf(text, ['true', 'false', '1', '0', 'yes', 'no']));
}

/** A variable in milliseconds, as OpenTelemetry writes times; `zero` is what 0 means. */
export const milliseconds = (name: string, zero: string): StandardVariable => ({
  name,
  toText: (text) => fromMilliseconds(text, zero),
});

/** @throws UsageError */
export function fromMilliseconds(text: string, zero: string): string {
  const number = /^\d{1,15}(?:\.\d+)?$/.test(text.trim()) ? Number(text) : Number.NaN;
  if (Number.isNaN(number)) throw new UsageError(`"${text}" is no number of milliseconds`);
  return number === 0 ? zero : `${Math.max(1, Math.round(number))}ms`;
}

/** What 0 means for a bound: none, or nearly so. */
export const NO_LIMIT = '24d';

/** A list of words of which some are not for us: they are told and left out. */
export const wordsOf = (
  name: string,
  known: readonly string[],
  reasonOf: (word: string) => string,
): StandardVariable => ({
  name,
  toText: (text, warn) => {
    const words = text
      .split(',')
      .map((word) => word.trim())
      .filter((word) => word !== '');
    const kept = words.filter((word) => known.includes(word));
    for (const word of words) if (!known.includes(word)) warn(`${word}: ${reasonOf(word)}`);
    return kept.length === 0 ? undefined : kept.join(',');
  },
});

/** Where an option has a meaning. */
export const EVERYWHERE: readonly Command[] = ['run', 'doctor', 'config', 'record', 'replay', 'watch'];
export const KERNEL: readonly Command[] = ['run', 'doctor', 'config', 'record', 'watch'];
export const STREAM: readonly Command[] = ['run', 'config', 'record', 'replay', 'watch'];
export const RECORDS: readonly Command[] = ['run', 'config', 'replay'];
export const RECEIVER: readonly Command[] = ['run', 'doctor', 'config', 'replay'];
