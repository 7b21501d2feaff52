// SPDX-License-Identifier: Apache-2.0
import type { CompressionName, Protocol, ReceiverOverrides } from '../../src/config/receiver-settings.ts';
import { TestCa } from '../support/certificates.ts';
import type { ReceiverOptions } from './receiver.ts';

/** How records travel. */
export interface Way {
  readonly protocol?: Protocol;
  readonly compression?: CompressionName;
  readonly tls?: boolean;
}

/** Both ends of a way. */
export interface Connected {
  readonly sink: ReceiverOptions;
  readonly given: ReceiverOverrides;
  end(): void;
}

const named = <T>(value: T) => ({ name: 'the benchmark', value });

/** Makes certificates where the way wants TLS. @throws without openssl */
export function connected({ protocol = 'grpc', compression = 'none', tls = false }: Way = {}): Connected {
  const given: ReceiverOverrides = { protocol: named(protocol), compression: named(compression) };
  const sink: ReceiverOptions = { protocol: protocol === 'grpc' ? 'grpc' : 'http' };
  if (!tls) return { sink, given, end: () => {} };
  const ca = TestCa.make();
  return {
    sink: { ...sink, tls: ca.issue('IP:127.0.0.1').paths },
    given: { ...given, ca: named(ca.path) },
    end: () => ca.remove(),
  };
}
