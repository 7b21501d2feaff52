// SPDX-License-Identifier: Apache-2.0
import { lstatSync, mkdirSync, readdirSync, unlinkSync } from 'node:fs';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Native } from '../sensor/native.ts';

/** One socket an agent, named by its process id. */
export const CONTROL_DIRECTORY = '/run/agentsmith-otel';

/** A status has some hundred bytes an event; whoever sends more is none of ours. */
const STATUS_BYTES_MAX = 1 << 20;
/** People who look; each gets its answer at once. */
const CONNECTIONS_MAX = 8;
/** An agent answers between two drains. */
const ANSWER_MS = 3000;

/** Node has the descriptor of a socket, but no name for it in its types. */
type WithHandle = Socket & { readonly _handle?: { readonly fd?: number } | null };

/** Errors of the directory: it is not there, or not ours alone. */
export class ControlError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** @throws ControlError when others than its owner, root or us, could have put something there */
function checkDirectory(directory: string): void {
  const stat = lstatSync(directory);
  const isOurs = stat.uid === 0 || stat.uid === process.geteuid?.();
  if (!stat.isDirectory() || !isOurs || (stat.mode & 0o077) !== 0)
    throw new ControlError('EUNSAFE', `${directory} is not a directory of mode 0700 that root owns`);
}

/** Answers everybody who may ask with one JSON document, and reads nothing. */
export class ControlSocket {
  readonly path: string;
  readonly #server: Server;

  private constructor(path: string, server: Server) {
    this.path = path;
    this.#server = server;
  }

  /**
   * Listens. Only root and the agent's own user get an answer: the directory keeps others out, and who comes is asked
   * of the kernel as well (SO_PEERCRED).
   *
   * @throws ControlError, errors of the file system
   */
  static async open(
    answer: () => object,
    native: Pick<Native, 'peerCredentials'>,
    directory: string = CONTROL_DIRECTORY,
  ): Promise<ControlSocket> {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    checkDirectory(directory);
    const path = join(directory, `${process.pid}.sock`);
    removeFile(path);
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.resume();
      if (!mayAsk(socket, native)) socket.destroy();
      else socket.end(JSON.stringify(answer()));
    });
    server.maxConnections = CONNECTIONS_MAX;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, resolve);
    });
    server.on('error', () => {});
    // Nobody has to wait for it: it is no reason to stay alive.
    server.unref();
    return new ControlSocket(path, server);
  }

  close(): void {
    this.#server.close();
    removeFile(this.path);
  }
}

function mayAsk(socket: WithHandle, native: Pick<Native, 'peerCredentials'>): boolean {
  const { fd } = socket._handle ?? {};
  if (fd === undefined || fd < 0) return false;
  try {
    const [, uid] = native.peerCredentials(fd);
    return uid === 0 || uid === process.geteuid?.();
  } catch {
    return false;
  }
}

function removeFile(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It was not there.
  }
}

/**
 * What running agents say of themselves, by process id.
 *
 * @param pid only this one
 * @throws ControlError, errors of the file system other than that there is none
 */
export async function askAgents(pid?: number, directory: string = CONTROL_DIRECTORY): Promise<unknown[]> {
  let names: string[];
  try {
    checkDirectory(directory);
    names = readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  const sockets = names
    .filter((name) => (pid === undefined ? /^\d{1,7}\.sock$/.test(name) : name === `${pid}.sock`))
    .sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10));
  const answers: unknown[] = [];
  for (const name of sockets) {
    const path = join(directory, name);
    try {
      answers.push(JSON.parse(await ask(path)));
    } catch (error) {
      // Its agent was killed.
      if ((error as NodeJS.ErrnoException).code === 'ECONNREFUSED') removeFile(path);
      else if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  return answers;
}

function ask(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const socket = createConnection(path);
    socket.setTimeout(ANSWER_MS, () =>
      socket.destroy(new ControlError('ETIMEDOUT', `${path}: the agent does not answer`)),
    );
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > STATUS_BYTES_MAX) socket.destroy(new ControlError('EBADMSG', `${path}: no agent of ours`));
    });
    socket.on('error', reject);
    socket.on('end', () => {
      // It hangs up on whom it does not trust, and on whoever is one too many.
      if (bytes === 0) reject(new ControlError('EAGAIN', `${path}: the agent hung up without an answer`));
      else resolve(Buffer.concat(chunks).toString());
    });
  });
}
