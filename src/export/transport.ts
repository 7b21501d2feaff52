// SPDX-License-Identifier: Apache-2.0
import { diag } from '@opentelemetry/api';
import type { ExportResponse, IExporterTransport } from '@opentelemetry/otlp-exporter-base';
import { type Compression, compress, SIMPLER } from './compression.ts';
import { closedFailure, ExportError, retryable } from './export-error.ts';
import { GrpcConnection } from './grpc-connection.ts';
import type { Receiver } from './receiver.ts';
import { GrpcExchange } from './transport-grpc.ts';
import { HttpExchange } from './transport-http.ts';

/** The receiver lacks the codec of the request. */
export interface Undecodable {
  readonly status: 'undecodable';
  /** What it means if other codecs do not help either. */
  readonly otherwise: ExportResponse;
}

/** What differs between the protocols: one request, one answer. Never rejects for anything that the network does. */
export interface Exchange {
  request(
    message: Uint8Array,
    encoding: Compression,
    timeoutMillis: number,
  ): Promise<ExportResponse | Undecodable>;
  /** Ends requests in flight; they come back as retryable, kind `closed`. */
  close(): void;
}

/**
 * OTLP to one receiver: one attempt per `send`, never rejects. What can be tried again comes back as `retryable`;
 * errors are {@link ExportError}s. Compression happens here, and the choice of another one for receivers that lack it.
 */
export class OtlpTransport implements IExporterTransport {
  readonly #url: string;
  readonly #exchange: Exchange;
  #compression: Compression;
  #closed = false;

  /** @param connection to be shared with another signal (gRPC); the transport retains it until its own shutdown */
  constructor(receiver: Receiver, connection?: GrpcConnection) {
    this.#url = receiver.url;
    this.#compression = receiver.compression;
    this.#exchange =
      receiver.protocol === 'grpc'
        ? new GrpcExchange(receiver, connection ?? new GrpcConnection(receiver))
        : new HttpExchange(receiver);
  }

  async send(data: Uint8Array, timeoutMillis: number): Promise<ExportResponse> {
    try {
      return await this.#send(data, timeoutMillis);
    } catch (error) {
      // Nothing known ends here. A defect of ours must not cost records: they are kept.
      return retryable(
        error instanceof ExportError
          ? error
          : new ExportError('unreachable', `${this.#url}: ${String(error)}`),
      );
    }
  }

  async #send(data: Uint8Array, timeoutMillis: number): Promise<ExportResponse> {
    const usual = this.#compression;
    for (let encoding = usual; ; encoding = SIMPLER[encoding]) {
      const message = await compress(data, encoding);
      if (this.#closed) return closedFailure(this.#url);
      const answer = await this.#exchange.request(message, encoding, timeoutMillis);
      if (answer.status !== 'undecodable') {
        // Only now it is known that the codec was the reason.
        if (answer.status === 'success' && encoding !== usual) this.#settleFor(encoding, usual);
        return answer;
      }
      if (encoding === 'none') return answer.otherwise;
    }
  }

  #settleFor(encoding: Compression, usual: Compression): void {
    // The other request in flight may have been first.
    if (this.#compression !== usual) return;
    this.#compression = encoding;
    diag.warn(`${this.#url} does not decode ${usual}: using compression ${encoding} from now on`);
  }

  shutdown(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#exchange.close();
  }
}

/** Requests without a record, which every OTLP receiver takes. */
const NOTHING = { grpc: '', 'http/protobuf': '', 'http/json': '{}' } as const;

/** Asks the receiver to take nothing. @throws ExportError one line that says why it does not */
export async function checkReceiver(receiver: Receiver, timeoutMillis: number): Promise<void> {
  const transport = new OtlpTransport({ ...receiver, compression: 'none', timeoutMillis });
  try {
    const answer = await transport.send(Buffer.from(NOTHING[receiver.protocol]), timeoutMillis);
    if (answer.status !== 'success')
      throw answer.error ?? new Error(`${receiver.url} did not take an empty request`);
  } finally {
    transport.shutdown();
  }
}
