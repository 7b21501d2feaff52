// SPDX-License-Identifier: Apache-2.0
import type http from 'node:http';
import http2 from 'node:http2';
import zlib from 'node:zlib';
import { encode } from './otlp-decode.ts';

/** A scripted answer; what is left out is as if the request had been accepted. */
export interface Reply {
  /** gRPC status code. */
  readonly status?: number;
  readonly message?: string;
  /** Adds a google.rpc.RetryInfo. */
  readonly retryInMillis?: number;
  readonly partialSuccess?: { readonly rejected: number; readonly message?: string };
  /** Compresses the answer, as grpc-go does for compressed requests. */
  readonly encoding?: 'gzip' | 'zstd';
  /** Waits before it answers. */
  readonly delayMs?: number;
  /** Puts the status into the headers ("Trailers-Only"); this is how servers answer errors. Default: status is not 0. */
  readonly trailersOnly?: boolean;
  /** OTLP/HTTP: the status of the answer. gRPC: answers with this HTTP status and a text instead of gRPC. */
  readonly httpStatus?: number;
  /** OTLP/HTTP: more headers. */
  readonly headers?: Readonly<Record<string, string>>;
  /** OTLP/HTTP: a page instead of OTLP. */
  readonly html?: string;
  /**
   * Answers nothing. `silent` leaves the stream open, `drop` breaks the connection, `goaway` says that this
   * request and later ones are not looked at (not for the first on a connection: Node cannot express it).
   */
  readonly instead?: 'silent' | 'drop' | 'goaway';
  /** After the answer: no new requests on this connection. */
  readonly goaway?: boolean;
}

/** Answers a stream as the script says. */
export function answer(stream: http2.ServerHttp2Stream, reply: Reply): void {
  if (stream.destroyed || reply.instead === 'silent') return;
  const { session } = stream;
  if (reply.instead === 'drop') {
    session?.destroy();
    return;
  }
  if (reply.instead === 'goaway') {
    session?.goaway(http2.constants.NGHTTP2_NO_ERROR, (stream.id ?? 2) - 2);
    return;
  }
  if (reply.httpStatus !== undefined) {
    stream.respond({ ':status': reply.httpStatus, 'content-type': 'text/plain' });
    stream.end('not gRPC\n');
    return;
  }
  const status = reply.status ?? 0;
  const head = {
    ':status': 200,
    'content-type': 'application/grpc',
    ...(reply.encoding && { 'grpc-encoding': reply.encoding }),
  };
  const tail = {
    'grpc-status': String(status),
    ...(reply.message && { 'grpc-message': encodeURIComponent(reply.message) }),
    ...retryInfo(reply),
  };
  if (reply.trailersOnly ?? status !== 0) {
    stream.respond({ ...head, ...tail }, { endStream: true });
  } else {
    stream.respond(head, { waitForTrailers: true });
    stream.once('wantTrailers', () => stream.sendTrailers(tail));
    stream.end(status === 0 ? responseFrame(reply) : undefined);
  }
  if (reply.goaway) session?.goaway(http2.constants.NGHTTP2_NO_ERROR);
}

/** Answers a request of OTLP/HTTP as the script says. */
export function answerHttp(response: http.ServerResponse, reply: Reply, isJson: boolean): void {
  if (response.destroyed || reply.instead === 'silent') return;
  if (reply.instead !== undefined) {
    response.destroy();
    return;
  }
  const type = isJson ? 'application/json' : 'application/x-protobuf';
  const head = {
    'content-type': reply.html === undefined ? type : 'text/html; charset=utf-8',
    ...reply.headers,
  };
  response.writeHead(reply.httpStatus ?? 200, head).end(reply.html ?? httpBody(reply, isJson));
}

function httpBody({ httpStatus = 200, message = '', partialSuccess }: Reply, isJson: boolean): Buffer {
  if (httpStatus !== 200)
    return isJson
      ? Buffer.from(JSON.stringify({ code: 2, message }))
      : encode('Status', { code: 2, message });
  const partial = partialSuccess && {
    rejectedLogRecords: `${partialSuccess.rejected}`,
    errorMessage: partialSuccess.message ?? '',
  };
  if (isJson) return Buffer.from(JSON.stringify({ ...(partial && { partialSuccess: partial }) }));
  return responseMessage(partialSuccess);
}

function retryInfo(reply: Reply): Record<string, string> {
  if (reply.retryInMillis === undefined) return {};
  const retryDelay = {
    seconds: Math.floor(reply.retryInMillis / 1000),
    nanos: (reply.retryInMillis % 1000) * 1e6,
  };
  const detail = {
    typeUrl: 'type.googleapis.com/google.rpc.RetryInfo',
    value: encode('RetryInfo', { retryDelay }),
  };
  const status = encode('Status', {
    code: reply.status ?? 0,
    message: reply.message ?? '',
    details: [detail],
  });
  return { 'grpc-status-details-bin': status.toString('base64').replace(/=+$/, '') };
}

function responseFrame(reply: Reply): Buffer {
  const { partialSuccess, encoding } = reply;
  const message = responseMessage(partialSuccess);
  const body =
    encoding === 'gzip'
      ? zlib.gzipSync(message)
      : encoding === 'zstd'
        ? zlib.zstdCompressSync(message)
        : message;
  const prefix = Buffer.from([encoding ? 1 : 0, 0, 0, 0, 0]);
  prefix.writeUInt32BE(body.length, 1);
  return Buffer.concat([prefix, body]);
}

function responseMessage(partial: Reply['partialSuccess']): Buffer {
  return encode(
    'ExportServiceResponse',
    partial ? { partialSuccess: { rejected: partial.rejected, errorMessage: partial.message ?? '' } } : {},
  );
}
