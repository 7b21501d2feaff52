// SPDX-License-Identifier: Apache-2.0
import type { MeterProvider } from '@opentelemetry/api';
import { ExporterMetrics } from '@opentelemetry/otlp-exporter-base';
import type { Protocol } from '../config/receiver-settings.ts';
import type { Batch } from './batch.ts';
import { ExportError } from './export-error.ts';
import { GRPC_STATUS } from './failure-grpc.ts';
import type { GrpcConnection } from './grpc-connection.ts';
import type { Receiver } from './receiver.ts';
import { Sender, type SenderOptions } from './sender.ts';
import { OtlpTransport } from './transport.ts';

/** What {@link createLogSender} needs beside where to send. */
export interface LogSenderOptions extends Omit<SenderOptions, 'transport' | 'metrics' | 'timeoutMillis'> {
  readonly receiver: Receiver;
  /** A connection to share with another signal (gRPC); by default the sender has its own. */
  readonly connection?: GrpcConnection;
  /** For `otel.sdk.exporter.*`; none by default. */
  readonly meterProvider?: MeterProvider;
}

/** A {@link Sender} of logs over OTLP. */
export function createLogSender(options: LogSenderOptions): Sender {
  const { receiver, connection } = options;
  return new Sender({
    ...options,
    timeoutMillis: receiver.timeoutMillis,
    transport: new OtlpTransport(receiver, connection),
    metrics: new ExporterMetrics<Batch>({
      componentType: componentType(receiver.protocol, 'log'),
      metricsHelper: { name: 'log', countItems: (batch) => batch.types.length },
      url: receiver.url,
      meterProvider: options.meterProvider,
      responseAttributesFromError: responseAttributes(receiver.protocol),
    }),
  });
}

/** `otel.component.type` (semantic conventions, registry). */
export function componentType(protocol: Protocol, signal: 'log' | 'metric'): string {
  const way = { grpc: 'otlp_grpc', 'http/protobuf': 'otlp_http', 'http/json': 'otlp_http_json' }[protocol];
  return `${way}_${signal}_exporter`;
}

/** The status of an export's outcome, as semantic conventions name it; for `ExporterMetrics`. */
export function responseAttributes(
  protocol: Protocol,
): (error: Error | string | undefined) => Record<string, string | number> {
  return (error) => {
    const { code, httpStatus } = error instanceof ExportError ? error : {};
    if (protocol === 'grpc') {
      const status = error === undefined ? 0 : code;
      return status === undefined ? {} : { 'rpc.response.status_code': GRPC_STATUS[status] ?? 'UNKNOWN' };
    }
    const status = error === undefined ? 200 : httpStatus;
    return status === undefined ? {} : { 'http.response.status_code': status };
  };
}
