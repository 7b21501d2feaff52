// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from 'node:util';
import type { CommandLine, Settings } from '../config/command-line.ts';
import { flagOf, OPTION_NAMES, type OptionName, optionOf } from '../config/options.ts';
import { log, setLogLevel } from '../log.ts';

/** What another reading of the settings changes. */
export interface Changes {
  readonly applied: readonly OptionName[];
  /** One line each, with what it would take. */
  readonly refused: readonly string[];
  /** The old settings with what can change of the new ones. */
  readonly settings: Settings;
}

/** Parts of the settings that are made of several options. */
const WHOLES = { receivers: 'the receiver', attributes: 'the Resource' } as const;

/** Compares two readings of the settings. */
export function changesOf(before: CommandLine, after: CommandLine): Changes {
  const applied: OptionName[] = [];
  const refused: string[] = [];
  const values: Record<string, unknown> = {};
  const differ = (name: keyof Settings) => !isDeepStrictEqual(before.settings[name], after.settings[name]);
  for (const name of OPTION_NAMES) {
    const of = name as keyof Settings;
    if (!differ(of)) continue;
    if (optionOf(name).reloads) {
      applied.push(name);
      values[of] = after.settings[of];
    } else refused.push(`${nameOf(name, after)} needs a restart: it is fixed when the agent starts`);
  }
  for (const [of, what] of Object.entries(WHOLES) as [keyof typeof WHOLES, string][])
    if (differ(of)) refused.push(`${what} changed, which needs a restart: it is fixed when the agent starts`);
  return { applied, refused, settings: { ...before.settings, ...values } as Settings };
}

/** As the user wrote it: where it was set, or its flag. */
function nameOf(name: OptionName, { origins }: CommandLine): string {
  const origin = origins.get(name)!;
  return origin.rank === 0 ? `${flagOf(name).slice(2)} (now its default)` : origin.name;
}

/** Reads the settings again at each SIGHUP and applies what can change. Returns what ends that. */
export function onHangup(
  line: CommandLine,
  reread: () => Promise<CommandLine>,
  apply: (settings: Settings, before: Settings) => void,
): () => void {
  let current = line;
  let reading = Promise.resolve();
  const reload = async () => {
    try {
      const next = await reread();
      const { applied, refused, settings } = changesOf(current, next);
      for (const warning of next.warnings) log.warn(warning);
      for (const reason of refused) log.warn(`SIGHUP: ${reason}`);
      // Only log-level needs nobody else; the rest is one step.
      if (applied.some((name) => name !== 'logLevel')) apply(settings, current.settings);
      if (applied.includes('logLevel')) setLogLevel(settings.logLevel);
      current = { ...next, settings };
      const names = applied.map((name) => flagOf(name).slice(2));
      log.info(
        names.length > 0 ? `SIGHUP: changed ${names.join(', ')}` : 'SIGHUP: nothing that can change did',
      );
    } catch (error) {
      log.error(`SIGHUP: ${(error as Error).message}; everything stays as it is`);
    }
  };
  // One after the other: two signals may come while one file is read.
  const onSignal = () => {
    reading = reading.then(reload);
  };
  process.on('SIGHUP', onSignal);
  return () => process.off('SIGHUP', onSignal);
}
