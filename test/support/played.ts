// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import {
  ExporterMetrics,
  type ExportResponse,
  type IExporterTransport,
} from '@opentelemetry/otlp-exporter-base';
import type { Batch } from '../../src/export/batch.ts';
import { ExportError, type ExportErrorKind } from '../../src/export/export-error.ts';
import type { Sleep } from '../../src/export/retrying-transport.ts';
import { Sender, type SenderOptions } from '../../src/export/sender.ts';
import { encode } from './otlp-decode.ts';

/** A batch is named by its records: "abc" holds three. */
export const batch = (records: string): Batch => ({
  bytes: Buffer.from(records),
  types: new Uint8Array(records.length),
  recordsStart: 0,
  recordsEnd: records.length,
});

export const nameOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

const halve = ({ bytes }: Batch): readonly [Batch, Batch] | undefined => {
  const records = nameOf(bytes);
  const middle = records.length >> 1;
  return records.length < 2 ? undefined : [batch(records.slice(0, middle)), batch(records.slice(middle))];
};

export const ok = (response: Record<string, unknown> = {}): ExportResponse => ({
  status: 'success',
  data: encode('ExportServiceResponse', response),
});
export const again = (kind: ExportErrorKind = 'unavailable', retryInMillis?: number): ExportResponse => ({
  status: 'retryable',
  error: new ExportError(kind, `it is ${kind}`),
  ...(retryInMillis !== undefined && { retryInMillis }),
});
export const no = (kind: ExportErrorKind = 'rejected'): ExportResponse => ({
  status: 'failure',
  error: new ExportError(kind, `it is ${kind}`),
});

/** Keeps requests until the test answers them, or answers by a rule. */
export class PlayedTransport implements IExporterTransport {
  readonly open: { readonly name: string; readonly answer: (response: ExportResponse) => void }[] = [];
  readonly seen: string[] = [];
  closed = 0;
  rule: ((name: string) => ExportResponse | undefined) | undefined;

  send(data: Uint8Array): Promise<ExportResponse> {
    const name = nameOf(data);
    this.seen.push(name);
    const response = this.rule?.(name);
    if (response) return Promise.resolve(response);
    return new Promise((resolve) => this.open.push({ name, answer: resolve }));
  }

  async answer(response: ExportResponse): Promise<void> {
    const request = this.open.shift();
    assert.ok(request, 'a request is open');
    request.answer(response);
    await settle();
  }

  shutdown(): void {
    this.closed++;
    for (const request of this.open.splice(0)) request.answer(again('closed'));
  }
}

/** Lets everything run that is ready to run. */
export const settle = (): Promise<void> => new Promise<void>((resolve) => setImmediate(resolve));

export interface Played {
  readonly sender: Sender;
  readonly transport: PlayedTransport;
  readonly log: string[];
  readonly naps: { readonly ms: number; readonly wake: () => void }[];
  /** Ends the nap that began first. */
  wake(): Promise<void>;
  readonly clock: { now: number };
}

/** A sender over a played transport, with a log of what it says, and its naps. */
export function playing(options: Partial<SenderOptions> = {}): Played {
  const transport = new PlayedTransport();
  const log: string[] = [];
  const naps: { readonly ms: number; readonly wake: () => void }[] = [];
  const sleep: Sleep = (ms, signal) =>
    new Promise((resolve) => {
      naps.push({ ms, wake: resolve });
      signal.addEventListener('abort', () => resolve());
    });
  const clock = { now: 0 };
  const sender = new Sender({
    transport,
    metrics: new ExporterMetrics<Batch>({
      componentType: 'test',
      metricsHelper: { name: 'log', countItems: ({ types }) => types.length },
      url: undefined,
      meterProvider: undefined,
      responseAttributesFromError: () => ({}),
    }),
    split: halve,
    onExported: ({ bytes }) => log.push(`exported ${nameOf(bytes)}`),
    onLost: ({ bytes }, reason) => log.push(`lost ${nameOf(bytes)}: ${reason}`),
    onPartial: ({ bytes }, rejected, message) => log.push(`partial ${nameOf(bytes)}: ${rejected} ${message}`),
    onState: (status) => log.push(status.ok ? 'up' : `down: ${status.error.message}`),
    sleep,
    random: () => 0.5,
    now: () => clock.now,
    ...options,
  });
  const wake = async () => {
    naps.shift()!.wake();
    await settle();
  };
  return { sender, transport, log, naps, wake, clock };
}
