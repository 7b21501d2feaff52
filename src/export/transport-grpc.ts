// SPDX-License-Identifier: Apache-2.0
import http2 from 'node:http2';
import type { ExportResponse } from '@opentelemetry/otlp-exporter-base';
import type { Signal } from '../config/receiver-settings.ts';
import type { Compression } from './compression.ts';
import { closedFailure } from './export-error.ts';
import { fromConnection, fromDeadline } from './failure-connection.ts';
import { GrpcAnswer } from './grpc-answer.ts';
import type { GrpcConnection } from './grpc-connection.ts';
import type { Receiver } from './receiver.ts';
import type { Exchange, Undecodable } from './transport.ts';
import { USER_AGENT } from './user-agent.ts';

/** The gRPC methods of Export…ServiceRequest (opentelemetry-proto). */
const METHODS: Readonly<Record<Signal, string>> = {
  LOGS: '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
  METRICS: '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
};

/**
 * OTLP over gRPC, unary calls only, on `node:http2`.
 * Protocol: grpc/grpc, doc/PROTOCOL-HTTP2.md; what is retryable: the OTLP specification.
 */
export class GrpcExchange implements Exchange {
  readonly #receiver: Receiver;
  readonly #connection: GrpcConnection;
  readonly #headers: http2.OutgoingHttpHeaders;
  readonly #streams = new Set<http2.ClientHttp2Stream>();
  #closed = false;

  /** @param connection may be shared with another signal; it is retained until {@link close} */
  constructor(receiver: Receiver, connection: GrpcConnection) {
    this.#receiver = receiver;
    this.#connection = connection;
    this.#headers = {
      'user-agent': USER_AGENT,
      // The names that gRPC itself needs cannot be overridden.
      ...receiver.headers,
      ':method': 'POST',
      ':path': METHODS[receiver.signal],
      'content-type': 'application/grpc',
      te: 'trailers',
      'grpc-accept-encoding': 'identity,gzip,zstd',
    };
    connection.retain();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const stream of this.#streams) stream.destroy();
    this.#connection.release();
  }

  async request(
    message: Uint8Array,
    encoding: Compression,
    timeoutMillis: number,
  ): Promise<ExportResponse | Undecodable> {
    const receiver = this.#receiver;
    const began = performance.now();
    const session = this.#connection.session();
    const isOpen = await session.opened(timeoutMillis);
    if (this.#closed) return closedFailure(receiver.url);
    if (!isOpen && session.usable) {
      session.retire();
      return fromDeadline(receiver, 'connecting', timeoutMillis);
    }
    if (!isOpen) return fromConnection(receiver, session.progress, session.error);
    const left = Math.max(1, timeoutMillis - (performance.now() - began));
    const stream = session.open({
      ...this.#headers,
      'grpc-timeout': grpcTimeout(left),
      ...(encoding !== 'none' && { 'grpc-encoding': encoding }),
    });
    this.#streams.add(stream);
    const answer = new GrpcAnswer();

    return new Promise((resolve) => {
      let expired = false;
      let failure: NodeJS.ErrnoException | undefined;
      // The socket keeps the process alive while it waits; the timer need not.
      const deadline = setTimeout(() => {
        expired = true;
        // A connection whose peer vanished looks alive for many minutes.
        if (!answer.begun) session.retire();
        cancel(stream);
      }, left).unref();

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
        this.#streams.delete(stream);
        if (answer.complete) resolve(answer.read(receiver.url, encoding));
        else if (this.#closed) resolve(closedFailure(receiver.url));
        else if (expired) resolve(fromDeadline(receiver, session.progress, timeoutMillis));
        else resolve(fromConnection(receiver, session.progress, failure ?? session.error));
      });

      // Two writes leave as one; the payload itself is never copied.
      stream.cork();
      stream.write(framePrefix(message.byteLength, encoding !== 'none'));
      stream.end(message);
    });
  }
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
