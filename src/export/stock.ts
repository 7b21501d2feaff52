// SPDX-License-Identifier: Apache-2.0
import type { Resource } from '@opentelemetry/resources';
import type { LoggerProvider, LogRecordExporter } from '@opentelemetry/sdk-logs';
import { EndpointError } from './endpoint.ts';
import { type Batching, batching, sdkLimits, tellResults } from './otel.ts';
import type { Receiver } from './receiver.ts';

/**
 * The stock lane: LoggerProvider, BatchLogRecordProcessor and the OTLP exporters as they come. It loses what its queue
 * does not hold and, over gRPC, never retries; it is there for users' own processors, and as what we measure against.
 *
 * @throws EndpointError for what the stock exporters cannot do
 */
export async function createStockProvider(
  resource: Resource,
  receiver: Receiver,
  onResult: (names: readonly string[], isExported: boolean) => void = () => {},
  options: Batching = {},
): Promise<LoggerProvider> {
  const { LoggerProvider } = await import('@opentelemetry/sdk-logs');
  const exporter = receiver.protocol === 'grpc' ? await grpcExporter(receiver) : await httpExporter(receiver);
  tellResults(exporter, (records, isExported) =>
    onResult(
      records.map(({ eventName }) => eventName ?? ''),
      isExported,
    ),
  );
  return new LoggerProvider({
    resource,
    processors: [batching(exporter, options)],
    logRecordLimits: sdkLimits(options.limits),
  });
}

async function grpcExporter({
  url,
  headers,
  timeoutMillis,
  secure,
  certificates,
}: Receiver): Promise<LogRecordExporter> {
  const { OTLPLogExporter } = await import('@opentelemetry/exporter-logs-otlp-grpc');
  const { credentials, Metadata } = await import('@grpc/grpc-js');
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  return new OTLPLogExporter({
    url,
    metadata,
    timeoutMillis,
    credentials: !secure
      ? credentials.createInsecure()
      : certificates
        ? credentials.createFromSecureContext(certificates.context)
        : credentials.createSsl(),
  });
}

async function httpExporter(receiver: Receiver): Promise<LogRecordExporter> {
  const { address, proxy, certificates } = receiver;
  if (address.socketPath !== undefined || proxy !== undefined) {
    const what = proxy === undefined ? 'unix sockets' : `proxies (${proxy.variable})`;
    throw new EndpointError(`--pipeline sdk: the stock exporter knows no ${what} over HTTP; leave it out`);
  }
  const { OTLPLogExporter } =
    receiver.protocol === 'http/json'
      ? await import('@opentelemetry/exporter-logs-otlp-http')
      : await import('@opentelemetry/exporter-logs-otlp-proto');
  return new OTLPLogExporter({
    url: `${receiver.secure ? 'https' : 'http'}://${receiver.authority}${receiver.path}`,
    headers: { ...receiver.headers },
    timeoutMillis: receiver.timeoutMillis,
    ...(certificates && { httpAgentOptions: { secureContext: certificates.context } }),
  });
}
