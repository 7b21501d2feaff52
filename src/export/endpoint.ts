// SPDX-License-Identifier: Apache-2.0
import net from 'node:net';

/** Settings that cannot mean a receiver: one line that names the setting and what is wrong with it. */
export class EndpointError extends Error {
  override readonly name = 'EndpointError';
}

/** Where to connect to. */
export type Address =
  | { readonly host: string; readonly port: number; readonly socketPath?: undefined }
  | { readonly socketPath: string };

/** An endpoint, understood but not completed: what it leaves out depends on the protocol. */
export interface Endpoint {
  /** Absent: not said. */
  readonly scheme?: 'http' | 'https' | 'unix';
  /** As in a URL: IPv6 in brackets. Empty for unix sockets. */
  readonly hostname: string;
  /** 0 = not said. */
  readonly port: number;
  /** Path and query, `/` at least; that of the socket for `unix`. */
  readonly path: string;
}

/**
 * Reads `http://host:port/path`, `https://…`, `unix:///path` or `host:port`.
 *
 * @param setting what the error message names
 * @throws EndpointError
 */
export function parseEndpoint(text: string, setting: string): Endpoint {
  const fail = (why: string) =>
    new EndpointError(`${setting} "${text}": ${why}; expected for example http://localhost:4317`);
  const [, scheme, rest = ''] = /^(?:([a-z][a-z0-9+.-]*):\/\/)?(.*)$/is.exec(text.trim()) ?? [];
  const known = scheme?.toLowerCase();
  if (known === 'unix') {
    if (!rest.startsWith('/')) throw fail('a unix socket needs an absolute path (unix:///run/otel.sock)');
    return { scheme: 'unix', hostname: '', port: 0, path: rest };
  }
  if (known !== undefined && known !== 'http' && known !== 'https') throw fail(`unknown scheme ${scheme}://`);
  let url: URL;
  try {
    // Parsed as http, whose own default port is put back below: https would swallow an explicit ":443".
    url = new URL(`http://${rest}`);
  } catch {
    throw fail('not a URL');
  }
  if (url.username !== '' || url.password !== '')
    // Without the text: it holds a secret.
    throw new EndpointError(
      `${setting}: credentials belong into OTEL_EXPORTER_OTLP_HEADERS; expected for example http://localhost:4317`,
    );
  if (url.port === '0') throw fail('port 0');
  const explicit = url.port || (/^[^/?#]*:0*80(?:[/?#]|$)/.test(rest) ? '80' : '0');
  return {
    ...(known !== undefined && { scheme: known }),
    hostname: url.hostname,
    port: Number(explicit),
    path: `${url.pathname}${url.search}`,
  };
}

/** `[::1]` → `::1`: what connect and certificates know. */
export const bareHost = (hostname: string): string => hostname.replace(/^\[(.*)\]$/, '$1');

/** Whether a host name or address always means this host. */
export function isLoopback(hostname: string): boolean {
  const host = bareHost(hostname).toLowerCase();
  if (host === 'localhost' || host.endsWith('.localhost')) return true;
  return net.isIP(host) !== 0 && LOOPBACK.check(host, net.isIPv6(host) ? 'ipv6' : 'ipv4');
}

const LOOPBACK = new net.BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8);
LOOPBACK.addAddress('::1', 'ipv6');
