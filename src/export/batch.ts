// SPDX-License-Identifier: Apache-2.0
export type { LossReason } from '../ledger.ts';

/**
 * A closed batch: one complete ExportLogsServiceRequest, ready to send. It is the unit of retry and of the
 * counters; nobody changes it after it was closed.
 */
export interface Batch {
  /** The serialized request (opentelemetry-proto, `ExportLogsServiceRequest`). */
  readonly bytes: Uint8Array;
  /** The event type of each record, in order: what the counters are kept by. Its length is the record count. */
  readonly types: Uint8Array;
  /** Where the first record begins within `bytes`; the records follow each other as `ScopeLogs.log_records`. */
  readonly recordsStart: number;
  /** Where the last record ends within `bytes`. */
  readonly recordsEnd: number;
}
