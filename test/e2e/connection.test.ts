// SPDX-License-Identifier: Apache-2.0
// What the standard OTEL_EXPORTER_OTLP_* variables do to the connection. All of them: test/unit/export.
import assert from 'node:assert/strict';
import { TestCa } from '../support/certificates.ts';
import { Cli, cleanUp, runCli } from '../support/cli.ts';
import { needsKernel } from '../support/needs.ts';
import { OtlpSink } from '../support/otlp-sink.ts';
import { TestProxy } from '../support/proxy.ts';
import { lastLine } from '../support/sent.ts';

describe('a connection', function () {
  this.timeout('60s');
  let ca: TestCa;
  let sink: OtlpSink | undefined;

  before(function () {
    needsKernel.call(this);
    ca = TestCa.make(this);
  });
  after(() => ca?.remove());

  afterEach(async () => {
    await sink?.close();
    sink = undefined;
  });

  cleanUp();

  for (const [protocol, pipeline] of [
    ['grpc', 'fast'],
    ['grpc', 'sdk'],
    ['http/protobuf', 'fast'],
    ['http/protobuf', 'sdk'],
    ['http/json', 'fast'],
    ['http/json', 'sdk'],
  ] as const) {
    it(`trusts the CA of OTEL_EXPORTER_OTLP_CERTIFICATE (${protocol}, --pipeline ${pipeline})`, async () => {
      sink = await OtlpSink.start({
        protocol: protocol === 'grpc' ? 'grpc' : 'http',
        tls: ca.issue('IP:127.0.0.1'),
      });
      assert.match(sink.url, /^https:/);
      const args = ['--tree', `${process.pid}`, '--pipeline', pipeline, '--endpoint', sink.url];
      const env = {
        OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
        OTEL_EXPORTER_OTLP_CERTIFICATE: ca.path,
        OTEL_EXPORTER_OTLP_HEADERS: 'api-key=s%20e,tenant=one',
      };
      const { code, stderr } = await (await new Cli(args, { env }).ready()).stop();
      assert.equal(code, 0, stderr);
      assert.equal(lastLine(stderr).lost, 0);
      assert.equal(sink.records()[0]?.eventName, 'agentsmith.sensor.start');
      assert.ok(sink.metrics().length > 0);
      for (const { headers } of sink.requests) {
        assert.deepEqual([headers['api-key'], headers.tenant], ['s e', 'one']);
      }
    });
  }

  for (const protocol of ['grpc', 'http/protobuf'] as const) {
    it(`goes through the proxy of HTTPS_PROXY, TLS within TLS (${protocol})`, async () => {
      const proxy = await TestProxy.start(ca.issue('IP:127.0.0.1'));
      try {
        sink = await OtlpSink.start({
          protocol: protocol === 'grpc' ? 'grpc' : 'http',
          tls: ca.issue('DNS:receiver.test'),
        });
        const { port } = new URL(sink.url);
        const env = {
          OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
          OTEL_EXPORTER_OTLP_CERTIFICATE: ca.path,
          HTTPS_PROXY: `https://me:hush@127.0.0.1:${proxy.port}`,
          NODE_EXTRA_CA_CERTS: ca.path,
        };
        const args = ['--endpoint', `https://receiver.test:${port}`, '--tree', `${process.pid}`];
        const { code, stderr } = await (await new Cli(args, { env }).ready()).stop();
        assert.equal(code, 0, stderr);
        assert.match(
          stderr,
          new RegExp(`^records: .*, through https://127\\.0\\.0\\.1:${proxy.port}\\)$`, 'm'),
        );
        assert.doesNotMatch(stderr, /hush/);
        assert.equal(lastLine(stderr).lost, 0);
        assert.equal(sink.records()[0]?.eventName, 'agentsmith.sensor.start');
        const credentials = `Basic ${Buffer.from('me:hush').toString('base64')}`;
        assert.deepEqual([...new Set(proxy.asked.map(({ target }) => target))], [`receiver.test:${port}`]);
        assert.deepEqual([...new Set(proxy.asked.map((each) => each.authorization))], [credentials]);
      } finally {
        await proxy.close();
      }
    });
  }

  it('is not made to a receiver whose certificate nobody vouches for, and the run says what to check', async () => {
    sink = await OtlpSink.start({ tls: ca.issue('IP:127.0.0.1') });
    const cli = await new Cli(['--tree', `${process.pid}`, '--endpoint', sink.url]).ready();
    await cli.said(/failed the TLS check.*OTEL_EXPORTER_OTLP_CERTIFICATE/);
    await cli.stopNow();
    assert.equal(sink.requests.length, 0);
  });

  it('takes its endpoint from the standard variable, and headers in secret', async () => {
    sink = await OtlpSink.start();
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: sink.url,
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20hush',
    };
    const args = ['--tree', `${process.pid}`, '--log-level', 'debug'];
    const { code, stderr } = await (await new Cli(args, { env }).ready()).stop();
    assert.equal(code, 0);
    assert.equal(sink.requests[0]?.headers.authorization, 'Bearer hush');
    assert.doesNotMatch(stderr, /hush/);
  });

  it('to something that is no OTLP receiver is told of, and the run goes on', async () => {
    sink = await OtlpSink.start();
    sink.respond(() => ({ httpStatus: 404 }));
    const cli = await new Cli(['--tree', `${process.pid}`, '--endpoint', sink.url]).ready();
    await cli.said(/answers like an HTTP server, not gRPC.*use the OTLP\/gRPC port/);
    const { code, stderr } = await cli.stopNow();
    assert.equal(code, 0);
    assert.equal(stderr.match(/answers like an HTTP server/g)?.length, 1);
  });

  it('is needed for nothing when the certificate cannot be read: that is a wrong setting', async () => {
    const env = { OTEL_EXPORTER_OTLP_CERTIFICATE: ca.file('missing.pem') };
    const { code, errors } = await runCli(['--endpoint', 'https://127.0.0.1:1'], { env });
    assert.equal(code, 64);
    assert.match(
      errors.join(),
      /^error: OTEL_EXPORTER_OTLP_CERTIFICATE: cannot read .*missing\.pem \(ENOENT\)$/,
    );
  });
});
