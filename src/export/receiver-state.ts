// SPDX-License-Identifier: Apache-2.0
import type { ExportError, ExportErrorKind } from './export-error.ts';

/** What is known of the receiver: it takes records, or this is why it does not. */
export type ReceiverStatus = { readonly ok: true } | { readonly ok: false; readonly error: ExportError };

/** A receiver that comes and goes many times a second (a memory limiter at its limit) is told of once a minute. */
const QUIET_MS = 60_000;

/**
 * Turns the outcomes of attempts into news: one when the receiver stops taking records, one for each new reason
 * while it does not, one when it takes them again. The same reason is not told again within a minute.
 */
export class ReceiverState {
  readonly #tell: (status: ReceiverStatus) => void;
  readonly #observe: (status: ReceiverStatus) => void;
  #failing: ExportErrorKind | undefined;
  readonly #now: () => number;
  readonly #toldAt = new Map<ExportErrorKind, number>();
  readonly #toldNow = new Set<ExportErrorKind>();

  /**
   * @param now monotonic milliseconds
   * @param observe is told of every change, also of those that are no news
   */
  constructor(
    tell: (status: ReceiverStatus) => void,
    now: () => number = () => performance.now(),
    observe: (status: ReceiverStatus) => void = () => {},
  ) {
    this.#tell = tell;
    this.#observe = observe;
    this.#now = now;
  }

  /** An attempt failed, finally or not. */
  failed(error: ExportError): void {
    if (this.#failing !== error.kind) this.#observe({ ok: false, error });
    this.#failing = error.kind;
    if (this.#toldNow.has(error.kind)) return;
    const now = this.#now();
    const last = this.#toldAt.get(error.kind);
    if (last !== undefined && now - last < QUIET_MS) return;
    this.#toldAt.set(error.kind, now);
    this.#toldNow.add(error.kind);
    this.#tell({ ok: false, error });
  }

  /** A request was accepted. */
  succeeded(): void {
    if (this.#failing !== undefined) this.#observe({ ok: true });
    this.#failing = undefined;
    if (this.#toldNow.size === 0) return;
    this.#toldNow.clear();
    this.#tell({ ok: true });
  }
}
