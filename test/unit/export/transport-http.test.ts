// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { diag } from '@opentelemetry/api';
import type { ExportResponse } from '@opentelemetry/otlp-exporter-base';
import { ExportError } from '../../../src/export/export-error.ts';
import { retryAfterMillis } from '../../../src/export/failure-http.ts';
import { readPartialSuccess } from '../../../src/export/otlp-response.ts';
import { OtlpTransport } from '../../../src/export/transport.ts';
import { encode } from '../../support/otlp-decode.ts';
import type { Reply } from '../../support/otlp-reply.ts';
import { OtlpSink, type SinkOptions } from '../../support/otlp-sink.ts';
import { type ReceiverOptions, receiverAt } from '../../support/receiver.ts';

// One attempt at a time, against a real HTTP server in this process. Trying again: sender.test.ts; TLS, unix sockets,
// proxies and wrong endpoints of both protocols: connection.test.ts.

const NEVER = 60_000;
const SOON = 50;

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

describe('OtlpTransport over HTTP', () => {
  const ends: (() => unknown)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  async function startSink(options: SinkOptions = {}): Promise<OtlpSink> {
    const sink = await OtlpSink.start({ protocol: 'http', ...options });
    ends.push(() => sink.close());
    return sink;
  }

  function transportTo(url: string, options: ReceiverOptions = {}): OtlpTransport {
    const transport = new OtlpTransport(receiverAt(url, { protocol: 'http/protobuf', ...options }));
    ends.push(() => transport.shutdown());
    return transport;
  }

  async function listen(server: net.Server | http.Server): Promise<string> {
    await once(server.listen(0, '127.0.0.1'), 'listening');
    ends.push(() => server.close());
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  function failure(response: ExportResponse, status: 'retryable' | 'failure', kind: string): ExportError {
    assert.equal(response.status, status, JSON.stringify(response));
    assert.ok('error' in response && response.error instanceof ExportError, 'an ExportError');
    assert.equal(response.error.kind, kind, response.error.message);
    assert.ok(!response.error.message.includes('\n'), 'one line');
    return response.error;
  }

  describe('to a receiver that accepts', () => {
    it('delivers the bytes as they are, with the headers of OTLP and of the caller', async () => {
      const sink = await startSink();
      const bytes = request(3);
      const headers = { 'x-tenant': 'blue', 'content-type': 'text/plain' };
      const response = await transportTo(`${sink.url}?key=1`, { headers }).send(bytes, NEVER);
      assert.equal(response.status, 'success');
      const got = sink.requests[0]!;
      assert.deepEqual(got.bytes, bytes);
      assert.equal(got.path, '/v1/logs?key=1');
      const { 'content-type': type, 'user-agent': agent, 'x-tenant': tenant, host } = got.headers;
      assert.deepEqual([type, tenant, host], ['application/x-protobuf', 'blue', new URL(sink.url).host]);
      assert.match(String(agent), /^agentsmith-otel\/\d/);
      assert.equal(got.headers['content-length'], String(bytes.length));
    });

    it('sends JSON as such, and reads what is answered in it', async () => {
      const sink = await startSink();
      sink.respond(() => ({ partialSuccess: { rejected: 2, message: 'late' } }));
      const transport = transportTo(sink.url, { protocol: 'http/json', signal: 'METRICS' });
      const response = await transport.send(Buffer.from('{"resourceMetrics":[]}'), NEVER);
      assert.deepEqual(
        [sink.requests[0]!.signal, sink.requests[0]!.headers['content-type']],
        ['metrics', 'application/json'],
      );
      assert.ok(response.status === 'success');
      assert.deepEqual(readPartialSuccess(response.data!), { rejected: 2, message: 'late' });
    });

    it('keeps connections, and uses two for requests side by side', async () => {
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
      for (let round = 0; round < 3; round++) {
        const responses = await Promise.all([
          transport.send(request(), NEVER),
          transport.send(request(), NEVER),
        ]);
        assert.deepEqual(
          responses.map(({ status }) => status),
          ['success', 'success'],
        );
      }
      assert.equal(sink.connections, 2);
    });

    it('carries requests larger than any buffer', async () => {
      const sink = await startSink();
      const bytes = request(1, 'x'.repeat(3_500_000));
      assert.equal((await transportTo(sink.url).send(bytes, NEVER)).status, 'success');
      assert.deepEqual(sink.requests[0]!.bytes, bytes);
    });

    for (const compression of ['gzip', 'zstd'] as const) {
      it(`compresses with ${compression}`, async () => {
        const sink = await startSink();
        const bytes = request(200);
        assert.equal((await transportTo(sink.url, { compression }).send(bytes, NEVER)).status, 'success');
        assert.equal(sink.requests[0]!.headers['content-encoding'], compression);
        assert.ok(Number(sink.requests[0]!.headers['content-length']) < bytes.length / 4);
        assert.deepEqual(sink.requests[0]!.bytes, bytes);
      });
    }

    it('takes 204 and an empty answer of any type for a yes', async () => {
      const sink = await startSink();
      for (const reply of [{ httpStatus: 204 }, { headers: { 'content-type': 'text/plain' } }] as Reply[]) {
        sink.respond(() => reply);
        assert.equal((await transportTo(sink.url).send(request(), NEVER)).status, 'success');
      }
    });
  });

  describe('to a receiver that refuses', () => {
    for (const [status, kind] of [
      [429, 'throttled'],
      [502, 'unavailable'],
      [503, 'unavailable'],
      [504, 'unavailable'],
    ] as const) {
      it(`calls ${status} retryable, and waits as long as it is asked to`, async () => {
        const sink = await startSink();
        sink.respond(() => ({
          httpStatus: status,
          message: 'busy: try later',
          headers: { 'retry-after': '3' },
        }));
        const response = await transportTo(sink.url).send(request(), NEVER);
        const error = failure(response, 'retryable', kind);
        assert.equal(error.httpStatus, status);
        assert.ok(error.message.startsWith(`${sink.url}/v1/logs `), error.message);
        assert.ok(error.message.includes(`HTTP ${status} (busy: try later)`), error.message);
        assert.equal(response.status === 'retryable' && response.retryInMillis, 3000);
      });
    }

    for (const status of [400, 408, 422, 500, 501]) {
      it(`calls ${status} final`, async () => {
        const sink = await startSink();
        sink.respond(() => ({ httpStatus: status, message: 'no' }));
        failure(await transportTo(sink.url).send(request(), NEVER), 'failure', 'rejected');
      });
    }

    it('reads what is said in JSON', async () => {
      const sink = await startSink();
      sink.respond(() => ({ httpStatus: 400, message: 'bad\nrecord \u001b[2J' }));
      const transport = transportTo(sink.url, { protocol: 'http/json' });
      const error = failure(await transport.send(Buffer.from('{}'), NEVER), 'failure', 'rejected');
      assert.match(error.message, /HTTP 400 \(bad record \[2J\)/);
    });

    it('calls 413 too large', async () => {
      const sink = await startSink({ maxMessageBytes: 100 });
      failure(await transportTo(sink.url).send(request(50), NEVER), 'failure', 'too_large');
    });

    for (const httpStatus of [415, 400]) {
      it(`falls back from zstd to gzip where ${httpStatus} is the answer to zstd, and loses nothing`, async () => {
        const sink = await startSink();
        sink.respond(({ headers }) =>
          headers['content-encoding'] === 'zstd' ? { httpStatus, message: 'invalid request' } : undefined,
        );
        const warnings: string[] = [];
        const quiet = () => {};
        const logger = { error: quiet, info: quiet, debug: quiet, verbose: quiet };
        diag.setLogger({ ...logger, warn: (line) => warnings.push(line) });
        ends.push(() => diag.disable());
        const transport = transportTo(sink.url, { compression: 'zstd' });
        assert.equal((await transport.send(request(2), NEVER)).status, 'success');
        assert.equal((await transport.send(request(2), NEVER)).status, 'success');
        assert.deepEqual(warnings, [
          `${sink.url}/v1/logs does not decode zstd: using compression gzip from now on`,
        ]);
        assert.deepEqual(
          sink.requests.map(({ headers }) => headers['content-encoding']),
          ['zstd', 'gzip', 'gzip'],
        );
        assert.equal(sink.records().length, 4);
      });
    }

    it('keeps its codec where the records are what is refused', async () => {
      const sink = await startSink();
      sink.respond(({ index }) => (index < 3 ? { httpStatus: 400, message: 'bad record' } : undefined));
      const transport = transportTo(sink.url, { compression: 'zstd' });
      failure(await transport.send(request(), NEVER), 'failure', 'rejected');
      assert.equal((await transport.send(request(), NEVER)).status, 'success');
      assert.deepEqual(
        sink.requests.map(({ headers }) => headers['content-encoding']),
        ['zstd', 'gzip', undefined, 'zstd'],
      );
    });
  });

  describe('when the connection fails', () => {
    it('calls a connection that breaks under a request retryable, and connects again', async () => {
      const sink = await startSink();
      sink.respond(({ index }) => (index === 1 ? { instead: 'drop' } : undefined));
      const transport = transportTo(sink.url);
      assert.equal((await transport.send(request(), NEVER)).status, 'success');
      // It was used before, so that it may have been about to close: once more, on a new one.
      assert.equal((await transport.send(request(), NEVER)).status, 'success');
      assert.equal(sink.connections, 2);
      sink.respond(() => ({ instead: 'drop' }));
      failure(await transport.send(request(), NEVER), 'retryable', 'unavailable');
    });

    it('says that a receiver which was there has gone', async () => {
      const sink = await startSink();
      const transport = transportTo(sink.url);
      assert.equal((await transport.send(request(), NEVER)).status, 'success');
      await ends.shift()!();
      // The first may still find the connection that breaks.
      await transport.send(request(), NEVER);
      failure(await transport.send(request(), NEVER), 'retryable', 'unreachable');
    });

    it('does not mind a receiver that closes after each answer', async () => {
      const sink = await startSink();
      sink.respond(() => ({ headers: { connection: 'close' } }));
      const transport = transportTo(sink.url);
      for (let i = 0; i < 3; i++) assert.equal((await transport.send(request(), NEVER)).status, 'success');
      assert.equal(sink.connections, 3);
    });

    it('finds a receiver that came up later', async () => {
      const server = net.createServer();
      const url = await listen(server);
      server.close();
      await once(server, 'close');
      const transport = transportTo(url);
      const error = failure(await transport.send(request(), NEVER), 'retryable', 'unreachable');
      assert.match(error.message, /refuses connections: is the Collector running there\?/);
      const sink = await startSink({ port: Number(new URL(url).port) });
      assert.equal((await transport.send(request(), NEVER)).status, 'success');
      assert.equal(sink.requests.length, 1);
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

  it('reads no more of an answer than one can need', async () => {
    const url = await listen(
      http.createServer((incoming, response) => {
        incoming.resume();
        response.writeHead(500, { 'content-type': 'text/plain' });
        response.on('error', () => {});
        for (let i = 0; i < 64; i++) response.write('x'.repeat(65_536));
        response.end();
      }),
    );
    const error = failure(await transportTo(url).send(request(), NEVER), 'failure', 'rejected');
    assert.ok(error.message.length < 500);
  });
});

describe('retryAfterMillis', () => {
  const now = Date.UTC(2026, 0, 1, 12, 0, 0);
  for (const [value, milliseconds] of [
    ['0', 0],
    ['120', 120_000],
    ['Thu, 01 Jan 2026 12:00:30 GMT', 30_000],
    ['Thu, 01 Jan 2026 11:00:00 GMT', 0],
    ['soon', undefined],
    ['-5', undefined],
    ['1.5', undefined],
    [undefined, undefined],
  ] as const) {
    it(`understands ${value}`, () => assert.equal(retryAfterMillis(value, now), milliseconds));
  }
});
