// SPDX-License-Identifier: Apache-2.0
// What the standard OTEL_EXPORTER_OTLP_* variables do to the connection. All of them: test/unit/export.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Cli, cleanUp, runCli } from '../support/cli.ts';
import { needsCommand, needsKernel } from '../support/needs.ts';
import { OtlpSink } from '../support/otlp-sink.ts';
import { lastLine } from '../support/sent.ts';

describe('a connection', function () {
  this.timeout('60s');
  let dir: string;
  let sink: OtlpSink | undefined;

  before(needsKernel);

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'agentsmith-tls-'));
  });

  afterEach(async () => {
    await sink?.close();
    sink = undefined;
    rmSync(dir, { recursive: true });
  });

  cleanUp();

  const path = (name: string) => join(dir, name);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' });

  /** A CA of our own, and a certificate of it for 127.0.0.1. */
  function certificates(): { key: Buffer; cert: Buffer } {
    const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    openssl(
      'req',
      '-x509',
      ...ec,
      '-keyout',
      'ca.key',
      '-out',
      'ca.pem',
      '-subj',
      '/CN=test CA',
      '-days',
      '2',
    );
    openssl('req', ...ec, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=receiver');
    writeFileSync(path('ext'), 'subjectAltName=IP:127.0.0.1\n');
    const signing = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'ext'];
    openssl('x509', '-req', '-in', 'server.csr', '-out', 'server.pem', '-days', '2', ...signing);
    return { key: readFileSync(path('server.key')), cert: readFileSync(path('server.pem')) };
  }

  for (const pipeline of ['fast', 'sdk']) {
    it(`trusts the CA of OTEL_EXPORTER_OTLP_CERTIFICATE (--pipeline ${pipeline})`, async function () {
      needsCommand(this, 'openssl', 'version');
      sink = await OtlpSink.start({ tls: certificates() });
      assert.match(sink.url, /^https:/);
      const args = ['--tree', `${process.pid}`, '--pipeline', pipeline, '--endpoint', sink.url];
      const env = {
        OTEL_EXPORTER_OTLP_CERTIFICATE: path('ca.pem'),
        OTEL_EXPORTER_OTLP_HEADERS: 'api-key=s%20e,tenant=one',
      };
      const { code, stderr } = await (await new Cli(args, { env }).ready()).stop();
      assert.equal(code, 0, stderr);
      assert.equal(lastLine(stderr).lost, 0);
      assert.equal(sink.records()[0]?.eventName, 'agentsmith.sensor.start');
      for (const { headers } of sink.requests) {
        assert.deepEqual([headers['api-key'], headers.tenant], ['s e', 'one']);
      }
    });
  }

  it('is not made to a receiver whose certificate nobody vouches for, and the run says what to check', async function () {
    needsCommand(this, 'openssl', 'version');
    sink = await OtlpSink.start({ tls: certificates() });
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
    const env = { OTEL_EXPORTER_OTLP_CERTIFICATE: path('missing.pem') };
    const { code, errors } = await runCli(['--endpoint', 'https://127.0.0.1:1'], { env });
    assert.equal(code, 64);
    assert.match(
      errors.join(),
      /^error: OTEL_EXPORTER_OTLP_CERTIFICATE: cannot read .*missing\.pem \(ENOENT\)$/,
    );
  });
});
