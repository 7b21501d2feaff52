// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import tls from 'node:tls';
import type { Named, ReceiverSettings } from '../config/receiver-settings.ts';
import { EndpointError, type GrpcOptions, isLocal, parseEndpoint } from './grpc-options.ts';

/** Completes what settings say to a receiver that can be connected to. @throws EndpointError */
export function openable(settings: ReceiverSettings): GrpcOptions {
  const { endpoint, protocol, insecure, ca, cert, key, headers, timeoutMillis, compression } = settings;
  if (protocol && protocol.value !== 'grpc')
    throw new EndpointError(`${protocol.name}: ${protocol.value} is not there yet; grpc is`);
  const url = parseEndpoint(
    endpoint?.value ?? 'http://localhost:4317',
    endpoint?.name,
    insecure === undefined ? undefined : `${insecure.value}`,
  );
  if ((cert === undefined) !== (key === undefined))
    throw new EndpointError(`${(cert ?? key)!.name}: certificate and key are needed together`);
  const files = Object.fromEntries(
    Object.entries({ ca, cert, key })
      .filter(([, file]) => file !== undefined)
      .map(([name, file]) => [name, readPem(file!)]),
  );
  try {
    tls.createSecureContext(files);
  } catch (error) {
    throw new EndpointError(`${(ca ?? cert)!.name}: not usable PEM files (${(error as Error).message})`);
  }
  return {
    url,
    headers,
    timeoutMillis,
    compression: compression?.value ?? (isLocal(url) ? 'none' : 'gzip'),
    ...(url.startsWith('https:') && files),
  };
}

function readPem({ name, value }: Named<string>): Buffer {
  try {
    return readFileSync(value);
  } catch (error) {
    throw new EndpointError(`${name}: cannot read ${value} (${(error as NodeJS.ErrnoException).code})`);
  }
}
