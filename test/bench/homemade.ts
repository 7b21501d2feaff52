// SPDX-License-Identifier: Apache-2.0
// The home-made road: lines of `bpftrace -f json` on stdin go out by the stock SDK with its defaults. Argument: the URL.
import { createInterface } from 'node:readline';
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-grpc';
import { BatchLogRecordProcessor, LoggerProvider } from '@opentelemetry/sdk-logs';

const exporter = new OTLPLogExporter({ url: process.argv[2] ?? '' });
const provider = new LoggerProvider({ processors: [new BatchLogRecordProcessor({ exporter })] });
const logger = provider.getLogger('homemade');

for await (const line of createInterface({ input: process.stdin })) {
  const { type, data } = JSON.parse(line) as { type: string; data: unknown };
  if (type !== 'printf') continue;
  const [event, comm, pid, uid, ...rest] = String(data).trimEnd().split(' ');
  logger.emit({
    eventName: event!,
    severityNumber: 9,
    body: rest.join(' '),
    attributes: {
      'process.pid': Number(pid),
      'process.user.id': Number(uid),
      'thread.name': comm!,
      [event === 'connect' ? 'agentsmith.network.socket.fd' : 'file.path']: rest.join(' '),
    },
  });
}
await provider.shutdown();
