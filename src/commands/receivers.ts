// SPDX-License-Identifier: Apache-2.0
import type { ReceiverSettings } from '../config/receiver-settings.ts';
import { openable, protocolName, type Receiver } from '../export/receiver.ts';
import { log } from '../log.ts';

/** A receiver that can be connected to; what was chosen for the user is told. @throws EndpointError */
export function openReceiver(settings: ReceiverSettings): Receiver {
  return openable(settings, { tell: (line) => log.info(line) });
}

/** Where records go, for people: `http://localhost:4318/v1/logs (OTLP/HTTP, compression none)`. */
export function receiverWords({ url, protocol, compression, proxy }: Receiver): string {
  const through = proxy === undefined ? '' : `, through ${proxy.url}`;
  return `${url} (${protocolName(protocol)}, compression ${compression}${through})`;
}
