// SPDX-License-Identifier: Apache-2.0
import type { Logger } from '@opentelemetry/api';
import type { Resource } from '@opentelemetry/resources';
import type { LoggerProvider, LogRecordExporter, LogRecordProcessor } from '@opentelemetry/sdk-logs';
import type { RawEvent } from '../decode/record.ts';
import type { Process } from '../enrich/process.ts';
import type { ReadableEvent, RunnableEvent } from '../events/event.ts';
import type { Ledger } from '../ledger.ts';
import type { Exporter } from './exporter.ts';
import { createUserProvider, emit, loggerOf, type RecordEncoder } from './otel.ts';

/** Pieces of OpenTelemetry's SDK that the user brings. */
export interface SdkLaneOptions {
  /** See each record in this order, may add and change, and leave out with `drop`. */
  readonly processors: readonly LogRecordProcessor[];
  /** Get what is left, in batches. */
  readonly exporters: readonly LogRecordExporter[];
}

/** A destination of ours that takes records as bytes. */
export interface RecordTarget extends Exporter {
  /** How it wants records of the SDK. */
  readonly encode: RecordEncoder;
  appendRecord(record: Uint8Array, type: number, severity: number): void;
}

/**
 * Every event becomes a LogRecord of the SDK, passes the user's processors, and what they leave goes to the user's
 * exporters and, encoded by the official serializer, to our own destinations.
 *
 * Books: where a target of ours takes records, it counts; else the first exporter of the user's; else a record that has
 * passed all processors has arrived.
 */
export class UserLane implements Exporter {
  observed = 0n;
  readonly #provider: LoggerProvider;
  readonly #logger: Logger;
  readonly #targets: readonly RecordTarget[];
  readonly #ledger: Ledger;
  readonly #aborted = Promise.withResolvers<void>();

  constructor(
    options: SdkLaneOptions & { readonly resource: Resource },
    targets: readonly RecordTarget[],
    ledger: Ledger,
  ) {
    this.#targets = targets;
    this.#ledger = ledger;
    const exportersCount = targets.length === 0 && options.exporters.length > 0;
    // By the name that a record had before the user's processors.
    this.#provider = createUserProvider(options.resource, {
      ...options,
      onDropped: (name) => {
        ledger.filtered[ledger.typeOf(name)]!++;
      },
      onPassed: (record, name) => {
        const type = ledger.typeOf(name);
        if (targets.length > 0) {
          for (const target of targets) {
            const bytes = target.encode(record);
            if (bytes) target.appendRecord(bytes, type, record.severityNumber ?? 0);
          }
        } else if (!exportersCount) ledger.exported[type]!++;
      },
      onResult: (name, isExported) => {
        if (!exportersCount) return;
        if (isExported) ledger.exported[ledger.typeOf(name)]!++;
        else ledger.lost(ledger.typeOf(name), 'rejected');
      },
    });
    this.#logger = loggerOf(this.#provider);
  }

  get meter(): Exporter['meter'] {
    return this.#targets[0]?.meter;
  }

  get hasRoom(): boolean {
    return this.#targets.every(({ hasRoom }) => hasRoom);
  }

  get takesBatches(): boolean {
    return this.#targets.every(({ takesBatches }) => takesBatches);
  }

  begin(time: bigint): void {
    for (const target of this.#targets) target.begin?.(time);
  }

  append(definition: RunnableEvent, event: RawEvent, process: Process): void {
    emit(this.#logger, definition.read(event, process, this.observed));
  }

  emit(record: ReadableEvent): void {
    this.#ledger.received[this.#ledger.typeOf(record.eventName)]!++;
    emit(this.#logger, record);
  }

  separate(): void {
    for (const target of this.#targets) target.separate?.();
  }

  trim(): void {
    for (const target of this.#targets) target.trim();
  }

  async shutdown(withinMs: number): Promise<void> {
    const timer = setTimeout(() => this.#aborted.resolve(), withinMs);
    const flushed = this.#provider.shutdown().catch(() => {});
    await Promise.race([flushed, this.#aborted.promise]);
    clearTimeout(timer);
    await Promise.all(this.#targets.map((target) => target.shutdown(withinMs)));
    // What the queue before the user's exporters did not hold is among it: it does not say.
    this.#ledger.loseRest('shutdown');
  }

  abort(): void {
    this.#aborted.resolve();
    for (const target of this.#targets) target.abort();
  }
}
