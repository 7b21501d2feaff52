// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Environment, receiverSettings } from '../../../src/config/receiver-settings.ts';
import { EndpointError } from '../../../src/export/endpoint.ts';
import { isSameReceiver, openable, type Receiver } from '../../../src/export/receiver.ts';
import { receiverAt } from '../../support/receiver.ts';

// What settings are completed to. Which variable says what: test/unit/config/receiver-settings.test.ts.

/** What the environment means for logs and metrics, and what was said of it. */
function fromEnv(env: Environment) {
  const told: string[] = [];
  const of = (signal: 'LOGS' | 'METRICS') =>
    openable(receiverSettings(signal, env, {}), { env, tell: (line) => told.push(line) });
  return { logs: of('LOGS'), metrics: of('METRICS'), told };
}

const at = ({ url, protocol, secure, compression }: Receiver) =>
  `${protocol} ${url}${secure ? ' TLS' : ''} ${compression}`;

describe('openable', () => {
  for (const [given, url] of [
    ['http://localhost:4317', 'http://localhost:4317'],
    ['http://collector', 'http://collector:4317'],
    ['http://collector:80/', 'http://collector:80'],
    ['HTTPS://Collector.Example', 'https://collector.example:443'],
    ['https://collector:4317', 'https://collector:4317'],
    ['https://collector:443', 'https://collector:443'],
    ['localhost', 'http://localhost:4317'],
    ['localhost:14317', 'http://localhost:14317'],
    ['127.0.0.2:4317', 'http://127.0.0.2:4317'],
    ['[::1]:4317', 'http://[::1]:4317'],
    ['collector:4317', 'https://collector:4317'],
    ['10.1.2.3', 'https://10.1.2.3:4317'],
    [' http://localhost:4317 ', 'http://localhost:4317'],
    ['http://localhost:4317/v1/logs', 'http://localhost:4317'],
    ['unix:///run/otel.sock', 'unix:///run/otel.sock'],
  ] as const) {
    it(`completes "${given}" for gRPC to ${url}`, () => {
      const { url: got, secure } = receiverAt(given);
      assert.deepEqual([got, secure], [url, url.startsWith('https:')]);
    });
  }

  for (const [given, url, path] of [
    ['http://localhost:4318', 'http://localhost:4318/v1/logs', '/v1/logs'],
    ['localhost', 'http://localhost:4318/v1/logs', '/v1/logs'],
    ['http://collector', 'http://collector:4318/v1/logs', '/v1/logs'],
    ['https://collector', 'https://collector:443/v1/logs', '/v1/logs'],
    ['https://collector/otlp/', 'https://collector:443/otlp/v1/logs', '/otlp/v1/logs'],
    ['https://collector/a?key=s', 'https://collector:443/a/v1/logs', '/a/v1/logs?key=s'],
    ['collector:4318', 'https://collector:4318/v1/logs', '/v1/logs'],
    ['[::1]', 'http://[::1]:4318/v1/logs', '/v1/logs'],
    ['unix:///run/otel.sock', 'unix:///run/otel.sock', '/v1/logs'],
  ] as const) {
    it(`completes "${given}" for HTTP to ${url}`, () => {
      const receiver = receiverAt(given, { protocol: 'http/protobuf' });
      assert.deepEqual([receiver.url, receiver.path], [url, path]);
      const metrics = receiverAt(given, { protocol: 'http/json', signal: 'METRICS' });
      assert.equal(metrics.path, path.replace('logs', 'metrics'));
    });
  }

  it('uses an endpoint of one signal as it is over HTTP', () => {
    const { logs, metrics } = fromEnv({
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'https://all/base',
      OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: 'http://logs/own?x=1',
    });
    assert.deepEqual(
      [logs.url, logs.path, logs.address],
      ['http://logs:80/own', '/own?x=1', { host: 'logs', port: 80 }],
    );
    assert.equal(metrics.url, 'https://all:443/base/v1/metrics');
  });

  it('takes port 4318 without a protocol for OTLP/HTTP, and says so once', () => {
    const { logs, metrics, told } = fromEnv({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://localhost:4318' });
    assert.equal(at(logs), 'http/protobuf http://localhost:4318/v1/logs none');
    assert.equal(at(metrics), 'http/protobuf http://localhost:4318/v1/metrics none');
    assert.equal(told.length, 1);
    assert.match(told[0]!, /^OTEL_EXPORTER_OTLP_ENDPOINT: port 4318 means OTLP\/HTTP/);
    const said = fromEnv({
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://localhost:4318',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
    });
    assert.equal(at(said.logs), 'grpc http://localhost:4318 none');
    assert.deepEqual(said.told, []);
  });

  it('has the defaults of the specification, and no compression on this host', () => {
    const { logs, told } = fromEnv({});
    assert.deepEqual(
      [at(logs), logs.timeoutMillis, logs.headers, logs.proxy],
      ['grpc http://localhost:4317 none', 10_000, {}, undefined],
    );
    assert.deepEqual(told, []);
    const http = fromEnv({ OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' }).metrics;
    assert.equal(at(http), 'http/json http://localhost:4318/v1/metrics none');
  });

  it('compresses for other hosts, unless told otherwise', () => {
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'https://collector' };
    assert.equal(fromEnv(env).logs.compression, 'gzip');
    assert.equal(fromEnv({ ...env, OTEL_EXPORTER_OTLP_COMPRESSION: 'none' }).logs.compression, 'none');
    assert.equal(fromEnv({ ...env, OTEL_EXPORTER_OTLP_COMPRESSION: 'zstd' }).logs.compression, 'zstd');
  });

  it('lets OTEL_EXPORTER_OTLP_INSECURE decide where there is no scheme', () => {
    const url = (endpoint: string, insecure: string) =>
      fromEnv({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_EXPORTER_OTLP_INSECURE: insecure }).logs.url;
    assert.equal(url('collector:4317', 'true'), 'http://collector:4317');
    assert.equal(url('localhost:4317', 'false'), 'https://localhost:4317');
    assert.equal(url('https://collector:4317', 'true'), 'https://collector:4317');
  });

  for (const given of [
    '',
    'http://',
    'http://a b',
    'http://host:99999',
    'http://host:port',
    'http://host:0',
    'ftp://host',
    'dns:///host',
    'unix://run',
    'http://user:secret@host',
    '://x',
    'http://[::1',
  ]) {
    it(`refuses "${given}" with one line that names the setting, and no secret`, () => {
      assert.throws(
        () => receiverAt(given),
        (error) =>
          error instanceof EndpointError &&
          error.message.startsWith('--endpoint') &&
          !/\n|secret/.test(error.message),
      );
    });
  }

  describe('with certificates', () => {
    let folder = '';
    before(() => {
      folder = mkdtempSync(join(tmpdir(), 'agentsmith-receiver-'));
    });
    after(() => rmSync(folder, { recursive: true }));

    const env = (values: Record<string, string>) =>
      Object.fromEntries(
        Object.entries(values).map(([name, value]) => [`OTEL_EXPORTER_OTLP_${name}`, value]),
      );

    it('refuses those that it cannot read, cannot use or that come alone', () => {
      const file = join(folder, 'x.pem');
      writeFileSync(file, '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
      const text = join(folder, 'x.txt');
      writeFileSync(text, 'no certificate');
      const none = join(folder, 'none.pem');
      const ENDPOINT = 'https://c';
      for (const [values, message] of [
        [{ CERTIFICATE: none }, /^OTEL_EXPORTER_OTLP_CERTIFICATE: cannot read .*none\.pem \(ENOENT\)$/],
        [
          { LOGS_CERTIFICATE: text },
          /^OTEL_EXPORTER_OTLP_LOGS_CERTIFICATE \(.*x\.txt\) holds no PEM certificate: /,
        ],
        [{ CERTIFICATE: file }, /^OTEL_EXPORTER_OTLP_CERTIFICATE \(.*x\.pem\) holds no PEM certificate: /],
        [{ CLIENT_CERTIFICATE: file }, /^OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: .*needed together/],
        [{ CLIENT_KEY: file }, /^OTEL_EXPORTER_OTLP_CLIENT_KEY: .*needed together/],
        [{ CLIENT_KEY: text, CLIENT_CERTIFICATE: file }, /^OTEL_EXPORTER_OTLP_CLIENT_.* holds no PEM /],
      ] as const) {
        assert.throws(() => fromEnv(env({ ENDPOINT, ...values })), { name: 'EndpointError', message });
      }
    });

    it('says that they have no effect without TLS', () => {
      const { logs, told } = fromEnv(env({ ENDPOINT: 'http://c', CERTIFICATE: '/nowhere' }));
      assert.equal(logs.certificates, undefined);
      assert.deepEqual(told, [
        'OTEL_EXPORTER_OTLP_CERTIFICATE has no effect: http://c is spoken to without TLS',
      ]);
    });
  });

  it('tells when two signals can share a connection', () => {
    const logs = receiverAt('https://c:443');
    assert.ok(isSameReceiver(logs, receiverAt('https://c:443', { signal: 'METRICS' })));
    assert.ok(!isSameReceiver(logs, receiverAt('https://d:443')));
    assert.ok(!isSameReceiver(logs, receiverAt('https://c:443', { protocol: 'http/protobuf' })));
  });
});
