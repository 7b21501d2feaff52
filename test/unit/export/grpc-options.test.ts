// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  EndpointError,
  grpcOptions,
  isSameReceiver,
  parseEndpoint,
} from '../../../src/export/grpc-options.ts';

describe('parseEndpoint', () => {
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
    ['http://localhost:4318/v1/logs', 'http://localhost:4318'],
    ['unix:///run/otel.sock', 'unix:///run/otel.sock'],
  ] as const) {
    it(`reads "${given}" as ${url}`, () => assert.equal(parseEndpoint(given), url));
  }

  it('lets OTEL_EXPORTER_OTLP_INSECURE decide where there is no scheme', () => {
    assert.equal(parseEndpoint('collector:4317', 'X', 'true'), 'http://collector:4317');
    assert.equal(parseEndpoint('localhost:4317', 'X', 'false'), 'https://localhost:4317');
    assert.equal(parseEndpoint('https://collector:4317', 'X', 'true'), 'https://collector:4317');
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
    it(`refuses "${given}" with one line that names the setting`, () => {
      assert.throws(
        () => parseEndpoint(given, '--endpoint'),
        (error) =>
          error instanceof EndpointError &&
          error.message.startsWith('--endpoint ') &&
          !error.message.includes('\n'),
      );
    });
  }
});

describe('grpcOptions', () => {
  const saved = { ...process.env };
  let folder = '';
  before(() => (folder = mkdtempSync(join(tmpdir(), 'agentsmith-options-'))));
  after(() => rmSync(folder, { recursive: true }));
  beforeEach(() => {
    for (const name of Object.keys(process.env)) if (name.startsWith('OTEL_')) delete process.env[name];
  });
  afterEach(() => {
    for (const name of Object.keys(process.env)) if (name.startsWith('OTEL_')) delete process.env[name];
    Object.assign(process.env, saved);
  });

  const env = (values: Record<string, string>) => {
    for (const [name, value] of Object.entries(values)) process.env[`OTEL_EXPORTER_OTLP_${name}`] = value;
  };

  it('has the defaults of the specification, and no compression on this host', () => {
    assert.deepEqual(grpcOptions('LOGS'), {
      url: 'http://localhost:4317',
      headers: {},
      timeoutMillis: 10_000,
      compression: 'none',
    });
  });

  it('compresses for other hosts', () => {
    assert.equal(grpcOptions('LOGS', 'https://collector').compression, 'gzip');
    env({ COMPRESSION: 'none' });
    assert.equal(grpcOptions('LOGS', 'https://collector').compression, 'none');
  });

  it('reads every variable, the one of the signal first', () => {
    env({
      ENDPOINT: 'http://all:1',
      LOGS_ENDPOINT: 'http://logs:2',
      TIMEOUT: '5000',
      METRICS_TIMEOUT: '7000',
      COMPRESSION: 'gzip',
      LOGS_COMPRESSION: 'zstd',
    });
    env({ HEADERS: 'A=1,b=two%20words', LOGS_HEADERS: 'b=3' });
    assert.deepEqual(grpcOptions('LOGS'), {
      url: 'http://logs:2',
      headers: { a: '1', b: '3' },
      timeoutMillis: 5000,
      compression: 'zstd',
    });
    assert.deepEqual(grpcOptions('METRICS'), {
      url: 'http://all:1',
      headers: { a: '1', b: 'two words' },
      timeoutMillis: 7000,
      compression: 'gzip',
    });
  });

  it('lets the flag win', () => {
    env({ ENDPOINT: 'http://env:1', LOGS_ENDPOINT: 'http://env:2' });
    assert.equal(grpcOptions('LOGS', 'http://flag:3').url, 'http://flag:3');
  });

  it('names the variable that holds a malformed endpoint', () => {
    env({ LOGS_ENDPOINT: 'http://host:99999' });
    assert.throws(() => grpcOptions('LOGS'), {
      name: 'EndpointError',
      message: /^OTEL_EXPORTER_OTLP_LOGS_ENDPOINT /,
    });
  });

  it('ignores a timeout and a compression that make no sense', () => {
    env({ TIMEOUT: '-1', COMPRESSION: 'brotli' });
    assert.deepEqual(grpcOptions('LOGS'), {
      url: 'http://localhost:4317',
      headers: {},
      timeoutMillis: 10_000,
      compression: 'none',
    });
  });

  it('refuses headers that HTTP cannot carry without showing their value', () => {
    env({ HEADERS: 'authorization=top%0Asecret' });
    assert.throws(
      () => grpcOptions('LOGS'),
      (error: Error) =>
        error.name === 'EndpointError' &&
        /"authorization"/.test(error.message) &&
        !/secret"/.test(error.message),
    );
  });

  it('refuses certificates that it cannot read, cannot use or that come alone', () => {
    const file = join(folder, 'x.pem');
    writeFileSync(file, '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
    env({ CERTIFICATE: join(folder, 'none.pem') });
    assert.throws(() => grpcOptions('LOGS', 'https://c'), {
      name: 'EndpointError',
      message: /OTEL_EXPORTER_OTLP_CERTIFICATE: cannot read .*none\.pem \(ENOENT\)/,
    });
    assert.equal(grpcOptions('LOGS', 'http://c').ca, undefined);
    env({ CERTIFICATE: '', CLIENT_CERTIFICATE: file });
    assert.throws(() => grpcOptions('LOGS', 'https://c'), {
      name: 'EndpointError',
      message: /needed together/,
    });
    env({ CLIENT_KEY: file });
    assert.throws(() => grpcOptions('LOGS', 'https://c'), { name: 'EndpointError', message: /PEM/ });
  });

  it('tells when two signals can share a connection', () => {
    const receiver = { url: 'https://c:443', ca: Buffer.from('x') };
    assert.ok(isSameReceiver(receiver, { ...receiver, ca: Buffer.from('x') }));
    assert.ok(!isSameReceiver(receiver, { url: 'https://c:443' }));
    assert.ok(!isSameReceiver(receiver, { ...receiver, url: 'https://d:443' }));
  });
});
