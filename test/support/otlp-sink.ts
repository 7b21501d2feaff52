// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import zlib from 'node:zlib';
import { decodeLogs, decodeMetrics, encode, type LogRecord, type Metric } from './otlp-decode.ts';
import { answer, answerHttp, type Reply } from './otlp-reply.ts';

/** How a sink behaves. */
export interface SinkOptions {
  /** gRPC by default. OTLP/HTTP takes protobuf and JSON alike. */
  readonly protocol?: 'grpc' | 'http';
  /** A unix socket to listen on instead of a port. */
  readonly socketPath?: string;
  /** PEM; with it the sink speaks TLS and `url` begins with https. */
  readonly tls?: {
    readonly key: string | Buffer;
    readonly cert: string | Buffer;
    readonly ca?: string | Buffer;
  };
  /** Keeps nothing and decodes nothing: only `count` and `bytes` move. For benchmarks. */
  readonly counting?: boolean;
  /** That of a sink that was closed, to start one again where its senders look for it; by default a free one. */
  readonly port?: number;
  /** Larger messages are refused as grpc-go does; unlimited by default (the Collector's default is 4 MiB). */
  readonly maxMessageBytes?: number;
}

/** A request as it came in. */
export interface SinkRequest {
  readonly signal: 'logs' | 'metrics';
  /** 0 for the first request of the sink's life. */
  readonly index: number;
  readonly headers: http2.IncomingHttpHeaders;
  /** Path and query; of gRPC the method. */
  readonly path: string;
  /** The protobuf message, uncompressed; of JSON what it means in protobuf. */
  readonly bytes: Buffer;
}

/** An OTLP receiver inside this process, on 127.0.0.1: keeps what it is sent and answers as told. */
export class OtlpSink {
  readonly url: string;
  readonly requests: SinkRequest[] = [];
  /** Log records accepted so far; in `counting` mode too. */
  count = 0;
  /** Bytes of messages so far, uncompressed. */
  bytes = 0;
  /** Connections opened so far. */
  connections = 0;

  readonly #server: Server;
  readonly #options: SinkOptions;
  readonly #sessions = new Set<{ destroy(): void }>();
  readonly #waiting = new Set<() => void>();
  #accepted: SinkRequest[] = [];
  #respond: (request: SinkRequest) => Reply | undefined | Promise<Reply | undefined> = () => undefined;
  #index = 0;

  /** Starts a sink on a free port. */
  static async start(options: SinkOptions = {}): Promise<OtlpSink> {
    const server = options.protocol === 'http' ? httpServer(options) : http2Server(options);
    const where: [string] | [number, string] =
      options.socketPath === undefined ? [options.port ?? 0, '127.0.0.1'] : [options.socketPath];
    await once(server.listen(...(where as [number, string])), 'listening');
    return new OtlpSink(server, options);
  }

  private constructor(server: Server, options: SinkOptions) {
    this.#server = server;
    this.#options = options;
    const { port } = server.address() as AddressInfo;
    this.url =
      options.socketPath === undefined
        ? `${options.tls ? 'https' : 'http'}://127.0.0.1:${port}`
        : `unix://${options.socketPath}`;
    if (options.protocol === 'http') {
      server.on(options.tls ? 'secureConnection' : 'connection', (socket: Socket) => this.#connected(socket));
      server.on('request', (request: http.IncomingMessage, response: http.ServerResponse) => {
        response.on('error', () => {});
        void this.#serveHttp(request, response);
      });
      server.on('tlsClientError', () => {});
      return;
    }
    server.on('session', (session: http2.ServerHttp2Session) => {
      this.#connected(session);
      session.setLocalWindowSize(64 * 1024 * 1024);
    });
    server.on('stream', (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => {
      stream.on('error', () => {});
      void this.#serve(stream, headers);
    });
    server.on('sessionError', () => {});
  }

  #connected(connection: Socket | http2.ServerHttp2Session): void {
    this.connections++;
    this.#sessions.add(connection);
    connection.on('error', () => {});
    connection.once('close', () => this.#sessions.delete(connection));
  }

  /** Decides about each request from now on; `undefined` = accept. */
  respond(reply: (request: SinkRequest) => Reply | undefined | Promise<Reply | undefined>): void {
    this.#respond = reply;
  }

  /** The log records of all accepted requests, in order of arrival. */
  records(): LogRecord[] {
    return this.#accepted
      .filter((request) => request.signal === 'logs')
      .flatMap((request) => decodeLogs(request.bytes));
  }

  /** The metrics of all accepted requests, in order of arrival. */
  metrics(): Metric[] {
    return this.#accepted
      .filter((request) => request.signal === 'metrics')
      .flatMap((request) => decodeMetrics(request.bytes));
  }

  /** Waits until `condition` holds; it is looked at after each request. The bound is the caller's (mocha's timeout). */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  /** Forgets requests and records. */
  clear(): void {
    this.requests.length = 0;
    this.#accepted = [];
    this.count = 0;
    this.bytes = 0;
  }

  /** Breaks all connections and stops listening. */
  async close(): Promise<void> {
    for (const session of this.#sessions) session.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #serve(stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders): Promise<void> {
    const frame = await receive(stream);
    const signal = SIGNALS.get(headers[':path'] ?? '');
    if (frame === undefined) return;
    if (signal === undefined)
      return answer(stream, { status: 12, message: `unknown method ${headers[':path']}` });
    let bytes: Buffer;
    try {
      bytes = unframe(frame, String(headers['grpc-encoding'] ?? 'identity'));
    } catch (error) {
      return answer(stream, { status: 12, message: (error as Error).message });
    }
    const max = this.#options.maxMessageBytes ?? Number.POSITIVE_INFINITY;
    if (bytes.length > max) {
      return answer(stream, {
        status: 8,
        message: `grpc: received message larger than max (${bytes.length} vs. ${max})`,
      });
    }
    const path = headers[':path'] ?? '';
    answer(stream, await this.#handle({ signal, index: this.#index++, headers, path, bytes }));
    this.#wake();
  }

  async #serveHttp(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const { headers, url = '' } = request;
    const body = await receive(request);
    const signal = SIGNALS.get(url.split('?', 1)[0]!);
    if (body === undefined) return;
    const isJson = headers['content-type'] === 'application/json';
    if (signal === undefined)
      return answerHttp(response, { httpStatus: 404, message: '404 page not found' }, isJson);
    let bytes: Buffer;
    try {
      bytes = decompress(body, headers['content-encoding'] ?? 'identity');
      if (isJson) bytes = encode(REQUESTS[signal], JSON.parse(bytes.toString()) as Record<string, unknown>);
    } catch (error) {
      return answerHttp(response, { httpStatus: 400, message: (error as Error).message }, isJson);
    }
    const max = this.#options.maxMessageBytes ?? Number.POSITIVE_INFINITY;
    const reply =
      body.length > max
        ? { httpStatus: 413, message: 'request body too large' }
        : await this.#handle({ signal, index: this.#index++, headers, path: url, bytes });
    answerHttp(response, reply, isJson);
    this.#wake();
  }

  /** Keeps the request and decides about it. */
  async #handle(request: SinkRequest): Promise<Reply> {
    if (!this.#options.counting) this.requests.push(request);
    const reply = (await this.#respond(request)) ?? {};
    if (reply.delayMs !== undefined) await delay(reply.delayMs);
    if ((reply.status ?? 0) === 0 && (reply.httpStatus ?? 200) === 200 && reply.instead === undefined)
      this.#accept(request);
    return reply;
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  #accept(request: SinkRequest): void {
    this.bytes += request.bytes.length;
    if (request.signal === 'logs') this.count += countRecords(request.bytes);
    if (!this.#options.counting) this.#accepted.push(request);
  }
}

const SIGNALS: ReadonlyMap<string, 'logs' | 'metrics'> = new Map([
  ['/opentelemetry.proto.collector.logs.v1.LogsService/Export', 'logs'],
  ['/opentelemetry.proto.collector.metrics.v1.MetricsService/Export', 'metrics'],
  ['/v1/logs', 'logs'],
  ['/v1/metrics', 'metrics'],
]);

/** Messages of otlp.proto. */
const REQUESTS = { logs: 'ExportLogsServiceRequest', metrics: 'ExportMetricsServiceRequest' } as const;

type Server = http2.Http2Server | http2.Http2SecureServer | http.Server | https.Server;

function http2Server({ tls }: SinkOptions): Server {
  const settings = { initialWindowSize: 16 * 1024 * 1024, maxFrameSize: 1024 * 1024 };
  const common = { settings, maxSessionMemory: 256 };
  return tls
    ? http2.createSecureServer({ ...common, ...tls, requestCert: tls.ca !== undefined })
    : http2.createServer(common);
}

function httpServer({ tls }: SinkOptions): Server {
  return tls ? https.createServer({ ...tls, requestCert: tls.ca !== undefined }) : http.createServer();
}

async function receive(stream: http2.ServerHttp2Stream | http.IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of stream) chunks.push(chunk as Buffer);
  } catch {
    return undefined;
  }
  return stream.aborted ? undefined : Buffer.concat(chunks);
}

function unframe(frame: Buffer, encoding: string): Buffer {
  const message = frame.subarray(5);
  if (frame.length < 5 || frame.readUInt32BE(1) !== message.length) throw new Error('malformed gRPC frame');
  if (frame[0] === 0) return message;
  if (encoding !== 'gzip' && encoding !== 'zstd')
    throw new Error(`grpc: Decompressor is not installed for grpc-encoding "${encoding}"`);
  return decompress(message, encoding);
}

function decompress(bytes: Buffer, encoding: string): Buffer {
  if (encoding === 'identity') return bytes;
  if (encoding === 'gzip') return zlib.gunzipSync(bytes);
  if (encoding === 'zstd') return zlib.zstdDecompressSync(bytes);
  throw new Error(`unsupported content-encoding ${encoding}`);
}

/** Counts `resource_logs.scope_logs.log_records` (1, 2, 2) without looking into a record. */
function countRecords(bytes: Buffer): number {
  const path = [1, 2, 2];
  const walk = (start: number, end: number, depth: number): number => {
    let at = start;
    let found = 0;
    const varint = () => {
      let value = 0;
      for (let shift = 1; ; shift *= 128) {
        const byte = bytes[at++] ?? 0;
        value += (byte & 0x7f) * shift;
        if (byte < 0x80) return value;
      }
    };
    while (at < end) {
      const tag = varint();
      if ((tag & 7) !== 2) throw new Error(`unexpected wire type in a request: tag ${tag}`);
      const length = varint();
      if (tag >> 3 === path[depth]) found += depth === 2 ? 1 : walk(at, at + length, depth + 1);
      at += length;
    }
    return found;
  };
  return walk(0, bytes.length, 0);
}
