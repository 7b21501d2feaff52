// SPDX-License-Identifier: Apache-2.0
import type http2 from 'node:http2';
import zlib from 'node:zlib';
import type { ExportResponse } from '@opentelemetry/otlp-exporter-base';
import type { Compression } from './compression.ts';
import { fromHttpInstead, fromStatus, UNIMPLEMENTED } from './failure-grpc.ts';
import type { Undecodable } from './transport.ts';

/** The answer is empty or a partial success: more is not read. */
const MAX_ANSWER_BYTES = 64 * 1024;

/** What a receiver says to one request, as it comes in (grpc/grpc, doc/PROTOCOL-HTTP2.md, "Responses"). */
export class GrpcAnswer {
  #httpStatus = 0;
  #contentType = '';
  #encoding = '';
  #status: number | undefined;
  #message = '';
  #details: Buffer | undefined;
  readonly #chunks: Buffer[] = [];
  #size = 0;

  /** Whether the receiver has said anything. */
  get begun(): boolean {
    return this.#httpStatus !== 0;
  }

  /** Whether nothing more needs to be heard. */
  get complete(): boolean {
    return this.#status !== undefined || (this.begun && !this.#isGrpc);
  }

  get #isGrpc(): boolean {
    return this.#httpStatus === 200 && this.#contentType.startsWith('application/grpc');
  }

  /** Takes the response headers. */
  head(headers: http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader): void {
    this.#httpStatus = headers[':status'] ?? 0;
    this.#contentType = headers['content-type'] ?? '';
    this.#encoding = String(headers['grpc-encoding'] ?? '');
    this.tail(headers);
  }

  /** Takes the trailers; a receiver that answers with an error only puts them into the headers ("Trailers-Only"). */
  tail(trailers: http2.IncomingHttpHeaders): void {
    const status = String(trailers['grpc-status'] ?? '');
    if (!/^\d{1,3}$/.test(status)) return;
    this.#status = Number(status);
    this.#message = percentDecode(String(trailers['grpc-message'] ?? ''));
    const details = trailers['grpc-status-details-bin'];
    if (typeof details === 'string') this.#details = Buffer.from(details, 'base64');
  }

  /** Takes a part of the body; more than an answer can need is dropped. */
  body(chunk: Buffer): void {
    if ((this.#size += chunk.length) <= MAX_ANSWER_BYTES) this.#chunks.push(chunk);
  }

  /** What it all means, once it is {@link complete}. */
  read(url: string, sent: Compression): ExportResponse | Undecodable {
    if (this.#status === undefined) return fromHttpInstead(url, this.#httpStatus, this.#contentType);
    if (this.#status === 0) return { status: 'success', data: this.#unframe() };
    const failure = fromStatus(url, this.#status, this.#message, this.#details);
    // Also what is said of an unknown service: the transport tries another codec before it believes that.
    const isAboutCodec = this.#status === UNIMPLEMENTED && sent !== 'none';
    return isAboutCodec ? { status: 'undecodable', otherwise: failure } : failure;
  }

  /** The response message. What cannot be read counts as empty: the receiver has said that it took the request. */
  #unframe(): Uint8Array {
    const frame = Buffer.concat(this.#chunks);
    if (frame.length < 5 || this.#size > MAX_ANSWER_BYTES) return new Uint8Array();
    const message = frame.subarray(5, 5 + frame.readUInt32BE(1));
    if (frame[0] === 0) return message;
    try {
      // grpc-go answers in the encoding of the request, whatever the client accepts.
      const options = { maxOutputLength: MAX_ANSWER_BYTES };
      return this.#encoding === 'zstd'
        ? zlib.zstdDecompressSync(message, options)
        : zlib.gunzipSync(message, options);
    } catch {
      return new Uint8Array();
    }
  }
}

function percentDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
