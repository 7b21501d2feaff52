// SPDX-License-Identifier: Apache-2.0
import http2 from 'node:http2';
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { diag } from '@opentelemetry/api';
import type { ExportResponse, IExporterTransport } from '@opentelemetry/otlp-exporter-base';
import { ExportError, fromConnection, fromDeadline } from './export-error.ts';
import { type Compression, GrpcAnswer, type Undecodable } from './grpc-answer.ts';
import type { Call, GrpcConnection } from './grpc-connection.ts';

/** The gRPC method of ExportLogsServiceRequest (opentelemetry-proto). */
export const LOGS_PATH = '/opentelemetry.proto.collector.logs.v1.LogsService/Export';

/** The gRPC method of ExportMetricsServiceRequest (opentelemetry-proto). */
export const METRICS_PATH = '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export';

/** Settings of a {@link GrpcTransport}. */
export interface GrpcTransportOptions {
  /** Shared between signals; the transport retains it until its own shutdown. */
  readonly connection: GrpcConnection;
  /** {@link LOGS_PATH} or {@link METRICS_PATH}. */
  readonly path: string;
  /** Sent with each request; the names that gRPC itself needs cannot be overridden. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Level 1 of either codec: higher levels cost much CPU for few bytes (docs/performance.md). */
  readonly compression?: Compression;
  readonly userAgent?: string;
}

// A large chunk: the default of 16 KiB would wake the event loop once per 16 KiB of output.
const gzip = promisify(zlib.gzip);
const zstd = promisify(zlib.zstdCompress);
const CHUNK = { chunkSize: 256 * 1024 };

/**
 * OTLP over gRPC, unary calls only, on `node:http2`: one attempt per `send`, never rejects. What can be tried
 * again comes back as `retryable`; errors are {@link ExportError}s.
 * Protocol: grpc/grpc, doc/PROTOCOL-HTTP2.md; what is retryable: the OTLP specification.
 */
export class GrpcTransport implements IExporterTransport {
  readonly #options: GrpcTransportOptions;
  readonly #headers: http2.OutgoingHttpHeaders;
  readonly #calls = new Set<Call>();
  #compression: Compression;
  #closed = false;

  constructor(options: GrpcTransportOptions) {
    this.#options = options;
    this.#compression = options.compression ?? 'none';
    this.#headers = {
      ...options.headers,
      ':method': 'POST',
      ':path': options.path,
      'content-type': 'application/grpc',
      te: 'trailers',
      'user-agent': options.userAgent ?? 'agentsmith-otel',
      'grpc-accept-encoding': 'identity,gzip,zstd',
    };
    options.connection.retain();
  }

  async send(data: Uint8Array, timeoutMillis: number): Promise<ExportResponse> {
    const url = this.#options.connection.url;
    const encoding = this.#compression;
    try {
      const message = await compress(data, encoding);
      if (this.#closed) throw new ExportError('closed', `${url}: the exporter was shut down`);
      const answer = await this.#call(message, encoding, timeoutMillis);
      if (answer.status === 'undecodable') {
        // zstd is no part of the OTLP specification: a receiver may know gzip only, or nothing.
        if (this.#compression === encoding) {
          this.#compression = encoding === 'zstd' ? 'gzip' : 'none';
          diag.warn(`${url} does not decode ${encoding}: using compression ${this.#compression} from now on`);
        }
        return this.send(data, timeoutMillis);
      }
      return answer;
    } catch (error) {
      // Nothing known ends here but our own shutdown. A defect of ours must not cost records: they are kept.
      const reason =
        error instanceof ExportError ? error : new ExportError('unreachable', `${url}: ${String(error)}`);
      return { status: 'retryable', error: reason };
    }
  }

  /** Ends requests in flight (they come back as retryable, kind `closed`) and lets go of the connection. */
  shutdown(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const call of this.#calls) call.stream.destroy();
    this.#options.connection.release();
  }

  #call(
    message: Uint8Array,
    encoding: Compression,
    timeoutMillis: number,
  ): Promise<ExportResponse | Undecodable> {
    const { connection } = this.#options;
    const call = connection.open({
      ...this.#headers,
      'grpc-timeout': grpcTimeout(timeoutMillis),
      ...(encoding !== 'none' && { 'grpc-encoding': encoding }),
    });
    this.#calls.add(call);
    const { stream } = call;
    const answer = new GrpcAnswer();

    return new Promise((resolve) => {
      let expired = false;
      let failure: NodeJS.ErrnoException | undefined;
      // The socket keeps the process alive while it waits; the timer need not.
      const deadline = setTimeout(() => {
        expired = true;
        // A connection whose peer vanished looks alive for many minutes.
        if (!answer.begun) call.distrust();
        cancel(stream);
      }, timeoutMillis).unref();

      stream.on('response', (headers) => {
        answer.head(headers);
        if (answer.complete) cancel(stream);
      });
      stream.on('trailers', (trailers) => {
        answer.tail(trailers);
        // A refusal may come before the whole request was sent: the rest need not be.
        if (!stream.writableFinished) cancel(stream);
      });
      stream.on('data', (chunk: Buffer) => answer.body(chunk));
      stream.on('error', (error: NodeJS.ErrnoException & { cause?: NodeJS.ErrnoException }) => {
        failure = error.code === 'ERR_HTTP2_STREAM_CANCEL' ? error.cause : error;
      });
      stream.once('close', () => {
        clearTimeout(deadline);
        this.#calls.delete(call);
        const { url } = connection;
        if (answer.complete) resolve(answer.read(url, encoding));
        else if (this.#closed)
          resolve({
            status: 'retryable',
            error: new ExportError('closed', `${url}: the exporter was shut down`),
          });
        else if (expired) resolve(fromDeadline(url, call.progress(), timeoutMillis));
        else resolve(fromConnection(url, call.progress(), failure ?? call.cause()));
      });

      // Two writes leave as one; the payload itself is never copied.
      stream.cork();
      stream.write(framePrefix(message.byteLength, encoding !== 'none'));
      stream.end(message);
    });
  }
}

/** Runs on libuv's threads: compressing a full batch would block the event loop for tens of milliseconds. */
async function compress(data: Uint8Array, encoding: Compression): Promise<Uint8Array> {
  if (encoding === 'gzip') return gzip(data, { ...CHUNK, level: 1 });
  if (encoding === 'zstd')
    return zstd(data, { ...CHUNK, params: { [zlib.constants.ZSTD_c_compressionLevel]: 1 } });
  return data;
}

/** Tells the receiver to forget the request and closes the stream now. */
function cancel(stream: http2.ClientHttp2Stream): void {
  if (!stream.pending) stream.close(http2.constants.NGHTTP2_CANCEL);
  // The reset may be stuck behind a peer that reads no more; nobody waits for it.
  stream.destroy();
}

function framePrefix(length: number, compressed: boolean): Buffer {
  const prefix = Buffer.allocUnsafe(5);
  prefix[0] = compressed ? 1 : 0;
  prefix.writeUInt32BE(length, 1);
  return prefix;
}

/** At most eight digits may be sent (PROTOCOL-HTTP2.md, "Timeout"). */
function grpcTimeout(ms: number): string {
  return ms < 1e8 ? `${Math.ceil(ms)}m` : `${Math.min(99_999_999, Math.ceil(ms / 1000))}S`;
}
