// SPDX-License-Identifier: Apache-2.0
import { ExportError, type ExportErrorKind, type Failure, final, retryable } from './export-error.ts';
import { oneLine, readStatusMessage } from './otlp-response.ts';

/** What a receiver answered over HTTP. */
export interface HttpAnswer {
  readonly status: number;
  readonly contentType: string;
  /** `Retry-After`. */
  readonly retryAfter?: string;
  /** `Location` of a redirect. */
  readonly location?: string;
  readonly body: Uint8Array;
}

/** Go and nginx answer so in plaintext to plaintext on a TLS port. */
const WANTS_TLS = /HTTP request (?:was sent )?to (?:an )?HTTPS (?:server|port)/i;

/** Retryable by the OTLP specification ("Failures", OTLP/HTTP). */
const RETRYABLE: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/**
 * The failure that an answer means, or undefined when the receiver took the request. A receiver that is none, or
 * refuses our credentials, has said nothing about the records: they are kept, and the queue bounds them.
 *
 * @param now ms since the epoch, for a `Retry-After` that is a date
 */
export function fromHttpAnswer(url: string, answer: HttpAnswer, now = Date.now()): Failure | undefined {
  const { status, contentType, body } = answer;
  const isPage = /^(?:text\/html|application\/xhtml)/i.test(contentType);
  const said = isPage ? 'an HTML page' : readStatusMessage(body, contentType);
  const what = `HTTP ${status}${said === '' ? '' : ` (${said})`}`;
  const error = (kind: ExportErrorKind, text: string) =>
    new ExportError(kind, `${url} ${text}`, { httpStatus: status });
  const notOtlp = (text: string) => retryable(error('not_otlp', text));
  if (status >= 200 && status <= 299) {
    return isPage
      ? notOtlp(
          `answers with an HTML page, not OTLP: a proxy or a web server is in the way; check the endpoint`,
        )
      : undefined;
  }
  if (status >= 300 && status <= 399) {
    const target = answer.location === undefined ? '' : ` to ${oneLine(answer.location)}`;
    return notOtlp(`redirects${target} (HTTP ${status}): give the receiver's own address as endpoint`);
  }
  if (status === 401 || status === 403) {
    return retryable(
      error('unauthenticated', `refuses our credentials: ${what}; check OTEL_EXPORTER_OTLP_HEADERS`),
    );
  }
  if (status === 407)
    return retryable(
      error('proxy', `is behind a proxy that wants credentials: ${what}; put them into its URL`),
    );
  if (status === 404 || status === 405) {
    return notOtlp(
      `has no OTLP/HTTP receiver at this path: ${what}; check the endpoint (a base URL gets /v1/logs, one of OTEL_EXPORTER_OTLP_LOGS_ENDPOINT does not)`,
    );
  }
  if (status === 400 && WANTS_TLS.test(Buffer.from(body).toString('latin1')))
    return notOtlp('expects TLS: use https://');
  if (status === 413)
    return final(
      error('too_large', `takes no request of this size: ${what}; raise its max_request_body_size`),
    );
  if (status === 415 || status === 505 || status === 426) {
    return notOtlp(`does not take this kind of request: ${what}; try another OTEL_EXPORTER_OTLP_PROTOCOL`);
  }
  if (RETRYABLE.has(status)) {
    const isThrottling = status === 429;
    return retryable(
      isThrottling
        ? error('throttled', `asks to send less: ${what}; records wait`)
        : error('unavailable', `cannot take records now: ${what}; they wait and are sent again`),
      retryAfterMillis(answer.retryAfter, now),
    );
  }
  return final(error('rejected', `rejects the records: ${what}; they are lost and counted`));
}

/** Milliseconds that `Retry-After` asks for: seconds or a date (RFC 9110 10.2.3); undefined when it makes no sense. */
export function retryAfterMillis(value: string | undefined, now: number): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d{1,9}$/.test(value.trim())) return Number(value) * 1000;
  const date = /[a-z]/i.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
