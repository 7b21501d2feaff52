// SPDX-License-Identifier: Apache-2.0
import http2 from 'node:http2';
import net from 'node:net';
import type { Progress } from './export-error.ts';

/** Where an OTLP/gRPC receiver is, and how it is to be trusted. */
export interface Receiver {
  /** `http://host:port` (plaintext), `https://host:port` (TLS) or `unix:///path`. */
  readonly url: string;
  /** PEM: the certificates to trust instead of the system's. */
  readonly ca?: Buffer;
  /** PEM: our certificate, for receivers that ask for one. */
  readonly cert?: Buffer;
  /** PEM: the private key of `cert`. */
  readonly key?: Buffer;
}

/** One request on the connection. */
export interface Call {
  readonly stream: http2.ClientHttp2Stream;
  /** How far the connection beneath it got. */
  progress(): Progress;
  /** Why the connection broke, if it did. */
  cause(): NodeJS.ErrnoException | undefined;
  /** To be called when the receiver kept silent: later requests get a new connection. */
  distrust(): void;
}

/**
 * An HTTP/2 connection to one receiver that connects when it is first needed and again after GOAWAY, close or
 * error. Logs and metrics share it; it closes when the last user released it. An idle connection does not keep
 * the process alive.
 */
export class GrpcConnection {
  readonly url: string;
  readonly #receiver: Receiver;
  readonly #sessions = new Set<Session>();
  #current: Session | undefined;
  #users = 0;

  constructor(receiver: Receiver) {
    this.url = receiver.url;
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

  /**
   * Opens a stream; connects first if need be.
   * @throws when Node refuses the headers
   */
  open(headers: http2.OutgoingHttpHeaders): Call {
    if (this.#current === undefined || !this.#current.usable) {
      const session = new Session(this.#receiver, () => this.#sessions.delete(session));
      this.#sessions.add(session);
      this.#current = session;
    }
    return this.#current.open(headers);
  }
}

class Session {
  readonly #http2: http2.ClientHttp2Session;
  readonly #streams = new Set<http2.ClientHttp2Stream>();
  #progress: Progress = 'connecting';
  #error: NodeJS.ErrnoException | undefined;
  #retired = false;

  constructor(receiver: Receiver, ended: () => void) {
    this.#http2 = connect(receiver);
    this.#http2.unref();
    this.#http2.once('connect', () => (this.#progress = 'connected'));
    this.#http2.once('remoteSettings', () => (this.#progress = 'speaking_http2'));
    this.#http2.on('error', (error) => (this.#error = error));
    this.#http2.on('goaway', (_code, lastStreamId) => this.#goAway(lastStreamId));
    this.#http2.once('close', () => {
      this.#retired = true;
      ended();
    });
  }

  get usable(): boolean {
    return !this.#retired && !this.#http2.closed && !this.#http2.destroyed;
  }

  open(headers: http2.OutgoingHttpHeaders): Call {
    const stream = this.#http2.request(headers);
    this.#streams.add(stream);
    this.#http2.ref();
    stream.once('close', () => {
      this.#streams.delete(stream);
      if (this.#streams.size > 0) return;
      if (this.#retired) this.destroy();
      else if (!this.#http2.destroyed) this.#http2.unref();
    });
    return {
      stream,
      progress: () => this.#progress,
      cause: () => this.#error,
      distrust: () => this.#retire(),
    };
  }

  destroy(): void {
    this.#retired = true;
    this.#http2.destroy();
  }

  #retire(): void {
    this.#retired = true;
    if (this.#streams.size === 0) this.destroy();
  }

  /** Streams above the last one that the receiver will look at never get an answer, and Node leaves them open. */
  #goAway(lastStreamId: number): void {
    for (const stream of this.#streams) {
      if (stream.id !== undefined && stream.id > lastStreamId)
        stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
    }
    this.#retire();
  }
}

function connect(receiver: Receiver): http2.ClientHttp2Session {
  const options: http2.SecureClientSessionOptions = {
    // Answers are a few bytes: the windows that count are the receiver's. The memory limit must hold requests
    // in flight of 4 MiB each (Node's default is 10 MB).
    settings: { enablePush: false },
    maxSessionMemory: 64,
  };
  if (receiver.url.startsWith('unix:')) {
    const path = decodeURIComponent(new URL(receiver.url).pathname);
    return http2.connect('http://localhost', { ...options, createConnection: () => net.connect(path) });
  }
  for (const name of ['ca', 'cert', 'key'] as const) {
    if (receiver[name] !== undefined) options[name] = receiver[name];
  }
  return http2.connect(receiver.url, options);
}
