// SPDX-License-Identifier: Apache-2.0
import type { FileSettings } from './file-settings.ts';
import type { EventNames } from './option.ts';
import { flagOf, type OptionName, optionOf, variableOf } from './options.ts';
import type { Pairs } from './pairs.ts';
import type { Environment } from './receiver-settings.ts';
import { UsageError } from './usage-error.ts';

/** What wins over what: a larger rank wins. The configuration file and OTEL_* variables are never read together. */
export const Rank = { DEFAULT: 0, STANDARD: 1, OWN_VARIABLE: 2, FLAG: 3 } as const;
export type Rank = (typeof Rank)[keyof typeof Rank];

/** Where a value comes from. */
export interface Origin {
  readonly rank: Rank;
  /** `--ring-size`, `AGENTSMITH_RING_SIZE`, `OTEL_LOG_LEVEL`, `config.yaml: log_level`, `default` */
  readonly name: string;
}

/** A value as one source says it. */
export interface Found {
  readonly origin: Origin;
  readonly value: unknown;
}

/** Everything that settings are read from. */
export interface Sources {
  readonly flags: ReadonlyMap<OptionName, readonly string[]>;
  readonly env: Environment;
  readonly file: FileSettings | undefined;
  readonly events: EventNames;
  warn(line: string): void;
}

const DEFAULT: Origin = { rank: Rank.DEFAULT, name: 'default' };

/** What each source says of an option, the one that wins first, the default last. @throws UsageError */
export function* foundIn(name: OptionName, sources: Sources): Generator<Found> {
  const { flags, env, file, events } = sources;
  const { initial, parse, each, join } = optionOf(name);
  const found = (rank: Rank, source: string, read: () => unknown): Found => {
    try {
      return { origin: { rank, name: source }, value: read() };
    } catch (error) {
      throw new UsageError(`${source}: ${(error as Error).message}`);
    }
  };
  const given = flags.get(name);
  if (given !== undefined) {
    yield found(Rank.FLAG, flagOf(name), () =>
      each && join ? join(given.map((text) => each(text, events))) : parse(given.at(-1)!, events),
    );
  }
  const variable = variableOf(name);
  // An empty variable is as good as none (OpenTelemetry's rule for its own).
  if (variable !== undefined && env[variable]) {
    yield found(Rank.OWN_VARIABLE, variable, () => parse(env[variable]!, events));
  }
  const inFile = file?.values.get(name);
  if (inFile) yield found(Rank.STANDARD, `${file!.name}: ${inFile.at}`, () => parse(inFile.text, events));
  yield* standard(name, sources);
  yield { origin: DEFAULT, value: initial === undefined ? undefined : parse(initial, events) };
}

/** What OpenTelemetry's own variables say; a mistake there is told and does not end the program. */
function* standard(name: OptionName, { env, file, events, warn }: Sources): Generator<Found> {
  const { also = [], parse } = optionOf(name);
  for (const variable of also) {
    const text = env[variable.name];
    if (!text || (file && isOpenTelemetrys(variable.name))) continue;
    try {
      const own = variable.toText
        ? variable.toText(text, (line) => warn(`${variable.name}: ${line}`))
        : text.trim();
      if (own === undefined) continue;
      yield { origin: { rank: Rank.STANDARD, name: variable.name }, value: parse(own, events) };
    } catch (error) {
      warn(`${variable.name}: ${(error as Error).message.replace(/; all of it is ignored$/, '')}; ignored`);
    }
  }
}

const isOpenTelemetrys = (variable: string): boolean => variable.startsWith('OTEL_');

/** The first of what is found. */
export function winner(name: OptionName, sources: Sources): Found {
  return foundIn(name, sources).next().value!;
}

/** One pair of names and values that several sources add to. */
export interface Layer {
  readonly origin: Origin;
  readonly pairs: Pairs;
}

/** What every source says of an option that collects pairs, the one that wins last. */
export function layers(name: 'header' | 'resource', sources: Sources): Layer[] {
  return [...foundIn(name, sources)]
    .filter(({ value }) => value !== undefined)
    .map(({ origin, value }) => ({ origin, pairs: value as Pairs }))
    .reverse();
}
