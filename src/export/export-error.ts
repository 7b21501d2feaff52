// SPDX-License-Identifier: Apache-2.0
import type { ExportResponseFailure, ExportResponseRetryable } from '@opentelemetry/otlp-exporter-base';

/**
 * Why an export did not succeed, in the words that matter to a user: `untrusted` is a TLS certificate that one
 * side refuses, `proxy` a proxy that refuses, `not_otlp` a receiver that speaks something else, `closed` our own
 * shutdown.
 */
export type ExportErrorKind =
  | 'unreachable'
  | 'proxy'
  | 'timeout'
  | 'unavailable'
  | 'throttled'
  | 'too_large'
  | 'rejected'
  | 'unauthenticated'
  | 'untrusted'
  | 'not_otlp'
  | 'closed';

/** The status that came with a failure. */
export interface AnswerStatus {
  /** The gRPC status code. */
  readonly code?: number;
  /** The status of OTLP/HTTP. */
  readonly httpStatus?: number;
}

/** A failed export. The message is one line: which endpoint, what happened, what to do. */
export class ExportError extends Error {
  override readonly name = 'ExportError';
  readonly kind: ExportErrorKind;
  /** The gRPC status code, when there was one. */
  readonly code: number | undefined;
  /** The status of OTLP/HTTP, when there was one. */
  readonly httpStatus: number | undefined;

  constructor(kind: ExportErrorKind, message: string, { code, httpStatus }: AnswerStatus = {}) {
    super(message);
    this.kind = kind;
    this.code = code;
    this.httpStatus = httpStatus;
  }
}

/** A failed attempt, as a transport reports it: retryable or final. */
export type Failure = (ExportResponseRetryable | ExportResponseFailure) & { readonly error: ExportError };

/** The records are kept and sent again. */
export const retryable = (error: ExportError, retryInMillis?: number): Failure =>
  retryInMillis === undefined
    ? { status: 'retryable', error }
    : { status: 'retryable', error, retryInMillis };

/** The receiver does not want these records. */
export const final = (error: ExportError): Failure => ({ status: 'failure', error });

/** Our own shutdown. */
export const closedFailure = (url: string): Failure =>
  retryable(new ExportError('closed', `${url}: the exporter was shut down`));
