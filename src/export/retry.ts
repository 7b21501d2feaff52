// SPDX-License-Identifier: Apache-2.0

/** The OTLP specification asks for "an initial delay" and growth; 1 s is what the SDKs and the Collector's own exporters start near. */
export const INITIAL_DELAY_MS = 1_000;

/** Gentler than doubling: a Collector that restarts (seconds) is found again soon, a dead one costs two requests a minute. */
export const DELAY_FACTOR = 1.5;

/** After an outage of any length records flow again within half a minute; the queue bounds the memory meanwhile. */
export const MAX_DELAY_MS = 30_000;

/** A receiver may ask for patience, not switch us off: whatever it says, we ask again after five minutes. */
export const MAX_RETRY_INFO_MS = 300_000;

/**
 * How long to wait before the next attempt, in milliseconds. Exponential backoff with full jitter: the delay
 * is spread over the whole interval, so that a fleet cut off at the same moment does not come back at the same
 * moment. A RetryInfo of the receiver is a lower bound; the jitter then comes on top of it.
 *
 * @param attempt how many attempts have failed so far, 1 after the first
 * @param retryInMillis what the receiver asked for (google.rpc.RetryInfo), if it did
 * @param random uniform in [0, 1)
 */
export function nextDelay(attempt: number, retryInMillis: number | undefined, random: () => number): number {
  const ceiling = Math.min(MAX_DELAY_MS, INITIAL_DELAY_MS * DELAY_FACTOR ** Math.max(0, attempt - 1));
  if (retryInMillis === undefined) return random() * ceiling;
  const asked = Math.min(MAX_RETRY_INFO_MS, Math.max(0, retryInMillis));
  return asked + random() * Math.min(ceiling, INITIAL_DELAY_MS);
}
