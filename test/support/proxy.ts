// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';

/** A proxy on 127.0.0.1 that tunnels every name to this host, and keeps what it was asked. */
export class TestProxy {
  readonly asked: { readonly target: string; readonly authorization: string | undefined }[] = [];
  /** An answer other than 200 to every CONNECT. */
  refusal: string | undefined;
  readonly #server: http.Server | https.Server;
  readonly #sockets = new Set<Duplex>();

  /** @param tls PEM; with it the proxy itself speaks TLS */
  static async start(tls?: { readonly key: Buffer; readonly cert: Buffer }): Promise<TestProxy> {
    const server = tls ? https.createServer({ key: tls.key, cert: tls.cert }) : http.createServer();
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return new TestProxy(server);
  }

  private constructor(server: http.Server | https.Server) {
    this.#server = server;
    server.on('connect', (request: http.IncomingMessage, socket: Duplex) => this.#connect(request, socket));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  #connect({ url = '', headers }: http.IncomingMessage, client: Duplex): void {
    this.asked.push({ target: url, authorization: headers['proxy-authorization'] });
    this.#keep(client);
    if (this.refusal !== undefined) {
      client.end(`HTTP/1.1 ${this.refusal}\r\ncontent-length: 0\r\n\r\n`);
      return;
    }
    const target = net.connect(Number(url.slice(url.lastIndexOf(':') + 1)), '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      client.pipe(target).pipe(client);
    });
    this.#keep(target);
    target.on('error', () => client.destroy());
    client.on('close', () => target.destroy());
  }

  #keep(socket: Duplex): void {
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => this.#sockets.delete(socket));
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
