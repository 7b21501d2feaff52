// SPDX-License-Identifier: Apache-2.0
import type { ExportResponseFailure, ExportResponseRetryable } from '@opentelemetry/otlp-exporter-base';
import { oneLine, readRetryDelay } from './otlp-response.ts';

/**
 * Why an export did not succeed, in the words that matter to a user: `untrusted` is a TLS certificate that one
 * side refuses, `not_otlp` a receiver that speaks something else, `closed` our own shutdown.
 */
export type ExportErrorKind =
  | 'unreachable'
  | 'timeout'
  | 'unavailable'
  | 'throttled'
  | 'too_large'
  | 'rejected'
  | 'unauthenticated'
  | 'untrusted'
  | 'not_otlp'
  | 'closed';

/** A failed export. The message is one line: which endpoint, what happened, what to do. */
export class ExportError extends Error {
  override readonly name = 'ExportError';
  readonly kind: ExportErrorKind;
  /** The gRPC status code, when there was one. */
  readonly code: number | undefined;

  constructor(kind: ExportErrorKind, message: string, code?: number) {
    super(message);
    this.kind = kind;
    this.code = code;
  }
}

/** A failed attempt, as a transport reports it: retryable or final. */
export type Failure = (ExportResponseRetryable | ExportResponseFailure) & { readonly error: ExportError };

/** How far a connection got: what tells a receiver that is away from one that speaks something else. */
export type Progress = 'connecting' | 'connected' | 'speaking_http2';

/** Names of the gRPC status codes, by number (grpc/grpc, doc/statuscodes.md). */
export const GRPC_STATUS: readonly string[] = (
  'OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED ' +
  'RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS UNAUTHENTICATED'
).split(' ');

const PERMISSION_DENIED = 7;
const RESOURCE_EXHAUSTED = 8;
const OUT_OF_RANGE = 11;
const UNIMPLEMENTED = 12;
const INTERNAL = 13;
const UNAUTHENTICATED = 16;

/** CANCELLED, DEADLINE_EXCEEDED, ABORTED, OUT_OF_RANGE, UNAVAILABLE, DATA_LOSS (OTLP specification, "Failures", gRPC). */
const RETRYABLE: ReadonlySet<number> = new Set([1, 4, 10, OUT_OF_RANGE, 14, 15]);

/** grpc-go and grpc-js say "larger than max", grpc-java "exceeds maximum size", tonic (Vector) "length too large". */
const TOO_LARGE = /larger than max|exceeds maximum size|message length too large/i;
/** tonic answers an oversized message with OUT_OF_RANGE or INTERNAL. */
const TOO_LARGE_CODES: ReadonlySet<number> = new Set([RESOURCE_EXHAUSTED, OUT_OF_RANGE, INTERNAL]);

const retryable = (error: ExportError, retryInMillis?: number): Failure =>
  retryInMillis === undefined
    ? { status: 'retryable', error }
    : { status: 'retryable', error, retryInMillis };
const final = (error: ExportError): Failure => ({ status: 'failure', error });

/**
 * The failure that a gRPC status other than OK means.
 *
 * @param details content of `grpc-status-details-bin` (a google.rpc.Status), if any
 */
export function fromStatus(url: string, code: number, grpcMessage: string, details?: Uint8Array): Failure {
  const name = GRPC_STATUS[code] ?? `status ${code}`;
  const said = oneLine(grpcMessage);
  const answer = said === '' ? name : `${name} (${said})`;
  const error = (kind: ExportErrorKind, text: string) => new ExportError(kind, `${url} ${text}`, code);
  if (TOO_LARGE_CODES.has(code) && TOO_LARGE.test(said)) {
    return final(
      error('too_large', `takes no request of this size: ${answer}; raise its max_recv_msg_size_mib`),
    );
  }
  if (code === UNIMPLEMENTED) {
    return retryable(
      error('not_otlp', `speaks gRPC but is no OTLP receiver for this signal: ${answer}; check the endpoint`),
    );
  }
  if (code === UNAUTHENTICATED || code === PERMISSION_DENIED) {
    return final(
      error('unauthenticated', `refuses our credentials: ${answer}; check OTEL_EXPORTER_OTLP_HEADERS`),
    );
  }
  const retryIn = details === undefined ? undefined : readRetryDelay(details);
  if (code === RESOURCE_EXHAUSTED && retryIn !== undefined) {
    return retryable(error('throttled', `asks to send less: ${answer}; records wait`), retryIn);
  }
  if (RETRYABLE.has(code)) {
    return retryable(
      error('unavailable', `cannot take records now: ${answer}; they wait and are sent again`),
      retryIn,
    );
  }
  return final(error('rejected', `rejects the records: ${answer}; they are lost and counted`));
}

/** The failure that an answer without gRPC means: a proxy, a web server, OTLP/HTTP (grpc/grpc, doc/http-grpc-status-mapping.md). */
export function fromHttp(url: string, status: number, contentType: string): Failure {
  const error = (kind: ExportErrorKind, text: string) => new ExportError(kind, `${url} ${text}`);
  if (status === 401 || status === 403) {
    return final(
      error('unauthenticated', `refuses our credentials: HTTP ${status}; check OTEL_EXPORTER_OTLP_HEADERS`),
    );
  }
  if (status === 413)
    return final(error('too_large', 'takes no request of this size: HTTP 413; raise the limit of the proxy'));
  if (status === 429 || (status >= 502 && status <= 504)) {
    return retryable(
      error('unavailable', `cannot take records now: HTTP ${status}; they wait and are sent again`),
    );
  }
  const what = status === 200 ? `content type "${oneLine(contentType)}"` : `HTTP ${status}`;
  return retryable(
    error(
      'not_otlp',
      `answers like an HTTP server, not gRPC (${what}): use the OTLP/gRPC port, usually 4317`,
    ),
  );
}

/** The failure that a broken connection means. `cause` is the error of the socket or session, if it left one. */
export function fromConnection(
  url: string,
  progress: Progress,
  cause: NodeJS.ErrnoException | undefined,
): Failure {
  const code = cause?.code ?? '';
  const why = code === '' ? '' : ` (${code})`;
  const error = (kind: ExportErrorKind, text: string) => retryable(new ExportError(kind, `${url} ${text}`));
  if (progress === 'speaking_http2')
    return error('unavailable', `closed the connection${why}; records wait and are sent again`);
  if (/CERT|SIGNATURE|ISSUER|ALTNAME|UNKNOWN_CA|HANDSHAKE_FAILURE/.test(code)) {
    return error(
      'untrusted',
      `failed the TLS check${why}: check OTEL_EXPORTER_OTLP_CERTIFICATE and the client certificate`,
    );
  }
  if (/^ERR_SSL_|^EPROTO$/.test(code)) {
    return error(
      'not_otlp',
      `does not speak TLS with gRPC${why}: use http:// for plaintext, or the OTLP/gRPC port, usually 4317`,
    );
  }
  const tls = url.startsWith('https:');
  const port = `use the OTLP/gRPC port, usually 4317 (4318 is HTTP)${tls ? '' : ', and https:// if it expects TLS'}`;
  if (code === 'ERR_HTTP2_ERROR') return error('not_otlp', `does not speak gRPC: ${port}`);
  if (progress === 'connected') {
    return error('not_otlp', `closes the connection without speaking gRPC${why}: ${port}`);
  }
  if (tls && code === 'ECONNRESET') {
    return error('not_otlp', `breaks off the TLS handshake${why}: use http:// for plaintext; ${port}`);
  }
  if (code === 'ECONNREFUSED')
    return error('unreachable', 'refuses connections: is the Collector running there?');
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return error('unreachable', `has a name that does not resolve (${code}): check the endpoint`);
  return error('unreachable', `cannot be reached${why}: check the endpoint and the network`);
}

/** The failure of a request that got no answer in time. */
export function fromDeadline(url: string, progress: Progress, timeoutMillis: number): Failure {
  const did = progress === 'connecting' ? 'could not be connected to' : 'did not answer';
  const hint = progress === 'connecting' ? 'check the endpoint and the firewall' : 'is it overloaded?';
  return retryable(new ExportError('timeout', `${url} ${did} within ${timeoutMillis / 1000} s: ${hint}`, 4));
}
