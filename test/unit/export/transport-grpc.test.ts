// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExportResponse } from '@opentelemetry/otlp-exporter-base';
import { ExportError, GRPC_STATUS } from '../../../src/export/export-error.ts';
import { GrpcConnection, type Receiver } from '../../../src/export/grpc-connection.ts';
import { readPartialSuccess } from '../../../src/export/otlp-response.ts';
import {
  GrpcTransport,
  type GrpcTransportOptions,
  LOGS_PATH,
  METRICS_PATH,
} from '../../../src/export/transport-grpc.ts';
import { encode } from '../../support/otlp-decode.ts';
import { OtlpSink, type SinkOptions } from '../../support/otlp-sink.ts';
import { skip } from '../../support/skip.ts';

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

describe('GrpcTransport', () => {
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
    receiver: string | Receiver,
    options: Partial<GrpcTransportOptions> = {},
  ): GrpcTransport {
    const connection = new GrpcConnection(typeof receiver === 'string' ? { url: receiver } : receiver);
    const transport = new GrpcTransport({ connection, path: LOGS_PATH, ...options });
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
        headers: { 'x-tenant': 'blue', te: 'gzip' },
        userAgent: 'agent/1',
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
        { te, type, agent, timeout, tenant },
        { te: 'trailers', type: 'application/grpc', agent: 'agent/1', timeout: '2500m', tenant: 'blue' },
      );
      assert.deepEqual(
        sink.records().map((record) => record.eventName),
        ['event 0', 'event 1', 'event 2'],
      );
    });

    it('delivers over a unix socket', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'agentsmith-socket-'));
      const server = http2.createServer();
      ends.push(() => {
        server.close();
        rmSync(folder, { recursive: true });
      });
      server.on('stream', (stream) => {
        stream.on('error', () => {});
        stream.respond({ 'content-type': 'application/grpc', 'grpc-status': '0' }, { endStream: true });
      });
      await once(server.listen(join(folder, 'otel.sock')), 'listening');
      const transport = transportTo(`unix://${folder}/otel.sock`);
      assert.equal((await transport.send(request(), NEVER)).status, 'success');
    });

    it('uses one connection for logs and metrics until the last user is gone', async () => {
      const sink = await startSink();
      const connection = new GrpcConnection({ url: sink.url });
      const logs = transportTo(sink.url, { connection });
      const metrics = transportTo(sink.url, { connection, path: METRICS_PATH });
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
        failure(await transportTo(sink.url).send(request(), NEVER), 'failure', 'unauthenticated');
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
      const error = failure(
        await transportTo(sink.url, { path: '/other.Service/Export' }).send(request(), NEVER),
        'retryable',
        'not_otlp',
      );
      assert.equal(error.code, 12);
    });

    for (const [status, kind, answer] of [
      [200, 'not_otlp', 'retryable'],
      [404, 'not_otlp', 'retryable'],
      [500, 'not_otlp', 'retryable'],
      [503, 'unavailable', 'retryable'],
      [429, 'unavailable', 'retryable'],
      [401, 'unauthenticated', 'failure'],
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

  describe('over TLS', () => {
    let files: { key: Buffer; cert: Buffer } | undefined;
    before(function () {
      const folder = mkdtempSync(join(tmpdir(), 'agentsmith-tls-'));
      const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
      const args = [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-days',
        '1',
      ];
      try {
        execFileSync(
          'openssl',
          [
            ...args,
            '-subj',
            '/CN=sink',
            '-addext',
            'subjectAltName=IP:127.0.0.1',
            '-keyout',
            key,
            '-out',
            cert,
          ],
          { stdio: 'pipe' },
        );
        files = { key: readFileSync(key), cert: readFileSync(cert) };
      } catch (error) {
        skip(this, `no certificate could be made with openssl (${(error as Error).message.split('\n')[0]})`);
      } finally {
        rmSync(folder, { recursive: true });
      }
    });

    it('delivers to a receiver whose certificate it was told to trust', async () => {
      const sink = await startSink({ tls: files! });
      assert.equal(
        (await transportTo({ url: sink.url, ca: files!.cert }).send(request(), NEVER)).status,
        'success',
      );
    });

    it('shows its own certificate to a receiver that asks for it', async () => {
      const sink = await startSink({ tls: { ...files!, ca: files!.cert } });
      const { key, cert } = files!;
      assert.equal(
        (await transportTo({ url: sink.url, ca: cert, key, cert }).send(request(), NEVER)).status,
        'success',
      );
      failure(
        await transportTo({ url: sink.url, ca: cert }).send(request(), NEVER),
        'retryable',
        'untrusted',
      );
    });

    it('does not deliver to a receiver that it cannot trust', async () => {
      const sink = await startSink({ tls: files! });
      const error = failure(await transportTo(sink.url).send(request(), NEVER), 'retryable', 'untrusted');
      assert.match(error.message, /OTEL_EXPORTER_OTLP_CERTIFICATE/);
      assert.equal(sink.requests.length, 0);
    });

    it('recognises plaintext spoken to a TLS receiver', async () => {
      const sink = await startSink({ tls: files! });
      const error = failure(
        await transportTo(sink.url.replace('https:', 'http:')).send(request(), NEVER),
        'retryable',
        'not_otlp',
      );
      assert.match(error.message, /https:\/\/ if it expects TLS/);
    });
  });
});
