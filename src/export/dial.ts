// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events';
import type http from 'node:http';
import net from 'node:net';
import tls from 'node:tls';
import { nodeHttp } from '../node-http.ts';
import type { HttpProxy } from './proxy.ts';
import type { Receiver } from './receiver.ts';

/** The protocol inside TLS (ALPN): gRPC is HTTP/2, OTLP/HTTP is sent over HTTP/1.1. */
export type Alpn = 'h2' | 'http/1.1';

/** A connection that did not come about: the error of the socket, and at which step. */
export class DialError extends Error {
  override readonly name = 'DialError';
  readonly step: 'connect' | 'proxy' | 'tls';
  /** That of the system, of OpenSSL or of Node; '' = none. */
  readonly code: string;
  /** What a proxy answered to CONNECT. */
  readonly proxyStatus: number | undefined;

  constructor(step: DialError['step'], cause: NodeJS.ErrnoException, proxyStatus?: number) {
    super(cause.message, { cause });
    this.step = step;
    this.code = cause.code ?? '';
    this.proxyStatus = proxyStatus;
  }
}

/**
 * Connects to a receiver: TCP or a unix socket, through a proxy and with TLS where it is so configured. What comes back
 * is ready to be written to; it keeps the process alive until somebody says otherwise.
 *
 * @throws DialError; also when `signal` fires
 */
export async function dial(receiver: Receiver, alpn: Alpn, signal: AbortSignal): Promise<net.Socket> {
  const { address, proxy, secure } = receiver;
  let socket: net.Socket;
  if (address.socketPath !== undefined)
    socket = await open(net.connect(address.socketPath), signal, 'connect');
  else if (proxy) socket = await tunnel(proxy, receiver, signal);
  else socket = await open(connect(address), signal, 'connect');
  return secure ? encrypt(socket, receiver, alpn, signal) : socket;
}

const connect = ({ host, port }: { readonly host: string; readonly port: number }): net.Socket =>
  net.connect({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: 30_000 });

/** Waits until a socket is open. */
async function open<T extends net.Socket>(
  socket: T,
  signal: AbortSignal,
  step: DialError['step'],
  event = 'connect',
): Promise<T> {
  const end = () => socket.destroy();
  signal.addEventListener('abort', end, { once: true });
  // Without an error the other side closed it.
  const closed = once(socket, 'close').then(() => Promise.reject(new Error('closed')));
  try {
    await Promise.race([once(socket, event), closed]);
    return socket;
  } catch (error) {
    socket.destroy();
    throw new DialError(step, error as Error);
  } finally {
    closed.catch(() => {});
    signal.removeEventListener('abort', end);
  }
}

async function encrypt(
  socket: net.Socket,
  receiver: Receiver,
  alpn: Alpn,
  signal: AbortSignal,
): Promise<tls.TLSSocket> {
  const host = receiver.address.socketPath === undefined ? receiver.address.host : 'localhost';
  const context = receiver.certificates?.context;
  const encrypted = tls.connect({
    socket,
    host,
    // Names only: there is no server name indication for addresses.
    ...(net.isIP(host) === 0 && { servername: host }),
    ALPNProtocols: [alpn],
    ...(context && { secureContext: context }),
  });
  return open(encrypted, signal, 'tls', 'secureConnect');
}

/** Asks a proxy for a tunnel (CONNECT, RFC 9110 9.3.6). */
async function tunnel(proxy: HttpProxy, { authority }: Receiver, signal: AbortSignal): Promise<net.Socket> {
  const plain = await open(connect(proxy), signal, 'proxy');
  const socket = proxy.secure
    ? await open(
        tls.connect({
          socket: plain,
          host: proxy.host,
          ...(net.isIP(proxy.host) === 0 && { servername: proxy.host }),
          ALPNProtocols: ['http/1.1'],
        }),
        signal,
        'proxy',
        'secureConnect',
      )
    : plain;
  const request = nodeHttp.request({
    createConnection: () => socket,
    method: 'CONNECT',
    path: authority,
    setHost: false,
    headers: {
      host: authority,
      ...(proxy.authorization !== undefined && { 'proxy-authorization': proxy.authorization }),
    },
    signal,
  });
  try {
    const answered = once(request, 'connect');
    request.end();
    const [response, , head] = (await answered) as [http.IncomingMessage, net.Socket, Buffer];
    const status = response.statusCode ?? 0;
    if (status < 200 || status > 299)
      throw new DialError('proxy', new Error(response.statusMessage ?? ''), status);
    if (head.length > 0) socket.unshift(head);
    return socket;
  } catch (error) {
    socket.destroy();
    throw error instanceof DialError ? error : new DialError('proxy', error as Error);
  }
}
