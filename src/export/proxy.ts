// SPDX-License-Identifier: Apache-2.0
import net from 'node:net';
import type { Environment } from '../config/receiver-settings.ts';
import { bareHost, EndpointError, isLoopback } from './endpoint.ts';

/** An HTTP proxy that tunnels to the receiver (CONNECT). */
export interface HttpProxy {
  /** The variable that names it. */
  readonly variable: string;
  /** Without credentials: for messages. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** Whether the proxy itself is spoken to over TLS. */
  readonly secure: boolean;
  /** `Proxy-Authorization`, from the user and password of the URL. */
  readonly authorization?: string;
}

/**
 * The proxy that the environment names for a receiver: HTTPS_PROXY for one with TLS, else HTTP_PROXY, else ALL_PROXY,
 * lower case first as in curl; never for this host, nor for what NO_PROXY lists.
 *
 * @throws EndpointError
 */
export function proxyFor(
  host: string,
  port: number,
  isSecure: boolean,
  env: Environment,
): HttpProxy | undefined {
  const get = (name: string) =>
    [name.toLowerCase(), name].map((each) => ({ name: each, value: env[each]?.trim() })).find((v) => v.value);
  const setting = get(isSecure ? 'HTTPS_PROXY' : 'HTTP_PROXY') ?? get('ALL_PROXY');
  if (setting?.value === undefined || isLoopback(host)) return undefined;
  if (isExempt(host, port, get('NO_PROXY')?.value ?? '')) return undefined;
  return parseProxy(setting.name, setting.value);
}

function parseProxy(variable: string, text: string): HttpProxy {
  let url: URL;
  try {
    url = new URL(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`);
  } catch {
    // Without the text: it may hold a password.
    throw new EndpointError(`${variable} is no URL; expected for example http://proxy:3128`);
  }
  const isSecure = url.protocol === 'https:';
  if (!isSecure && url.protocol !== 'http:')
    throw new EndpointError(`${variable}: ${url.protocol}// is no HTTP proxy; http:// and https:// are`);
  const { username, password } = url;
  const authorization = () =>
    Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64');
  return {
    variable,
    url: `${url.protocol}//${url.host}`,
    host: bareHost(url.hostname),
    port: Number(url.port) || (isSecure ? 443 : 80),
    secure: isSecure,
    ...(username !== '' && { authorization: `Basic ${authorization()}` }),
  };
}

/**
 * Whether NO_PROXY lists a host. Its entries are divided by commas: `*`, `example.com` (with all below it),
 * `.example.com` or `*.example.com` (only what is below), addresses, CIDR blocks, each with `:port` if need be.
 */
export function isExempt(hostname: string, port: number, list: string): boolean {
  const host = bareHost(hostname).toLowerCase();
  return list
    .split(',')
    .map((entry) => entry.trim().toLowerCase())
    .some((entry) => {
      if (entry === '' || entry === '*') return entry === '*';
      const [, block, bits] = /^(.+)\/(\d{1,3})$/.exec(entry) ?? [];
      if (block !== undefined) return isWithin(host, bareHost(block), Number(bits));
      // An IPv6 address has colons of its own: a port stands only behind brackets.
      const [, name = '', only] = (net.isIPv6(entry) ? undefined : /^(.*?)(?::(\d+))?$/.exec(entry)) ?? [
        entry,
        entry,
      ];
      if (only !== undefined && Number(only) !== port) return false;
      const bare = bareHost(name);
      if (bare === host) return true;
      if (net.isIP(host) !== 0) return false;
      return host.endsWith(bare.startsWith('*.') ? bare.slice(1) : bare.startsWith('.') ? bare : `.${bare}`);
    });
}

function isWithin(host: string, block: string, bits: number): boolean {
  const family = net.isIP(block);
  if (family === 0 || family !== net.isIP(host) || bits > (family === 4 ? 32 : 128)) return false;
  const list = new net.BlockList();
  const type = family === 4 ? 'ipv4' : 'ipv6';
  list.addSubnet(block, bits, type);
  return list.check(host, type);
}
