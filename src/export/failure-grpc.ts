// SPDX-License-Identifier: Apache-2.0
import { ExportError, type ExportErrorKind, type Failure, final, retryable } from './export-error.ts';
import { oneLine, readRetryDelay } from './otlp-response.ts';

/** Names of the gRPC status codes, by number (grpc/grpc, doc/statuscodes.md). */
export const GRPC_STATUS: readonly string[] = (
  'OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED ' +
  'RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS UNAUTHENTICATED'
).split(' ');

const PERMISSION_DENIED = 7;
const RESOURCE_EXHAUSTED = 8;
const OUT_OF_RANGE = 11;
export const UNIMPLEMENTED = 12;
const INTERNAL = 13;
const UNAUTHENTICATED = 16;

/** CANCELLED, DEADLINE_EXCEEDED, ABORTED, OUT_OF_RANGE, UNAVAILABLE, DATA_LOSS (OTLP specification, "Failures", gRPC). */
const RETRYABLE: ReadonlySet<number> = new Set([1, 4, 10, OUT_OF_RANGE, 14, 15]);

/** grpc-go and grpc-js say "larger than max", grpc-java "exceeds maximum size", tonic (Vector) "length too large". */
const TOO_LARGE = /larger than max|exceeds maximum size|message length too large/i;
/** tonic answers an oversized message with OUT_OF_RANGE or INTERNAL. */
const TOO_LARGE_CODES: ReadonlySet<number> = new Set([RESOURCE_EXHAUSTED, OUT_OF_RANGE, INTERNAL]);

/**
 * The failure that a gRPC status other than OK means. A receiver that is none, or refuses our credentials, has said
 * nothing about the records: they are kept, and the queue bounds them.
 *
 * @param details content of `grpc-status-details-bin` (a google.rpc.Status), if any
 */
export function fromStatus(url: string, code: number, grpcMessage: string, details?: Uint8Array): Failure {
  const name = GRPC_STATUS[code] ?? `status ${code}`;
  const said = oneLine(grpcMessage);
  const answer = said === '' ? name : `${name} (${said})`;
  const error = (kind: ExportErrorKind, text: string) => new ExportError(kind, `${url} ${text}`, { code });
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
    return retryable(
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
export function fromHttpInstead(url: string, status: number, contentType: string): Failure {
  const error = (kind: ExportErrorKind, text: string) => new ExportError(kind, `${url} ${text}`);
  if (status === 401 || status === 403) {
    return retryable(
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
      `answers like an HTTP server, not gRPC (${what}): use the OTLP/gRPC port, usually 4317, or OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf`,
    ),
  );
}
