// SPDX-License-Identifier: Apache-2.0
import { createServer } from 'node:net';

/** So many different TCP ports of the loopback that nobody listens on now. */
export async function freePorts(count: number): Promise<number[]> {
  // All are open at the same time: otherwise the kernel could give the same one twice.
  const servers = await Promise.all(Array.from({ length: count }, reserve));
  return Promise.all(servers.map((server) => server.release()));
}

async function reserve(): Promise<{ release(): Promise<number> }> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server without a port');
  return { release: () => new Promise((resolve) => server.close(() => resolve(address.port))) };
}
