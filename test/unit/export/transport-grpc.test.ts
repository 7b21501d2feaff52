// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExportResponse } from '@opentelemetry/otlp-exporter-base';
import { ExportError } from '../../../src/export/export-error.ts';
import { GRPC_STATUS } from '../../../src/export/failure-grpc.ts';
import { GrpcConnection } from '../../../src/export/grpc-connection.ts';
import { readPartialSuccess } from '../../../src/export/otlp-response.ts';
import { OtlpTransport } from '../../../src/export/transport.ts';
import { encode } from '../../support/otlp-decode.ts';
import { OtlpSink, type SinkOptions } from '../../support/otlp-sink.ts';
import { type ReceiverOptions, receiverAt } from '../../support/receiver.ts';

// One attempt at a time, against a real HTTP/2 server in this process. Trying again: sender.test.ts.
// A timeout of a test's own is either never reached or is what the test waits for.

const NEVER = 60_000;
const SOON = 50;

const RETRYABLE = ['CANCELLED', 'DEADLINE_EXCEEDED', 'ABORTED', 'OUT_OF_RANGE', 'UNAVAILABLE', 'DATA_LOSS'];
const FINAL = [
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'INTERNAL',
];

const request = (records = 1, body = 'hello') =>
  encode('ExportLogsServiceRequest', {
    resourceLogs: [
      {
        scopeLogs: [
          {
            logRecords: Array.from({ length: records }, (_, i) => ({
              eventName: `event ${i}`,
              body: { stringValue: body },
            })),
          },
        ],
      },
    ],
  });

describe('OtlpTransport over gRPC', () => {
  const ends: (() => unknown)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  async function startSink(options?: SinkOptions): Promise<OtlpSink> {
    const sink = await OtlpSink.start(options);
    ends.push(() => sink.close());
    return sink;
  }

  function transportTo(
    url: string,
    options: ReceiverOptions = {},
    connection?: GrpcConnection,
  ): OtlpTransport {
    const transport = new OtlpTransport(receiverAt(url, options), connection);
    ends.push(() => transport.shutdown());
    return transport;
  }

  async function listen(server: net.Server | http.Server): Promise<string> {
    await once(server.listen(0, '127.0.0.1'), 'listening');
    ends.push(() => server.close());
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  function failure(response: ExportResponse, status: 'retryable' | 'failure', kind: string): ExportError {
    assert.equal(response.status, status, JSON.stringify(response));
    assert.ok('error' in response && response.error instanceof ExportError, 'an ExportError');
    assert.equal(response.error.kind, kind, response.error.message);
    assert.ok(!response.error.message.includes('\n'), 'one line');
    return response.error;
  }

  describe('to a receiver that accepts', () => {
    it('delivers the bytes as they are, with the headers of gRPC and of the caller', async () => {
      const sink = await startSink();
      const bytes = request(3);
      const response = await transportTo(sink.url, {
        headers: { 'x-tenant': 'blue', te: 'gzip', 'user-agent': 'agent/1' },
      }).send(bytes, 2500);
      assert.equal(response.status, 'success');
      const got = sink.requests[0]!;
      assert.deepEqual(got.bytes, bytes);
      const {
        te,
        'content-type': type,
        'user-agent': agent,
        'grpc-timeout': timeout,
        'x-tenant': tenant,
      } = got.headers;
      assert.deepEqual(
        { te, type, agent, tenant },
        { te: 'trailers', type: 'application/grpc', agent: 'agent/1', tenant: 'blue' },
      );
      // What connecting took is gone from it.
      assert.match(String(timeout), /^\d+m$/);
      assert.ok(Number.parseInt(String(timeout), 10) <= 2500);
      assert.deepEqual(
        sink.records().map((record) => record.eventName),
        ['event 0', 'event 1', 'event 2'],
      );
    });

    it('delivers over a unix socket', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'agentsmith-socket-'));
      ends.push(() => rmSync(folder, { recursive: true }));
      const sink = await startSink({ socketPath: join(folder, 'otel.sock') });
      assert.equal((await transportTo(sink.url).send(request(), NEVER)).status, 'success');
      assert.equal(sink.records().length, 1);
    });

    it('uses one connection for logs and metrics until the last user is gone', async () => {
      const sink = await startSink();
      const connection = new GrpcConnection(receiverAt(sink.url));
      const logs = transportTo(sink.url, {}, connection);
      const metrics = transportTo(sink.url, { signal: 'METRICS' }, connection);
      await logs.send(request(), NEVER);
      logs.shutdown();
      logs.shutdown();
      assert.equal((await metrics.send(Buffer.alloc(0), NEVER)).status, 'success');
      assert.deepEqual(
        sink.requests.map((r) => r.signal),
        ['logs', 'metrics'],
      );
      assert.equal(sink.connections, 1);
    });

    it('sends requests side by side', async () => {
      const sink = await startSink();
      let open = 0;
      let together = () => {};
      const both = new Promise<void>((resolve) => (together = resolve));
      sink.respond(async () => {
        if (++open === 2) together();
        await both;
        return undefined;
      });
      const transport = transportTo(sink.url);
      const responses = await Promise.all([
        transport.send(request(), NEVER),
        transport.send(request(), NEVER),
      ]);
      assert.deepEqual(
        responses.map((r) => r.status),
        ['success', 'success'],
      );
    });

    it('carries requests larger than any window', async () => {
      const sink = await startSink();
      const bytes = request(1, 'x'.repeat(3_500_000));
      const transport = transportTo(sink.url);
      for (const response of await Promise.all([
        transport.send(bytes, NEVER),
        transport.send(bytes, NEVER),
      ])) {
        assert.equal(response.status, 'success');
      }
      assert.deepEqual(sink.requests[1]!.bytes, bytes);
    });

    for (const compression of ['gzip', 'zstd'] as const) {
      it(`compresses with ${compression} and reads an answer so compressed`, async () => {
        const sink = await startSink();
        sink.respond(() => ({ encoding: compression, partialSuccess: { rejected: 2, message: 'late' } }));
        const bytes = request(200);
        const response = await transportTo(sink.url, { compression }).send(bytes, NEVER);
        assert.equal(sink.requests[0]!.headers['grpc-encoding'], compression);
        assert.deepEqual(sink.requests[0]!.bytes, bytes);
        assert.ok(response.status === 'success');
        assert.deepEqual(readPartialSuccess(response.data!), { rejected: 2, message: 'late' });
      });
    }

    it('gives the answer to the caller', async () => {
      const sink = await startSink();
      sink.respond(() => ({ partialSuccess: { rejected: 1, message: 'one too many' } }));
      const response = await transportTo(sink.url).send(request(), NEVER);
      assert.ok(response.status === 'success');
      assert.deepEqual(readPartialSuccess(response.data!), { rejected: 1, message: 'one too many' });
    });
  });

  describe('to a receiver that refuses', () => {
    for (const name of RETRYABLE) {
      it(`calls ${name} retryable`, async () => {
        const sink = await startSink();
        sink.respond(() => ({ status: GRPC_STATUS.indexOf(name), message: 'busy: try later' }));
        const error = failure(await transportTo(sink.url).send(request(), NEVER), 'retryable', 'unavailable');
        assert.equal(error.code, GRPC_STATUS.indexOf(name));
        assert.ok(
          error.message.startsWith(`${sink.url} `) && error.message.includes(`${name} (busy: try later)`),
          error.message,
        );
      });
    }

    for (const name of FINAL) {
      it(`calls ${name} final`, async () => {
        const sink = await startSink();
        sink.respond(() => ({ status: GRPC_STATUS.indexOf(name), message: 'no' }));
        failure(await transportTo(sink.url).send(request(), NEVER), 'failure', 'rejected');
      });
    }

    for (const name of ['UNAUTHENTICATED', 'PERMISSION_DENIED']) {
      it(`takes ${name} for wrong credentials`, async () => {
        const sink = await startSink();
        sink.respond(() => ({ status: GRPC_STATUS.indexOf(name) }));
        const error = failure(
          await transportTo(sink.url).send(request(), NEVER),
          'retryable',
          'unauthenticated',
        );
        assert.match(error.message, /check OTEL_EXPORTER_OTLP_HEADERS/);
      });
    }

    it('calls RESOURCE_EXHAUSTED retryable when the receiver says how long to wait', async () => {
      const sink = await startSink();
      sink.respond(() => ({ status: 8, message: 'quota', retryInMillis: 1500 }));
      const response = await transportTo(sink.url).send(request(), NEVER);
      failure(response, 'retryable', 'throttled');
      assert.equal(response.status === 'retryable' && response.retryInMillis, 1500);
    });

    it('passes on the wait that comes with UNAVAILABLE', async () => {
      const sink = await startSink();
      sink.respond(() => ({ status: 14, retryInMillis: 250 }));
      const response = await transportTo(sink.url).send(request(), NEVER);
      assert.equal(response.status === 'retryable' && response.retryInMillis, 250);
    });

    it('reads a status that comes in trailers after headers', async () => {
      const sink = await startSink();
      sink.respond(() => ({ status: 14, message: 'restarting', trailersOnly: false }));
      failure(await transportTo(sink.url).send(request(), NEVER), 'retryable', 'unavailable');
    });

    it('recognises that a request is too large', async () => {
      const sink = await startSink({ maxMessageBytes: 100 });
      failure(await transportTo(sink.url).send(request(50), NEVER), 'failure', 'too_large');
    });

    for (const [code, message] of [
      [8, 'gRPC message exceeds maximum size 4194304: 5000000'],
      [11, 'Error, decoded message length too large: found 5000000 bytes, the limit is: 4194304 bytes'],
      [8, 'grpc: received message after decompression larger than max 4194304'],
    ] as const) {
      it(`recognises "${message}" as too large`, async () => {
        const sink = await startSink();
        sink.respond(() => ({ status: code, message }));
        failure(await transportTo(sink.url).send(request(), NEVER), 'failure', 'too_large');
      });
    }

    it('falls back from zstd to gzip to none for a receiver that lacks the codec', async () => {
      const sink = await startSink();
      sink.respond(({ headers }) => {
        const encoding = headers['grpc-encoding'];
        return encoding
          ? { status: 12, message: `grpc: Decompressor is not installed for grpc-encoding "${encoding}"` }
          : undefined;
      });
      const transport = transportTo(sink.url, { compression: 'zstd' });
      assert.equal((await transport.send(request(), NEVER)).status, 'success');
      assert.equal((await transport.send(request(), NEVER)).status, 'success');
      assert.deepEqual(
        sink.requests.map((r) => r.headers['grpc-encoding']),
        ['zstd', 'gzip', undefined, undefined],
      );
    });

    it('keeps its codec where the service is what is missing', async () => {
      const sink = await startSink();
      sink.respond(({ index }) => (index < 3 ? { status: 12, message: 'unknown service' } : undefined));
      const transport = transportTo(sink.url, { compression: 'zstd' });
      const error = failure(await transport.send(request(), NEVER), 'retryable', 'not_otlp');
      assert.match(error.message, /no OTLP receiver for this signal: UNIMPLEMENTED \(unknown service\)/);
      assert.equal((await transport.send(request(), NEVER)).status, 'success');
      assert.deepEqual(
        sink.requests.map((r) => r.headers['grpc-encoding']),
        ['zstd', 'gzip', undefined, 'zstd'],
      );
    });

    it('keeps what a receiver says out of the structure of the log', async () => {
      const sink = await startSink();
      sink.respond(() => ({ status: 3, message: 'bad\nrecord \u001b[2J' }));
      const error = failure(await transportTo(sink.url).send(request(), NEVER), 'failure', 'rejected');
      assert.match(error.message, /bad record \[2J/);
    });
  });

  describe('to something else than an OTLP/gRPC receiver', () => {
    it('recognises a gRPC server without the service', async () => {
      const sink = await startSink();
      sink.respond(() => ({ status: 12, message: 'unknown service' }));
      const error = failure(await transportTo(sink.url).send(request(), NEVER), 'retryable', 'not_otlp');
      assert.equal(error.code, 12);
    });

    for (const [status, kind, answer] of [
      [200, 'not_otlp', 'retryable'],
      [404, 'not_otlp', 'retryable'],
      [500, 'not_otlp', 'retryable'],
      [503, 'unavailable', 'retryable'],
      [429, 'unavailable', 'retryable'],
      [401, 'unauthenticated', 'retryable'],
      [413, 'too_large', 'failure'],
    ] as const) {
      it(`takes HTTP ${status} without gRPC for ${kind}`, async () => {
        const sink = await startSink();
        sink.respond(() => ({ httpStatus: status }));
        const error = failure(await transportTo(sink.url).send(request(), NEVER), answer, kind);
        if (kind === 'not_otlp') assert.match(error.message, /like an HTTP server, not gRPC .* 4317/);
      });
    }

    it('recognises an HTTP/1 server', async () => {
      const address = await listen(http.createServer((_request, response) => response.end()));
      const error = failure(
        await transportTo(`http://${address}`).send(request(), NEVER),
        'retryable',
        'not_otlp',
      );
      assert.match(error.message, /4317/);
    });

    it('recognises a server that hangs up', async () => {
      const address = await listen(net.createServer((socket) => socket.on('error', () => {}).end()));
      failure(await transportTo(`http://${address}`).send(request(), NEVER), 'retryable', 'not_otlp');
    });

    it('recognises TLS spoken to a plaintext receiver', async () => {
      const sink = await startSink();
      const error = failure(
        await transportTo(sink.url.replace('http:', 'https:')).send(request(), NEVER),
        'retryable',
        'not_otlp',
      );
      assert.match(error.message, /http:\/\/ for plaintext/);
    });
  });

  describe('when the connection fails', () => {
    it('says that nothing listens', async () => {
      const server = net.createServer();
      const address = await listen(server);
      server.close();
      await once(server, 'close');
      const error = failure(
        await transportTo(`http://${address}`).send(request(), NEVER),
        'retryable',
        'unreachable',
      );
      assert.ok(error.message.includes(address) && /Collector/.test(error.message), error.message);
    });

    it('finds a receiver that came up later', async () => {
      const server = net.createServer();
      const address = await listen(server);
      server.close();
      await once(server, 'close');
      const transport = transportTo(`http://${address}`);
      failure(await transport.send(request(), NEVER), 'retryable', 'unreachable');
      const later = http.createServer();
      await once(later.listen(Number(address.split(':')[1]), '127.0.0.1'), 'listening');
      ends.push(() => later.close());
      failure(await transport.send(request(), NEVER), 'retryable', 'not_otlp');
    });

    it('calls a connection that breaks under a request retryable, and connects again', async () => {
      const sink = await startSink();
      sink.respond(({ index }) => (index === 0 ? { instead: 'drop' } : undefined));
      const transport = transportTo(sink.url);
      failure(await transport.send(request(), NEVER), 'retryable', 'unavailable');
      assert.equal((await transport.send(request(), NEVER)).status, 'success');
      assert.equal(sink.connections, 2);
    });

    it('calls a request that GOAWAY leaves out retryable, and connects again', async () => {
      const sink = await startSink();
      sink.respond(({ index }) => (index === 1 ? { instead: 'goaway' } : undefined));
      const transport = transportTo(sink.url);
      assert.equal((await transport.send(request(), NEVER)).status, 'success');
      failure(await transport.send(request(), NEVER), 'retryable', 'unavailable');
      assert.equal((await transport.send(request(), NEVER)).status, 'success');
      assert.equal(sink.connections, 2);
    });

    it('does not mind a GOAWAY between requests', async () => {
      const sink = await startSink();
      sink.respond(() => ({ goaway: true }));
      const transport = transportTo(sink.url);
      for (let i = 0; i < 3; i++) assert.equal((await transport.send(request(), NEVER)).status, 'success');
      assert.equal(sink.requests.length, 3);
    });

    it('gives up a receiver that does not answer in time, and its connection', async () => {
      const sink = await startSink();
      sink.respond(({ index }) => (index === 0 ? { instead: 'silent' } : undefined));
      const transport = transportTo(sink.url);
      const error = failure(await transport.send(request(), SOON), 'retryable', 'timeout');
      assert.match(error.message, /did not answer within 0.05 s/);
      assert.equal((await transport.send(request(), NEVER)).status, 'success');
      assert.equal(sink.connections, 2);
    });

    it('gives up a server that accepts and says nothing', async () => {
      const address = await listen(net.createServer((socket) => void ends.push(() => socket.destroy())));
      failure(
        await transportTo(`http://${address}`).send(request(1, 'x'.repeat(3_000_000)), SOON),
        'retryable',
        'timeout',
      );
    });

    it('ends requests in flight when it is shut down, and takes no more', async () => {
      const sink = await startSink();
      const transport = transportTo(sink.url);
      sink.respond(() => {
        setImmediate(() => transport.shutdown());
        return { instead: 'silent' };
      });
      failure(await transport.send(request(), NEVER), 'retryable', 'closed');
      failure(await transport.send(request(), NEVER), 'retryable', 'closed');
    });
  });
});
