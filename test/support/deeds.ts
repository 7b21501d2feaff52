// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';

/** A listener on a free port of 127.0.0.1 that takes connections and says nothing. */
export async function listen(): Promise<{ readonly port: number; close(): Promise<void> }> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => sockets.add(socket.on('error', () => {})));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** A port of 127.0.0.1 where nobody listens. */
export async function closedPort(): Promise<number> {
  const { port, close } = await listen();
  await close();
  return port;
}

/** What the test process knows of a connection that it tried. */
export interface Attempt {
  readonly peerPort: number;
  /** Of a connection that came about. */
  readonly localPort?: number;
  readonly error?: string;
}

/** Connects this very process to a port of 127.0.0.1, and hangs up. */
export async function connect(peerPort: number): Promise<Attempt> {
  const socket = net.connect(peerPort, '127.0.0.1');
  const attempt = await new Promise<Attempt>((resolve) => {
    socket.once('connect', () => resolve({ peerPort, localPort: socket.localPort! }));
    socket.once('error', (error: NodeJS.ErrnoException) => resolve({ peerPort, error: error.code! }));
  });
  socket.destroy();
  return attempt;
}
