// SPDX-License-Identifier: Apache-2.0
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Endpoint } from '../config/values.ts';
import { nodeHttp } from '../node-http.ts';
import type { AgentStatus } from './status.ts';

/** What `--health` answers. */
export interface Readiness {
  readonly status: 'ready' | 'not ready';
  /** Why not; empty when it is ready. */
  readonly reasons: readonly string[];
  readonly hooks: { readonly attached: number; readonly missing: readonly string[] };
  readonly receiver?: AgentStatus['receiver'];
  readonly exported: number;
  readonly dropped: number;
}

/**
 * Ready = something is attached and the receiver takes records, as far as it was tried. Hooks that this kernel lacks are
 * named but are no reason: restarting brings none of them.
 */
export function readinessOf({ hooks, receiver, totals }: AgentStatus): Readiness {
  const reasons: string[] = [];
  if (hooks.attached.length === 0) reasons.push('no hook is attached');
  if (receiver?.state === 'failing') reasons.push(receiver.reason ?? 'the receiver takes nothing');
  return {
    status: reasons.length === 0 ? 'ready' : 'not ready',
    reasons,
    hooks: { attached: hooks.attached.length, missing: hooks.missing },
    ...(receiver && { receiver }),
    exported: totals.exported,
    dropped: totals.lost,
  };
}

/** Probes come one by one; more at once are none of ours. */
const CONNECTIONS_MAX = 16;
const REQUEST_MS = 5000;

/** HTTP for probes: GET / says 200 when the agent is ready, else 503, as JSON. */
export class HealthServer {
  /** Host and port that it listens on. */
  readonly address: string;
  readonly #server: Server;

  private constructor(server: Server) {
    const { address, port, family } = server.address() as AddressInfo;
    this.address = `${family === 'IPv6' ? `[${address}]` : address}:${port}`;
    this.#server = server;
  }

  /** @throws errors of listen(2), such as EADDRINUSE */
  static async open({ host, port }: Endpoint, read: () => AgentStatus): Promise<HealthServer> {
    const server = nodeHttp.createServer(
      { requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS },
      (request, response) => answer(request, response, read),
    );
    server.maxConnections = CONNECTIONS_MAX;
    server.on('clientError', (_, socket) => socket.destroy());
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, resolve);
    });
    server.on('error', () => {});
    server.unref();
    return new HealthServer(server);
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

function answer(request: IncomingMessage, response: ServerResponse, read: () => AgentStatus): void {
  request.resume();
  const path = (request.url ?? '/').split('?', 1)[0];
  const say = (code: number, body: object) => {
    const text = `${JSON.stringify(body)}\n`;
    response.writeHead(code, { 'content-type': 'application/json', 'cache-control': 'no-store' });
    response.end(request.method === 'HEAD' ? undefined : text);
  };
  if (request.method !== 'GET' && request.method !== 'HEAD') say(405, { error: 'GET and HEAD only' });
  else if (path !== '/') say(404, { error: 'there is only /' });
  else {
    const readiness = readinessOf(read());
    say(readiness.status === 'ready' ? 200 : 503, readiness);
  }
}
