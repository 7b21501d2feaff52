// SPDX-License-Identifier: Apache-2.0
import type { FileReceiver, FileSettings } from './file-settings.ts';
import type { OptionName } from './options.ts';
import type { ReceiverOverrides, Signal } from './receiver-settings.ts';
import { layers, Rank, type Sources, winner } from './sources.ts';

const NAMED = ['protocol', 'endpoint', 'compression', 'insecure', 'ca', 'cert', 'key'] as const;

/** What flags and AGENTSMITH_* say of the receiver. */
export function overrides(sources: Sources): ReceiverOverrides {
  const own: Sources = { ...sources, file: undefined };
  const of = (name: OptionName) => {
    const { origin, value } = winner(name, own);
    return origin.rank >= Rank.OWN_VARIABLE ? { name: origin.name, value } : undefined;
  };
  const named = NAMED.map((name) => [name, of(name)] as const).filter(([, value]) => value !== undefined);
  const timeout = of('timeout');
  const headers = Object.assign({}, ...layers('header', own).map(({ pairs }) => pairs)) as Record<
    string,
    string
  >;
  return {
    ...(Object.fromEntries(named) as ReceiverOverrides),
    ...(timeout && { timeoutMillis: timeout.value as number }),
    ...(Object.keys(headers).length > 0 && { headers }),
  };
}

/** What the file says of a signal's receiver. */
export function fileReceiver(file: FileSettings, signal: Signal): FileReceiver | undefined {
  return signal === 'LOGS' ? file.logs : file.metrics;
}
