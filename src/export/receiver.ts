// SPDX-License-Identifier: Apache-2.0
import type { Environment, Named, Protocol, ReceiverSettings, Signal } from '../config/receiver-settings.ts';
import { Certificates } from './certificates.ts';
import type { Compression } from './compression.ts';
import { type Address, bareHost, type Endpoint, isLoopback, parseEndpoint } from './endpoint.ts';
import { type HttpProxy, proxyFor } from './proxy.ts';

/** One signal's OTLP receiver: where it is, how it is reached and trusted, and what goes along with each request. */
export interface Receiver {
  readonly signal: Signal;
  readonly protocol: Protocol;
  /** As messages and metrics name it: `https://host:port`, with the path for HTTP; `unix:///path`. */
  readonly url: string;
  readonly address: Address;
  /** Over HTTP: path and query of the request. */
  readonly path: string;
  /** `host:port`, as requests name the receiver. */
  readonly authority: string;
  /** Whether it is spoken to over TLS. */
  readonly secure: boolean;
  /** Absent: the built-in certificates are trusted, and we show none. */
  readonly certificates?: Certificates;
  readonly proxy?: HttpProxy;
  readonly headers: Readonly<Record<string, string>>;
  /** The time of one attempt. */
  readonly timeoutMillis: number;
  readonly compression: Compression;
}

/** What beside settings decides about a receiver. */
export interface Surroundings {
  /** For the proxy variables. */
  readonly env?: Environment;
  /** Gets one line for each thing that the settings did not say and that was chosen, or that has no effect. */
  readonly tell?: (line: string) => void;
}

/** Where receivers listen (the OTLP specification). */
const GRPC_PORT = 4317;
const HTTP_PORT = 4318;
const HTTP_PATHS: Readonly<Record<Signal, string>> = { LOGS: '/v1/logs', METRICS: '/v1/metrics' };
const SCHEMES = { http: false, https: true } as const;

/**
 * Completes what settings say to a receiver that can be connected to: protocol, URL, proxy; reads the certificates.
 *
 * Without a scheme, plaintext goes only to this host: OTLP's own default is TLS. Without a port: 443 for https://,
 * else the protocol's own.
 *
 * @throws EndpointError one line that names the setting
 */
export function openable(
  settings: ReceiverSettings,
  { env = process.env, tell }: Surroundings = {},
): Receiver {
  const { signal, headers, timeoutMillis } = settings;
  // What is said is said for both signals at once.
  const say = (line: string) => (signal === 'LOGS' ? tell?.(line) : undefined);
  const setting = settings.endpoint ?? { name: 'endpoint', value: 'localhost' };
  const endpoint = parseEndpoint(setting.value, setting.name);
  const protocol = settings.protocol?.value ?? guessProtocol(setting, endpoint, say);
  const isSecure =
    endpoint.scheme === 'unix'
      ? false
      : endpoint.scheme === undefined
        ? !(settings.insecure?.value ?? isLoopback(endpoint.hostname))
        : SCHEMES[endpoint.scheme];
  const files = [settings.ca, settings.cert, settings.key].filter((file) => file !== undefined);
  if (!isSecure && files.length > 0)
    say(`${files[0]!.name} has no effect: ${setting.value} is spoken to without TLS`);
  const where =
    protocol === 'grpc' ? grpc(endpoint, isSecure, setting, say) : http(endpoint, isSecure, settings);
  const { address } = where;
  const isLocal = address.socketPath !== undefined || isLoopback(address.host);
  const proxy =
    address.socketPath === undefined ? proxyFor(address.host, address.port, isSecure, env) : undefined;
  return {
    signal,
    protocol,
    ...where,
    secure: isSecure,
    ...(isSecure && files.length > 0 && { certificates: new Certificates(settings) }),
    ...(proxy && { proxy }),
    headers,
    timeoutMillis,
    compression: settings.compression?.value ?? (isLocal ? 'none' : 'gzip'),
  };
}

/** Whether logs and metrics can share a gRPC connection. */
export function isSameReceiver(a: Receiver, b: Receiver): boolean {
  if (a.protocol !== 'grpc' || b.protocol !== 'grpc' || a.url !== b.url) return false;
  if (a.certificates === undefined || b.certificates === undefined) return a.certificates === b.certificates;
  return a.certificates.equals(b.certificates);
}

/** The protocol in words: `OTLP/gRPC`. */
export const protocolName = (protocol: Protocol): string =>
  ({ grpc: 'OTLP/gRPC', 'http/protobuf': 'OTLP/HTTP', 'http/json': 'OTLP/HTTP with JSON' })[protocol];

function guessProtocol(setting: Named<string>, { port }: Endpoint, say: (line: string) => void): Protocol {
  if (port !== HTTP_PORT) return 'grpc';
  say(
    `${setting.name}: port ${HTTP_PORT} means OTLP/HTTP (http/protobuf); OTEL_EXPORTER_OTLP_PROTOCOL=grpc says otherwise`,
  );
  return 'http/protobuf';
}

type Where = Pick<Receiver, 'url' | 'address' | 'path' | 'authority'>;

function unix(socketPath: string, path: string): Where {
  return { url: `unix://${socketPath}`, address: { socketPath }, path, authority: 'localhost' };
}

function grpc(
  { scheme, hostname, port, path }: Endpoint,
  isSecure: boolean,
  setting: Named<string>,
  say: (line: string) => void,
): Where {
  if (scheme === 'unix') return unix(path, '');
  if (path !== '/') say(`${setting.name} "${setting.value}": OTLP/gRPC has no path, it is ignored`);
  const chosen = port || (scheme === 'https' ? 443 : GRPC_PORT);
  const authority = `${hostname}:${chosen}`;
  return {
    url: `${isSecure ? 'https' : 'http'}://${authority}`,
    address: { host: bareHost(hostname), port: chosen },
    path: '',
    authority,
  };
}

function http(
  { scheme, hostname, port, path }: Endpoint,
  isSecure: boolean,
  { signal, isSignalEndpoint }: ReceiverSettings,
): Where {
  if (scheme === 'unix') return unix(path, HTTP_PATHS[signal]);
  const plain = isSignalEndpoint && scheme !== undefined ? 80 : HTTP_PORT;
  const chosen = port || (scheme === 'https' ? 443 : plain);
  const [before = '', query] = path.split('?', 2);
  const whole = isSignalEndpoint
    ? path
    : `${before.replace(/\/+$/, '')}${HTTP_PATHS[signal]}${query === undefined ? '' : `?${query}`}`;
  const authority = `${hostname}:${chosen}`;
  return {
    // Without the query: it may hold a key.
    url: `${isSecure ? 'https' : 'http'}://${authority}${whole.split('?', 1)[0]}`,
    address: { host: bareHost(hostname), port: chosen },
    path: whole,
    authority,
  };
}
