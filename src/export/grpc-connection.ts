// SPDX-License-Identifier: Apache-2.0
import http2 from 'node:http2';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { dial } from './dial.ts';
import type { Progress } from './failure-connection.ts';
import type { Receiver } from './receiver.ts';

/**
 * An HTTP/2 connection to one receiver that connects when it is first needed and again after GOAWAY, close or
 * error. Logs and metrics share it; it closes when the last user released it. An idle connection does not keep
 * the process alive.
 */
export class GrpcConnection {
  readonly #receiver: Receiver;
  readonly #sessions = new Set<GrpcSession>();
  #current: GrpcSession | undefined;
  #users = 0;

  constructor(receiver: Receiver) {
    this.#receiver = receiver;
  }

  /** Registers a user. */
  retain(): void {
    this.#users++;
  }

  /** Ends a user's interest; the last one takes the connection with it, requests in flight included. */
  release(): void {
    if (--this.#users > 0) return;
    for (const session of this.#sessions) session.destroy();
    this.#current = undefined;
  }

  /** The session for the next request; a new one begins to connect. */
  session(): GrpcSession {
    if (this.#current === undefined || !this.#current.usable) {
      const session = new GrpcSession(this.#receiver, () => this.#sessions.delete(session));
      this.#sessions.add(session);
      this.#current = session;
    }
    return this.#current;
  }
}

/** One connection, from dialling to its end. */
export class GrpcSession {
  readonly #streams = new Set<http2.ClientHttp2Stream>();
  readonly #dialling = new AbortController();
  readonly #connected: Promise<void>;
  readonly #ended: () => void;
  #http2: http2.ClientHttp2Session | undefined;
  #progress: Progress = 'connecting';
  #error: NodeJS.ErrnoException | undefined;
  #retired = false;

  constructor(receiver: Receiver, ended: () => void) {
    this.#ended = ended;
    this.#connected = dial(receiver, 'h2', this.#dialling.signal).then(
      (socket) => this.#begin(receiver, socket),
      (error) => {
        this.#error = error;
        this.#end();
      },
    );
  }

  get usable(): boolean {
    return !this.#retired;
  }

  /** How far the connection got. */
  get progress(): Progress {
    return this.#progress;
  }

  /** Why the connection broke, if it did. */
  get error(): NodeJS.ErrnoException | undefined {
    return this.#error;
  }

  /** Whether streams can be opened; waits for the connection, but no longer than `ms`. */
  async opened(ms: number): Promise<boolean> {
    if (this.#http2 === undefined) {
      const late = new AbortController();
      await Promise.race([
        this.#connected,
        delay(ms, undefined, { ref: false, signal: late.signal }).catch(() => {}),
      ]);
      late.abort();
    }
    return this.#http2 !== undefined && !this.#http2.destroyed;
  }

  /** Opens a stream. @throws when Node refuses the headers, or the connection is not {@link opened} */
  open(headers: http2.OutgoingHttpHeaders): http2.ClientHttp2Stream {
    const session = this.#http2!;
    const stream = session.request(headers);
    this.#streams.add(stream);
    session.ref();
    stream.once('close', () => {
      this.#streams.delete(stream);
      if (this.#streams.size > 0) return;
      if (this.#retired) this.destroy();
      else if (!session.destroyed) session.unref();
    });
    return stream;
  }

  /** To be called when the receiver kept silent: later requests get a new connection. */
  retire(): void {
    this.#retired = true;
    if (this.#streams.size === 0) this.destroy();
  }

  destroy(): void {
    this.#retired = true;
    this.#dialling.abort();
    this.#http2?.destroy();
  }

  #begin(receiver: Receiver, socket: Socket): void {
    if (this.#retired) {
      socket.destroy();
      this.#end();
      return;
    }
    this.#progress = 'connected';
    const session = http2.connect(`${receiver.secure ? 'https' : 'http'}://${receiver.authority}`, {
      // Answers are a few bytes: the windows that count are the receiver's. The memory limit must hold requests
      // in flight of 4 MiB each (Node's default is 10 MB).
      settings: { enablePush: false },
      maxSessionMemory: 64,
      createConnection: () => socket,
    });
    this.#http2 = session;
    session.unref();
    session.once('remoteSettings', () => (this.#progress = 'speaking'));
    session.on('error', (error) => (this.#error = error));
    session.on('goaway', (_code, lastStreamId) => this.#goAway(lastStreamId));
    session.once('close', () => this.#end());
  }

  #end(): void {
    this.#retired = true;
    this.#ended();
  }

  /** Streams above the last one that the receiver will look at never get an answer, and Node leaves them open. */
  #goAway(lastStreamId: number): void {
    for (const stream of this.#streams) {
      if (stream.id !== undefined && stream.id > lastStreamId)
        stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
    }
    this.retire();
  }
}
