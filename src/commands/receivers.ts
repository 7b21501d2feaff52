// SPDX-License-Identifier: Apache-2.0
import type { Settings } from '../config/command-line.ts';
import { receiverSettings, type Signal } from '../config/receiver-settings.ts';
import { openable, protocolName, type Receiver } from '../export/receiver.ts';
import { log } from '../log.ts';

/** Where logs and metrics go, by flags and variables. @throws UsageError, EndpointError */
export function receivers(settings: Settings): { readonly logs: Receiver; readonly metrics: Receiver } {
  const { endpoint } = settings;
  const given = endpoint === undefined ? {} : { endpoint: { name: '--endpoint', value: endpoint } };
  // A general variable is told of once, though both signals read it.
  const told = new Set<string>();
  const warn = (line: string) => {
    if (!told.has(line)) log.warn(line);
    told.add(line);
  };
  const of = (signal: Signal) =>
    openable(receiverSettings(signal, process.env, given, warn), { tell: (line) => log.info(line) });
  return { logs: of('LOGS'), metrics: of('METRICS') };
}

/** Where records go, for people: `http://localhost:4318/v1/logs (OTLP/HTTP, compression none)`. */
export function receiverWords({ url, protocol, compression, proxy }: Receiver): string {
  const through = proxy === undefined ? '' : `, through ${proxy.url}`;
  return `${url} (${protocolName(protocol)}, compression ${compression}${through})`;
}
