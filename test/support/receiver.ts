// SPDX-License-Identifier: Apache-2.0
import {
  type Environment,
  type Protocol,
  type ReceiverOverrides,
  receiverSettings,
  type Signal,
} from '../../src/config/receiver-settings.ts';
import { openable, type Receiver } from '../../src/export/receiver.ts';

export interface ReceiverOptions extends Partial<Omit<Receiver, 'protocol'>> {
  readonly protocol?: Protocol;
  /** Paths of PEM files. */
  readonly files?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  /** For the proxy variables. */
  readonly env?: Environment;
}

const named = <T>(name: string, value: T) => ({ name, value });

/** A receiver as the settings make it, with what the test wants otherwise. */
export function receiverAt(url: string, options: ReceiverOptions = {}): Receiver {
  const { signal = 'LOGS' as Signal, protocol = 'grpc', files = {}, env = {}, ...rest } = options;
  const given: ReceiverOverrides = {
    endpoint: named('--endpoint', url),
    protocol: named('--protocol', protocol),
    ...(files.ca !== undefined && { ca: named('OTEL_EXPORTER_OTLP_CERTIFICATE', files.ca) }),
    ...(files.cert !== undefined && { cert: named('OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE', files.cert) }),
    ...(files.key !== undefined && { key: named('OTEL_EXPORTER_OTLP_CLIENT_KEY', files.key) }),
  };
  return { ...openable(receiverSettings(signal, {}, given), { env }), ...rest };
}
