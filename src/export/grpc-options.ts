// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { validateHeaderName, validateHeaderValue } from 'node:http';
import tls from 'node:tls';
import { diag } from '@opentelemetry/api';
import { getNumberFromEnv, getStringFromEnv, parseKeyPairsIntoRecord } from '@opentelemetry/core';
import { getSharedConfigurationDefaults } from '@opentelemetry/otlp-exporter-base';
import { OPTIONS } from '../config/options.ts';
import type { Compression } from './grpc-answer.ts';
import type { Receiver } from './grpc-connection.ts';

/** How to reach the OTLP/gRPC receiver of one signal. */
export interface GrpcOptions extends Receiver {
  readonly headers: Readonly<Record<string, string>>;
  /** The time of one attempt. */
  readonly timeoutMillis: number;
  readonly compression: Compression;
}

/** Settings that cannot mean a receiver: one line that names the setting and what is wrong with it. */
export class EndpointError extends Error {
  override readonly name = 'EndpointError';
}

/** The part of a variable's name that selects a signal (OTEL_EXPORTER_OTLP_LOGS_ENDPOINT). */
export type Signal = 'LOGS' | 'METRICS';

/** Where OTLP/gRPC receivers listen, and what `--endpoint` alone means. */
const DEFAULT_ENDPOINT: string = OPTIONS.endpoint.bare!;

/**
 * Reads the OTEL_EXPORTER_OTLP_* variables of a signal; an endpoint given as a flag wins.
 *
 * `convertLegacyOtlpGrpcOptions` does nearly the same, but loads @grpc/grpc-js (12 MB of RSS, 0.1 s), hides the
 * URL's scheme and the certificates inside grpc-js credentials, and calls zstd a mistake. So the variables are
 * read here, with the SDK's own parsers.
 *
 * @throws EndpointError
 */
export function grpcOptions(signal: Signal, endpoint?: string): GrpcOptions {
  const from = (name: string) => fromEnv(signal, name);
  const setting = endpoint === undefined ? from('ENDPOINT') : { name: '--endpoint', value: endpoint };
  const insecure = from('INSECURE')?.value.toLowerCase();
  const url = parseEndpoint(setting?.value ?? DEFAULT_ENDPOINT, setting?.name, insecure);
  return {
    url,
    headers: headersFromEnv(signal),
    timeoutMillis: timeoutFromEnv(signal),
    compression: compressionFromEnv(from('COMPRESSION')) ?? (isLocal(url) ? 'none' : 'gzip'),
    ...(url.startsWith('https:') && certificatesFromEnv(signal)),
  };
}

/** Whether two signals go to the same receiver in the same way, and so can share a connection. */
export function isSameReceiver(a: Receiver, b: Receiver): boolean {
  const same = (x: Buffer | undefined, y: Buffer | undefined) =>
    x === undefined ? y === undefined : y !== undefined && x.equals(y);
  return a.url === b.url && same(a.ca, b.ca) && same(a.cert, b.cert) && same(a.key, b.key);
}

/**
 * Completes an endpoint to `http://host:port`, `https://host:port` or `unix:///path`. Without a scheme, plaintext
 * goes only to this host: OTLP's own default for gRPC is TLS. Without a port: 443 for https://, else 4317.
 *
 * @param insecure OTEL_EXPORTER_OTLP_INSECURE: decides for endpoints without a scheme
 * @throws EndpointError
 */
export function parseEndpoint(text: string, setting = '--endpoint', insecure?: string): string {
  const fail = (why: string) =>
    new EndpointError(`${setting} "${text}": ${why}; expected for example ${DEFAULT_ENDPOINT}`);
  const given = text.trim();
  const [, scheme, rest = ''] = /^(?:([a-z][a-z0-9+.-]*):\/\/)?(.*)$/is.exec(given) ?? [];
  if (scheme?.toLowerCase() === 'unix') {
    if (!rest.startsWith('/')) throw fail('a unix socket needs an absolute path (unix:///run/otel.sock)');
    return `unix://${rest}`;
  }
  let url: URL;
  try {
    // Parsed as http, whose own default port is put back below: https would swallow an explicit ":443".
    url = new URL(`http://${rest}`);
  } catch {
    throw fail('not a URL');
  }
  if (scheme !== undefined && !/^https?$/i.test(scheme)) throw fail(`unknown scheme ${scheme}://`);
  if (url.username !== '' || url.password !== '')
    throw fail('credentials belong into OTEL_EXPORTER_OTLP_HEADERS');
  if (url.port === '0') throw fail('port 0');
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '') {
    diag.warn(`${setting} "${text}": OTLP/gRPC has no path, it is ignored`);
  }
  const plaintext =
    scheme === undefined
      ? insecure === 'true' || (insecure !== 'false' && isLoopback(url.hostname))
      : /^http$/i.test(scheme);
  const explicitPort = url.port || (/:0*80(?:[/?#]|$)/.test(rest) ? '80' : undefined);
  const port = explicitPort ?? (scheme !== undefined && !plaintext ? '443' : '4317');
  return `${plaintext ? 'http' : 'https'}://${url.hostname}:${port}`;
}

export function isLocal(url: string): boolean {
  return url.startsWith('unix:') || isLoopback(new URL(url).hostname);
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

interface Setting {
  readonly name: string;
  readonly value: string;
}

function fromEnv(signal: Signal, what: string): Setting | undefined {
  for (const name of [`OTEL_EXPORTER_OTLP_${signal}_${what}`, `OTEL_EXPORTER_OTLP_${what}`]) {
    const value = getStringFromEnv(name)?.trim();
    if (value !== undefined) return { name, value };
  }
  return undefined;
}

function headersFromEnv(signal: Signal): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const variable of ['OTEL_EXPORTER_OTLP_HEADERS', `OTEL_EXPORTER_OTLP_${signal}_HEADERS`]) {
    for (const [name, value] of Object.entries(parseKeyPairsIntoRecord(getStringFromEnv(variable)))) {
      try {
        validateHeaderName(name);
        validateHeaderValue(name, value);
      } catch {
        // Without the value: it is likely a secret.
        throw new EndpointError(
          `${variable}: "${name}" is no valid header name, or its value no valid header value`,
        );
      }
      headers[name.toLowerCase()] = value;
    }
  }
  return headers;
}

function timeoutFromEnv(signal: Signal): number {
  for (const name of [`OTEL_EXPORTER_OTLP_${signal}_TIMEOUT`, 'OTEL_EXPORTER_OTLP_TIMEOUT']) {
    const value = getNumberFromEnv(name);
    if (value === undefined) continue;
    if (value > 0 && value < 2 ** 31) return value;
    diag.warn(`${name}=${value} is no number of milliseconds greater than 0: ignored`);
  }
  return getSharedConfigurationDefaults().timeoutMillis;
}

function compressionFromEnv(setting: Setting | undefined): Compression | undefined {
  const value = setting?.value;
  if (value === undefined || value === 'none' || value === 'gzip' || value === 'zstd') return value;
  diag.warn(`${setting?.name}=${value} is none of none, gzip, zstd: ignored`);
  return undefined;
}

/** What the SDK only warns of is an error here: without the CA that was asked for, other receivers are trusted. */
function certificatesFromEnv(signal: Signal): Pick<Receiver, 'ca' | 'cert' | 'key'> {
  const read = (what: string): Buffer | undefined => {
    const setting = fromEnv(signal, what);
    if (setting === undefined) return undefined;
    try {
      return readFileSync(setting.value);
    } catch (error) {
      throw new EndpointError(
        `${setting.name}: cannot read ${setting.value} (${(error as NodeJS.ErrnoException).code})`,
      );
    }
  };
  const ca = read('CERTIFICATE');
  const cert = read('CLIENT_CERTIFICATE');
  const key = read('CLIENT_KEY');
  if ((cert === undefined) !== (key === undefined)) {
    throw new EndpointError(
      'OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_CLIENT_KEY are needed together',
    );
  }
  const files = { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
  try {
    tls.createSecureContext(files);
  } catch (error) {
    throw new EndpointError(
      `OTEL_EXPORTER_OTLP_*CERTIFICATE/CLIENT_KEY: not usable PEM files (${(error as Error).message})`,
    );
  }
  return files;
}
