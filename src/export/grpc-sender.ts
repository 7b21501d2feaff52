// SPDX-License-Identifier: Apache-2.0
import type { MeterProvider } from '@opentelemetry/api';
import { ExporterMetrics } from '@opentelemetry/otlp-exporter-base';
import type { Batch } from './batch.ts';
import { ExportError, GRPC_STATUS } from './export-error.ts';
import { GrpcConnection } from './grpc-connection.ts';
import type { GrpcOptions } from './grpc-options.ts';
import { Sender, type SenderOptions } from './sender.ts';
import { GrpcTransport, LOGS_PATH } from './transport-grpc.ts';

/** What {@link createGrpcSender} needs beside where to send. */
export interface GrpcSenderOptions extends Omit<SenderOptions, 'transport' | 'metrics' | 'timeoutMillis'> {
  readonly grpc: GrpcOptions;
  /** A connection to share with another signal; by default the sender has its own. */
  readonly connection?: GrpcConnection;
  /** For `otel.sdk.exporter.*`; none by default. */
  readonly meterProvider?: MeterProvider;
  readonly userAgent?: string;
}

/** A {@link Sender} of logs over OTLP/gRPC. */
export function createGrpcSender(options: GrpcSenderOptions): Sender {
  const { grpc, connection = new GrpcConnection(grpc) } = options;
  return new Sender({
    ...options,
    timeoutMillis: grpc.timeoutMillis,
    transport: new GrpcTransport({
      connection,
      path: LOGS_PATH,
      headers: grpc.headers,
      compression: grpc.compression,
      ...(options.userAgent !== undefined && { userAgent: options.userAgent }),
    }),
    metrics: new ExporterMetrics<Batch>({
      componentType: 'otlp_grpc_log_exporter',
      metricsHelper: { name: 'log', countItems: (batch) => batch.types.length },
      url: grpc.url,
      meterProvider: options.meterProvider,
      responseAttributesFromError: grpcResponseAttributes,
    }),
  });
}

/** `rpc.response.status_code` of an export's outcome, as semantic conventions name it; for `ExporterMetrics`. */
export function grpcResponseAttributes(error: Error | string | undefined): Record<string, string> {
  if (error === undefined) return { 'rpc.response.status_code': 'OK' };
  const code = error instanceof ExportError ? error.code : undefined;
  return code === undefined ? {} : { 'rpc.response.status_code': GRPC_STATUS[code] ?? 'UNKNOWN' };
}
