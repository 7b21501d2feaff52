// SPDX-License-Identifier: Apache-2.0
// How both protocols reach a receiver: TLS, unix sockets, proxies; and what is said when it is the wrong one.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import type { ExportResponse } from '@opentelemetry/otlp-exporter-base';
import { ExportError } from '../../../src/export/export-error.ts';
import type { Receiver } from '../../../src/export/receiver.ts';
import { checkReceiver, OtlpTransport } from '../../../src/export/transport.ts';
import { TestCa } from '../../support/certificates.ts';
import { OtlpSink, type SinkOptions } from '../../support/otlp-sink.ts';
import { TestProxy } from '../../support/proxy.ts';
import { type ReceiverOptions, receiverAt } from '../../support/receiver.ts';

const NEVER = 60_000;

for (const protocol of ['grpc', 'http/protobuf'] as const) {
  const isGrpc = protocol === 'grpc';
  const [own, other] = isGrpc ? (['grpc', 'http'] as const) : (['http', 'grpc'] as const);
  const rightPort = isGrpc
    ? /use the OTLP\/gRPC port, usually 4317/
    : /use the OTLP\/HTTP port, usually 4318/;

  describe(`a connection for ${protocol}`, () => {
    const ends: (() => unknown)[] = [];
    afterEach(async () => {
      for (const end of ends.splice(0).reverse()) await end();
    });

    async function startSink(options: SinkOptions = {}): Promise<OtlpSink> {
      const sink = await OtlpSink.start({ protocol: own, ...options });
      ends.push(() => sink.close());
      return sink;
    }

    async function listen(server: net.Server | http.Server): Promise<string> {
      await once(server.listen(0, '127.0.0.1'), 'listening');
      ends.push(() => server.close());
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    }

    const receiver = (url: string, options: ReceiverOptions = {}): Receiver =>
      receiverAt(url, { protocol, ...options });

    async function send(to: Receiver): Promise<ExportResponse> {
      const transport = new OtlpTransport(to);
      ends.push(() => transport.shutdown());
      return transport.send(Buffer.alloc(0), NEVER);
    }

    async function delivered(to: Receiver): Promise<void> {
      const response = await send(to);
      assert.equal(response.status, 'success', JSON.stringify(response));
    }

    /** Kept for another attempt, with one line that says why; doctor says the same. */
    async function refused(to: Receiver, kind: string, message: RegExp): Promise<void> {
      const response = await send(to);
      assert.equal(response.status, 'retryable', JSON.stringify(response));
      const { error } = response as { error?: Error };
      assert.ok(error instanceof ExportError);
      assert.equal(error.kind, kind, error.message);
      assert.match(error.message, message);
      assert.ok(error.message.startsWith(to.url) && !error.message.includes('\n'), error.message);
      await assert.rejects(checkReceiver(to, NEVER), { message: error.message });
    }

    it('passes the check of doctor', async () => {
      await checkReceiver(receiver((await startSink()).url), NEVER);
    });

    it('is made to a unix socket', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'agentsmith-socket-'));
      ends.push(() => rmSync(folder, { recursive: true }));
      const socketPath = join(folder, 'otel.sock');
      await refused(
        receiver(`unix://${socketPath}`),
        'unreachable',
        /does not exist: is the Collector running/,
      );
      const sink = await startSink({ socketPath });
      await delivered(receiver(sink.url, { env: { ALL_PROXY: 'http://127.0.0.1:1' } }));
    });

    describe('with TLS', () => {
      let ca: TestCa;
      before(function () {
        ca = TestCa.make(this);
      });
      after(() => ca?.remove());

      it('is made to a receiver whose CA it was told to trust', async () => {
        const sink = await startSink({ tls: ca.issue('IP:127.0.0.1') });
        await delivered(receiver(sink.url, { files: { ca: ca.path } }));
      });

      it('shows our certificate to a receiver that asks for it', async () => {
        const sink = await startSink({ tls: { ...ca.issue('IP:127.0.0.1'), ca: ca.cert } });
        const client = ca.issue('DNS:agent').paths;
        await delivered(receiver(sink.url, { files: { ca: ca.path, ...client } }));
        await refused(
          receiver(sink.url, { files: { ca: ca.path } }),
          'untrusted',
          /wants a client certificate; set OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE/,
        );
      });

      it('says that a client certificate is refused', async function () {
        const sink = await startSink({ tls: { ...ca.issue('IP:127.0.0.1'), ca: ca.cert } });
        const stranger = TestCa.make(this);
        ends.push(() => stranger.remove());
        const files = { ca: ca.path, ...stranger.issue('DNS:agent').paths };
        await refused(
          receiver(sink.url, { files }),
          'untrusted',
          /our client certificate.*OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE/,
        );
      });

      it('is not made to a receiver that nobody vouches for', async () => {
        const sink = await startSink({ tls: ca.issue('IP:127.0.0.1') });
        await refused(
          receiver(sink.url),
          'untrusted',
          /no CA that is trusted.*OTEL_EXPORTER_OTLP_CERTIFICATE/,
        );
        assert.equal(sink.requests.length, 0);
      });

      it('is not made to a receiver whose certificate is for another name', async () => {
        const sink = await startSink({ tls: ca.issue('DNS:other.test') });
        await refused(
          receiver(sink.url, { files: { ca: ca.path } }),
          'untrusted',
          /its certificate is for DNS:other\.test, not for 127\.0\.0\.1; use a name that it holds/,
        );
      });

      it('is not made to a receiver whose certificate has expired', async () => {
        const sink = await startSink({ tls: ca.issue('IP:127.0.0.1', 'past') });
        await refused(
          receiver(sink.url, { files: { ca: ca.path } }),
          'untrusted',
          /its certificate has expired; renew it there/,
        );
      });

      it('takes certificates that have changed, from the next connection on', async () => {
        const sink = await startSink({ tls: { ...ca.issue('IP:127.0.0.1'), ca: ca.cert } });
        const files = { ca: ca.file('used-ca.pem'), cert: ca.file('used.pem'), key: ca.file('used.key') };
        const stranger = TestCa.make();
        ends.push(() => stranger.remove());
        const use = (from: TestCa) => {
          const { paths } = from.issue('DNS:agent');
          copyFileSync(from.path, files.ca);
          copyFileSync(paths.cert, files.cert);
          copyFileSync(paths.key, files.key);
        };
        use(stranger);
        const to = receiver(sink.url, { files });
        await refused(to, 'untrusted', /no CA that is trusted/);
        use(ca);
        await delivered(to);
        // A change that is not whole yet leaves what was read before in use.
        writeFileSync(files.cert, 'half');
        await delivered(to);
      });

      it('says that the receiver speaks plaintext', async () => {
        const { url } = await startSink();
        await refused(receiver(url.replace('http:', 'https:')), 'not_otlp', /use http:\/\/ for plaintext/);
      });

      it('says that the receiver expects TLS', async () => {
        const { url } = await startSink({ tls: ca.issue('IP:127.0.0.1') });
        await refused(receiver(url.replace('https:', 'http:')), 'not_otlp', /use https:\/\//);
      });

      it('says that the other protocol is spoken inside', async () => {
        const { url } = await startSink({ protocol: other, tls: ca.issue('IP:127.0.0.1') });
        await refused(receiver(url, { files: { ca: ca.path } }), 'not_otlp', rightPort);
      });
    });

    describe('through a proxy', () => {
      let proxy: TestProxy;
      beforeEach(async () => {
        proxy = await TestProxy.start();
        ends.push(() => proxy.close());
      });

      /** A name that only the proxy knows. */
      const named = (url: string) => url.replace('127.0.0.1', 'receiver.test');
      const env = (credentials = '') => ({
        ALL_PROXY: `http://${credentials}127.0.0.1:${proxy.port}`,
      });

      it('is tunnelled, with the credentials of its URL', async () => {
        const sink = await startSink();
        await delivered(receiver(named(sink.url), { env: env('me:s%20e@') }));
        assert.equal(sink.requests.length, 1);
        assert.deepEqual(proxy.asked, [
          {
            target: `receiver.test:${new URL(sink.url).port}`,
            authorization: `Basic ${Buffer.from('me:s e').toString('base64')}`,
          },
        ]);
      });

      it('is encrypted end to end', async function () {
        const ca = TestCa.make(this);
        ends.push(() => ca.remove());
        const sink = await startSink({ tls: ca.issue('DNS:receiver.test') });
        await delivered(receiver(named(sink.url), { env: env(), files: { ca: ca.path } }));
        assert.equal(proxy.asked.length, 1);
      });

      it('is made directly to what NO_PROXY lists, and to this host', async () => {
        const sink = await startSink();
        await delivered(receiver(sink.url, { env: env() }));
        await refused(
          receiver(named(sink.url), { env: { ...env(), NO_PROXY: '.test' } }),
          'unreachable',
          /does not resolve/,
        );
        assert.deepEqual(proxy.asked, []);
      });

      for (const [refusal, message] of [
        ['407 Proxy Authentication Required', /wants credentials \(407\); write them into its URL/],
        [
          '403 Forbidden',
          /refuses the tunnel \(403 Forbidden\); allow it there, or list the receiver in NO_PROXY/,
        ],
        ['502 Bad Gateway', /refuses the tunnel \(502 Bad Gateway\)/],
      ] as const) {
        it(`that answers ${refusal} says what to do, and no secret`, async () => {
          proxy.refusal = refusal;
          const to = receiver('http://receiver.test:4', { env: env('me:secret@') });
          await refused(to, 'proxy', message);
          const { error } = (await send(to)) as { error: Error };
          assert.match(error.message, /the proxy http:\/\/127\.0\.0\.1:\d+ \(ALL_PROXY\)/);
          assert.doesNotMatch(error.message, /secret/);
        });
      }

      it('that speaks TLS itself has to be trusted', async function () {
        const ca = TestCa.make(this);
        ends.push(() => ca.remove());
        const secure = await TestProxy.start(ca.issue('IP:127.0.0.1'));
        ends.push(() => secure.close());
        const url = `https://127.0.0.1:${secure.port}`;
        const to = receiver('http://receiver.test:4', { env: { ALL_PROXY: url } });
        await refused(to, 'proxy', /has a certificate that is not trusted .*NODE_EXTRA_CA_CERTS/);
        assert.deepEqual(secure.asked, []);
      });

      it('that is not there says so', async () => {
        const { port } = proxy;
        await ends.pop()!();
        const to = receiver('http://receiver.test:4', { env: { ALL_PROXY: `http://127.0.0.1:${port}` } });
        await refused(to, 'proxy', /refuses connections; is it running\?/);
      });

      it('that speaks something else says so', async () => {
        const url = await listen(
          net.createServer((socket) => socket.on('error', () => {}).end('SSH-2.0-x\r\n')),
        );
        await refused(
          receiver('http://receiver.test:4', { env: { ALL_PROXY: url } }),
          'proxy',
          /does not speak HTTP/,
        );
      });
    });

    describe('to the wrong endpoint', () => {
      it('that speaks the other protocol names the right port', async () => {
        const { url } = await startSink({ protocol: other });
        await refused(receiver(url), 'not_otlp', rightPort);
      });

      it('on which nothing listens asks for the Collector', async () => {
        const server = net.createServer();
        const url = await listen(server);
        server.close();
        await once(server, 'close');
        await refused(receiver(url), 'unreachable', /refuses connections: is the Collector running there\?/);
      });

      it('with a name that nobody knows says so', async () => {
        await refused(
          receiver('http://agentsmith.invalid'),
          'unreachable',
          /has a name that does not resolve/,
        );
      });

      it('that hangs up names the right port', async () => {
        const url = await listen(net.createServer((socket) => socket.on('error', () => {}).end()));
        await refused(receiver(url), 'not_otlp', rightPort);
      });

      it('that is not HTTP at all names the right port', async () => {
        const url = await listen(
          net.createServer((socket) => socket.on('error', () => {}).end('SSH-2.0-OpenSSH_9.2p1\r\n')),
        );
        await refused(receiver(url), 'not_otlp', rightPort);
      });

      it('that accepts and says nothing is given up in time, TLS or not', async () => {
        const url = await listen(net.createServer((socket) => void ends.push(() => socket.destroy())));
        for (const each of [url, url.replace('http:', 'https:')]) {
          const transport = new OtlpTransport(receiver(each));
          ends.push(() => transport.shutdown());
          const response = await transport.send(Buffer.alloc(10), 50);
          assert.equal(response.status, 'retryable');
          const { error } = response as { error?: Error };
          assert.equal((error as ExportError).kind, 'timeout');
        }
      });

      for (const [status, kind, message] of [
        [401, 'unauthenticated', /refuses our credentials: .*401.*check OTEL_EXPORTER_OTLP_HEADERS/],
        [403, 'unauthenticated', /refuses our credentials: .*403.*check OTEL_EXPORTER_OTLP_HEADERS/],
        [
          404,
          'not_otlp',
          isGrpc ? /HTTP 404.*usually 4317/ : /no OTLP\/HTTP receiver at this path.*check the endpoint/,
        ],
      ] as const) {
        it(`that answers ${status} keeps the records`, async () => {
          const sink = await startSink();
          sink.respond(() => ({ httpStatus: status, message: 'go away' }));
          await refused(receiver(sink.url), kind, message);
        });
      }

      if (!isGrpc) {
        it('that redirects says where to', async () => {
          const sink = await startSink();
          sink.respond(() => ({ httpStatus: 302, headers: { location: 'https://login.test/' } }));
          await refused(receiver(sink.url), 'not_otlp', /redirects to https:\/\/login\.test\/ \(HTTP 302\)/);
        });

        it('that answers with an HTML page says so', async () => {
          const sink = await startSink();
          sink.respond(() => ({ html: '<html>Welcome to the hotel</html>' }));
          await refused(receiver(sink.url), 'not_otlp', /answers with an HTML page, not OTLP/);
        });

        it('that is a TLS port of Go says so', async () => {
          const url = await listen(
            http.createServer((request, response) => {
              request.resume();
              response.writeHead(400, { 'content-type': 'text/plain' });
              response.end('Client sent an HTTP request to an HTTPS server.\n');
            }),
          );
          await refused(receiver(url), 'not_otlp', /expects TLS: use https:\/\//);
        });
      }
    });

    it('with TLS to a server that knows no name for it is told of', async function () {
      const ca = TestCa.make(this);
      ends.push(() => ca.remove());
      const { key, cert } = ca.issue('IP:127.0.0.1');
      const server = tls.createServer({ key, cert, ALPNProtocols: ['smtp'] }, (socket) =>
        socket.on('error', () => {}),
      );
      server.on('tlsClientError', () => {});
      const url = await listen(server);
      const to = receiver(url.replace('http:', 'https:'), { files: { ca: ca.path } });
      await refused(
        to,
        'not_otlp',
        isGrpc ? /speaks TLS, but not gRPC inside it/ : /speaks TLS, but not HTTP inside it/,
      );
    });
  });
}
