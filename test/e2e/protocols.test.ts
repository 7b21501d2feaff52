// SPDX-License-Identifier: Apache-2.0
// The built CLI and a real Collector: every protocol and every compression, and the wrong ones of its ports.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkReceiver } from '../../src/export/transport.ts';
import { type Pair, TestCa } from '../support/certificates.ts';
import { Cli, cleanUp, runCli } from '../support/cli.ts';
import { buildCollector, type Collector, startCollector } from '../support/collector.ts';
import { type LogRecord, waitForCollectorFile } from '../support/collector-file.ts';
import { needsKernel } from '../support/needs.ts';
import { type ReceiverOptions, receiverAt } from '../support/receiver.ts';
import { EXEC, lastLine, named, trueNumbers, upTo } from '../support/sent.ts';
import { Shell } from '../support/shell.ts';
import { skip } from '../support/skip.ts';

const PROTOCOLS = ['grpc', 'http/protobuf', 'http/json'] as const;

describe('the real Collector', function () {
  this.timeout('60s');
  let dir: string;
  let collector: Collector | undefined;
  let shell: Shell;

  before(async function () {
    this.timeout('35m');
    needsKernel.call(this);
    const binary = await buildCollector();
    if (typeof binary !== 'string') return skip(this, binary.skipped);
    dir = mkdtempSync(join(tmpdir(), 'agentsmith-protocols-'));
    collector = await startCollector({ binary, dir });
  });

  after(async () => {
    await collector?.stop();
    if (dir) rmSync(dir, { recursive: true });
  });

  beforeEach(() => {
    shell = new Shell();
  });
  afterEach(() => shell?.end());
  cleanUp();

  const urlOf = (protocol: string) => (protocol === 'grpc' ? collector!.grpcUrl : collector!.httpUrl);

  /** Deeds of one run, and what the Collector wrote of them. */
  async function run(env: Record<string, string>, args: readonly string[] = []): Promise<LogRecord[]> {
    // Without connections: a storm of others' on this machine would fill the ring.
    const tree = ['--tree', `${shell.pid}`, '--events', 'process.*', '--metrics-interval', '1s'];
    const cli = await new Cli([...tree, ...args], { env }).ready();
    await shell.runTrue(20);
    const { code, stderr } = await cli.stop();
    assert.equal(code, 0, stderr);
    assert.equal(lastLine(stderr).lost, 0, stderr);
    const { records } = await waitForCollectorFile(
      collector!.eventsPath,
      (file) => isOurs(file.records).length >= 20,
    );
    return isOurs(records);
  }

  const isOurs = (records: readonly LogRecord[]) =>
    named(records, EXEC).filter(({ attributes }) => attributes['process.parent_pid'] === shell.pid);

  for (const protocol of PROTOCOLS) {
    for (const compression of ['none', 'gzip', 'zstd']) {
      it(`takes ${protocol} with compression ${compression}`, async () => {
        const records = await run({
          OTEL_EXPORTER_OTLP_ENDPOINT: urlOf(protocol),
          OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
          OTEL_EXPORTER_OTLP_COMPRESSION: compression,
        });
        assert.deepEqual(trueNumbers(records), upTo(20));
        const { metrics } = await waitForCollectorFile(collector!.eventsPath, (file) =>
          isSent(file.metrics.get('otel.sdk.exporter.log.exported') ?? [], protocol),
        );
        assert.ok(isSent(metrics.get('otel.sdk.exporter.operation.duration') ?? [], protocol));
      });
    }

    it(`takes ${protocol} from the stock SDK`, async () => {
      const env = { OTEL_EXPORTER_OTLP_ENDPOINT: urlOf(protocol), OTEL_EXPORTER_OTLP_PROTOCOL: protocol };
      assert.deepEqual(trueNumbers(await run(env, ['--pipeline', 'sdk'])), upTo(20));
    });

    it(`passes doctor's check for ${protocol}`, async () => {
      const env = { OTEL_EXPORTER_OTLP_PROTOCOL: protocol };
      const { stdout } = await runCli(['doctor', '--endpoint', urlOf(protocol)], { env });
      assert.match(stdout, new RegExp(`^ok {2}receiver +${urlOf(protocol)}`, 'm'));
    });
  }

  /** Whether the exporter of a protocol counted itself, under the names of semantic conventions. */
  function isSent(
    points: readonly { readonly attributes: Readonly<Record<string, unknown>> }[],
    protocol: string,
  ) {
    const type = {
      grpc: 'otlp_grpc_log_exporter',
      'http/protobuf': 'otlp_http_log_exporter',
      'http/json': 'otlp_http_json_log_exporter',
    }[protocol];
    return points.some(({ attributes }) => attributes['otel.component.type'] === type);
  }

  it('is reached over HTTP at its port 4318 without a word about the protocol', async () => {
    const { ports } = collector!;
    // Only that port means HTTP, and it may be taken: the wrong answer is as telling as the right one.
    const { stderr } = await runCli(['doctor', '--endpoint', 'http://127.0.0.1:4318']);
    assert.match(stderr, /^--endpoint: port 4318 means OTLP\/HTTP \(http\/protobuf\)/m);
    assert.notEqual(ports.http, ports.grpc);
  });

  for (const [what, protocol, url, message] of [
    ['gRPC at its HTTP port', 'grpc', () => collector!.httpUrl, /use the OTLP\/gRPC port, usually 4317/],
    [
      'HTTP at its gRPC port',
      'http/protobuf',
      () => collector!.grpcUrl,
      /speaks gRPC, not HTTP\/1\.1: use the OTLP\/HTTP port, usually 4318/,
    ],
    [
      'TLS at its gRPC port',
      'grpc',
      () => collector!.grpcUrl.replace('http:', 'https:'),
      /use http:\/\/ for plaintext/,
    ],
    [
      'TLS at its HTTP port',
      'http/protobuf',
      () => collector!.httpUrl.replace('http:', 'https:'),
      /use http:\/\/ for plaintext/,
    ],
    [
      'another path',
      'http/protobuf',
      () => `${collector!.httpUrl}/otlp`,
      /no OTLP\/HTTP receiver at this path: HTTP 404/,
    ],
  ] as const) {
    it(`says what is wrong with ${what}, to the run and to doctor, and the run goes on`, async () => {
      const env = { OTEL_EXPORTER_OTLP_PROTOCOL: protocol };
      const { stdout } = await runCli(['doctor', '--endpoint', url()], { env });
      const complaint = stdout.slice(stdout.search(/^!! {2}receiver/m)).replaceAll(/\s+/g, ' ');
      assert.match(complaint, message);
      const cli = await new Cli(['--endpoint', url(), '--tree', `${shell.pid}`], { env }).ready();
      await cli.said(message);
      await shell.runTrue(5);
      const { code, stderr } = await cli.stopNow();
      assert.equal(code, 0);
      assert.equal(stderr.match(new RegExp(message, 'g'))?.length, 1, stderr);
      assert.match(lastLine(stderr).why, /shutdown/);
    });
  }
});

/** A Collector that speaks TLS and wants to see certificates. */
const tlsConfig = (ca: TestCa, pair: Pair) => `
receivers:
  otlp:
    protocols:
${['grpc', 'http']
  .map(
    (name) => `      ${name}:
        endpoint: "\${env:AGENTSMITH_OTLP_${name.toUpperCase()}}"
        tls: { cert_file: ${pair.paths.cert}, key_file: ${pair.paths.key}, client_ca_file: ${ca.path} }
`,
  )
  .join('')}
exporters:
  file: { path: "\${env:AGENTSMITH_FILE}" }
extensions:
  health_check: { endpoint: "\${env:AGENTSMITH_COLLECTOR_HEALTH}" }
service:
  extensions: [health_check]
  telemetry: { metrics: { level: none } }
  pipelines:
    logs: { receivers: [otlp], exporters: [file] }
    metrics: { receivers: [otlp], exporters: [file] }
`;

describe('the real Collector with mutual TLS', function () {
  this.timeout('60s');
  let ca: TestCa;
  let stranger: TestCa;
  let collector: Collector | undefined;

  before(async function () {
    this.timeout('35m');
    const binary = await buildCollector();
    if (typeof binary !== 'string') return skip(this, binary.skipped);
    ca = TestCa.make(this);
    stranger = TestCa.make(this);
    const config = ca.file('collector.yaml');
    writeFileSync(config, tlsConfig(ca, ca.issue('IP:127.0.0.1')));
    collector = await startCollector({ binary, config, dir: ca.file('collector') });
  });

  after(async () => {
    await collector?.stop();
    ca?.remove();
    stranger?.remove();
  });

  for (const protocol of ['grpc', 'http/protobuf'] as const) {
    const url = (scheme = 'https') =>
      (protocol === 'grpc' ? collector!.grpcUrl : collector!.httpUrl).replace('http', scheme);
    const check = (to: string, files: NonNullable<ReceiverOptions['files']> = {}) =>
      checkReceiver(receiverAt(to, { protocol, files }), 20_000);

    it(`takes ${protocol} from a client whose certificate it knows`, () =>
      check(url(), { ca: ca.path, ...ca.issue('DNS:agent').paths }));

    it(`refuses ${protocol} without one, and the line says so`, () =>
      assert.rejects(check(url(), { ca: ca.path }), /wants a client certificate|client certificate/));

    it(`refuses ${protocol} from a stranger, and the line says so`, () =>
      assert.rejects(
        check(url(), { ca: ca.path, ...stranger.issue('DNS:agent').paths }),
        /refuses our client certificate/,
      ));

    it(`is not trusted with another CA over ${protocol}`, () =>
      assert.rejects(check(url(), { ca: stranger.path }), /no CA that is trusted vouches/));

    it(`wants no plaintext over ${protocol}, and the line says so`, () =>
      assert.rejects(check(url('http')), /use https:\/\//));
  }
});
