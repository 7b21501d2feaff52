// SPDX-License-Identifier: Apache-2.0
import { setTimeout as delay } from 'node:timers/promises';
import type { ExportResponse, IExporterTransport } from '@opentelemetry/otlp-exporter-base';
import { ExportError } from './export-error.ts';
import { nextDelay } from './retry.ts';

/** Waits `ms`; ends early, without throwing, when the signal fires. */
export type Sleep = (ms: number, signal: AbortSignal) => Promise<void>;

/** Settings of a {@link RetryingTransport}. */
export interface RetryOptions {
  /**
   * No further attempt begins when this much time has passed. Unset: tries until {@link RetryingTransport.abort},
   * which is right where a bounded queue stands before it, and wrong for metrics, which are sent anew each time.
   */
  readonly giveUpAfterMs?: number;
  /** Called for each attempt that failed; `isRetried`: the request may be sent again. */
  readonly onFailure?: (error: ExportError, isRetried: boolean) => void;
  /** Called with the receiver's answer, before the caller of `send` hears of it. */
  readonly onSuccess?: (data: Uint8Array, answer: Uint8Array | undefined) => void;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
  readonly sleep?: Sleep;
  /** Monotonic milliseconds. */
  readonly now?: () => number;
}

/**
 * Tries again what the inner transport calls retryable, with backoff. It stands beneath the delegate so that
 * OpenTelemetry's exporter metrics count a request once, however often it was tried. `timeoutMillis` is the time
 * of one attempt.
 */
export class RetryingTransport implements IExporterTransport {
  readonly #inner: IExporterTransport;
  readonly #options: RetryOptions;
  readonly #sleep: Sleep;
  readonly #random: () => number;
  readonly #now: () => number;
  /** Who waits, and whether {@link wake} may end it. */
  readonly #naps = new Map<AbortController, boolean>();
  #aborted = false;

  constructor(inner: IExporterTransport, options: RetryOptions = {}) {
    this.#inner = inner;
    this.#options = options;
    this.#sleep = options.sleep ?? sleepUnref;
    this.#random = options.random ?? Math.random;
    this.#now = options.now ?? (() => performance.now());
  }

  async send(data: Uint8Array, timeoutMillis: number): Promise<ExportResponse> {
    const giveUpAt = this.#now() + (this.#options.giveUpAfterMs ?? Number.POSITIVE_INFINITY);
    for (let attempt = 1; ; attempt++) {
      const response = await this.#attempt(data, timeoutMillis);
      if (response.status === 'success') {
        this.#options.onSuccess?.(data, response.data);
        return response;
      }
      const error = asExportError(response.error);
      if (error.kind !== 'closed') this.#options.onFailure?.(error, response.status === 'retryable');
      const wait = nextDelay(
        attempt,
        response.status === 'retryable' ? response.retryInMillis : undefined,
        this.#random,
      );
      if (response.status === 'failure' || this.#aborted || this.#now() + wait >= giveUpAt)
        return { status: 'failure', error };
      await this.#nap(wait, response.retryInMillis === undefined);
      if (this.#aborted) return { status: 'failure', error };
    }
  }

  /** Lets requests that wait out a backoff try again at once, except those the receiver asked to wait. */
  wake(): void {
    for (const [nap, wakeable] of this.#naps) if (wakeable) nap.abort();
  }

  /** Ends waiting: requests that fail from now on, or wait, are given up. */
  abort(): void {
    this.#aborted = true;
    for (const nap of this.#naps.keys()) nap.abort();
  }

  shutdown(): void {
    this.abort();
    this.#inner.shutdown();
  }

  async #attempt(data: Uint8Array, timeoutMillis: number): Promise<ExportResponse> {
    try {
      return await this.#inner.send(data, timeoutMillis);
    } catch (error) {
      return { status: 'retryable', error: asExportError(error) };
    }
  }

  async #nap(ms: number, wakeable: boolean): Promise<void> {
    const nap = new AbortController();
    this.#naps.set(nap, wakeable);
    await this.#sleep(ms, nap.signal);
    this.#naps.delete(nap);
  }
}

/** Waiting to try again is no reason for the process to live: whoever wants the result awaits it with a bound. */
async function sleepUnref(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { ref: false, signal }).catch(() => {});
}

function asExportError(error: unknown): ExportError {
  return error instanceof ExportError
    ? error
    : new ExportError('unavailable', `export failed: ${String(error)}`);
}
