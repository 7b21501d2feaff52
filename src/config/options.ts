// SPDX-License-Identifier: Apache-2.0
import type { Option } from './option.ts';
import { EXPORT } from './options/export.ts';
import { RUNNING } from './options/running.ts';
import { WATCH } from './options/watch.ts';

export type { Command, EventNames } from './option.ts';

/** Every option: parsing, `--help`, completion, the configuration file and docs/configuration.md are made of this. */
export const OPTIONS = { ...EXPORT, ...WATCH, ...RUNNING } as const;

export type OptionName = keyof typeof OPTIONS;
type Parsed<O> = O extends Option<infer T> ? T : never;

/** The value of every option; `undefined` where it has no default and was not given. Times in ms, sizes in bytes. */
export type OptionValues = { readonly [K in OptionName]: Parsed<(typeof OPTIONS)[K]> };

export const OPTION_NAMES = Object.keys(OPTIONS) as readonly OptionName[];

/** The table's rows without their types of value, for whoever treats all of them alike. */
export const optionOf = (name: OptionName): Option<unknown> => OPTIONS[name] as Option<unknown>;

/** `ringSize` → `--ring-size` */
export const flagOf = (name: OptionName): string =>
  `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** `ringSize` → `AGENTSMITH_RING_SIZE`; what is asked once has no variable. */
export const variableOf = (name: OptionName): string | undefined =>
  ['help', 'version', 'check', 'pid', 'watch'].includes(name)
    ? undefined
    : `AGENTSMITH_${flagOf(name).slice(2).replaceAll('-', '_').toUpperCase()}`;

/** `ringSize` → `ring_size`: its key under `distribution.agentsmith`, where the standard has no place for it. */
export const keyOf = (name: OptionName): string => flagOf(name).slice(2).replaceAll('-', '_');

/** The options that have a key under `distribution.agentsmith`. */
export const OWN_KEYS: ReadonlyMap<string, OptionName> = new Map(
  OPTION_NAMES.filter((name) => !optionOf(name).once && optionOf(name).place === undefined).map((name) => [
    keyOf(name),
    name,
  ]),
);
