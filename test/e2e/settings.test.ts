// SPDX-License-Identifier: Apache-2.0
// Standard variables take effect: the built CLI replays a recording to a receiver. What each becomes as a setting:
// test/unit/config/variables.test.ts; TLS, certificates, headers and protocols: connection.test.ts.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Cli, cleanUp, runCli } from '../support/cli.ts';
import { needsKernel } from '../support/needs.ts';
import { OtlpSink, type SinkRequest } from '../support/otlp-sink.ts';
import { repository } from '../support/repository.ts';
import { EXEC, GAP, lastLine, named } from '../support/sent.ts';
import { Shell } from '../support/shell.ts';

const RECORDING = join(repository, 'test/fixtures/basic.ring');
const isLogs = ({ signal }: SinkRequest) => signal === 'logs';
/** The agent's own records. */
const OWN = 'agentsmith.sensor.';

describe('a standard variable', function () {
  this.timeout('60s');
  let sink: OtlpSink;

  beforeEach(async () => {
    sink = await OtlpSink.start();
  });
  afterEach(() => sink?.close());
  cleanUp();

  const replay = (env: Readonly<Record<string, string>>, ...args: string[]) =>
    runCli(['replay', RECORDING, '--fast', ...args], {
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: sink.url, ...env },
    });
  const records = () => sink.records().filter(({ eventName }) => !eventName.startsWith(OWN));

  for (const pipeline of ['fast', 'sdk']) {
    it(`cuts texts and leaves out attributes (--pipeline ${pipeline})`, async () => {
      const args = ['--pipeline', pipeline];
      await replay({}, ...args);
      const whole = records();
      await sink.close();
      sink = await OtlpSink.start();
      const limits = { OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT: '6', OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT: '9' };
      const { code, stderr } = await replay(limits, ...args);
      assert.deepEqual([code, lastLine(stderr).lost], [0, 0]);
      assert.ok(whole.length > 2);
      assert.equal(records().length, whole.length);
      for (const [i, { attributes, droppedAttributesCount }] of records().entries()) {
        const all = Object.entries(whole[i]!.attributes);
        assert.equal(droppedAttributesCount, all.length - 9);
        const cut = (value: unknown): unknown =>
          typeof value === 'string' ? value.slice(0, 6) : Array.isArray(value) ? value.map(cut) : value;
        assert.deepEqual(
          attributes,
          Object.fromEntries(all.slice(0, 9).map(([name, value]) => [name, cut(value)])),
        );
      }
    });
  }

  it('bounds the records of a request', async () => {
    await replay({ OTEL_BLRP_MAX_EXPORT_BATCH_SIZE: '2' });
    const sizes = sink.requests.filter(isLogs).map(({ index }) => index);
    assert.ok(sizes.length >= records().length / 2, `${sizes.length} requests`);
  });

  it('bounds the records that wait; what is beyond is counted and told', async function () {
    needsKernel.call(this);
    const shell = new Shell();
    try {
      let isBusy = true;
      sink.respond((request) => (isBusy && isLogs(request) ? { status: 14, message: 'busy' } : undefined));
      const env = { OTEL_BLRP_MAX_QUEUE_SIZE: '5', OTEL_BLRP_MAX_EXPORT_BATCH_SIZE: '1' };
      const cli = await new Cli(['--endpoint', sink.url, '--tree', `${shell.pid}`, '--events', 'exec'], {
        env,
      }).ready();
      await cli.said(/they wait and are sent again/);
      await shell.runTrue(20);
      isBusy = false;
      await sink.until(() => named(sink.records(), GAP).length > 0);
      const { code, stderr } = await cli.stop();
      const { delivered, lost, why } = lastLine(stderr);
      assert.equal(code, 0);
      assert.match(why, /^\d+ process\.exec queue_full$/);
      assert.equal(sink.records().length, delivered);
      assert.equal(named(sink.records(), EXEC).length + lost, 20);
    } finally {
      await shell.end();
    }
  });

  it('prints records on the terminal: OTEL_LOGS_EXPORTER=console', async () => {
    const { stdout } = await replay({ OTEL_LOGS_EXPORTER: 'console', OTEL_METRICS_EXPORTER: 'none' });
    assert.match(stdout, / process\.exec /);
    assert.equal(sink.requests.length, 0);
  });

  it('prints and sends: OTEL_LOGS_EXPORTER=console,otlp', async () => {
    const { stdout } = await replay({ OTEL_LOGS_EXPORTER: 'console,otlp' });
    assert.equal(stdout.trimEnd().split('\n').length, records().length);
  });

  it('sends metrics alone: OTEL_LOGS_EXPORTER=none', async () => {
    const { stdout, code } = await replay({ OTEL_LOGS_EXPORTER: 'none' });
    assert.deepEqual([code, stdout, sink.records().length], [0, '', 0]);
    assert.ok(sink.metrics().some(({ name }) => name === 'agentsmith.sensor.event.received'));
  });

  it('sends no metrics: OTEL_METRICS_EXPORTER=none', async () => {
    await replay({ OTEL_METRICS_EXPORTER: 'none' });
    assert.ok(records().length > 0);
    assert.deepEqual(sink.metrics(), []);
  });

  it('prints metrics, a line each: OTEL_METRICS_EXPORTER=console', async () => {
    const { stdout } = await replay({ OTEL_METRICS_EXPORTER: 'console' });
    assert.deepEqual(sink.metrics(), []);
    assert.match(
      stdout,
      /^agentsmith\.sensor\.event\.received\{agentsmith\.event\.name=agentsmith\.process\.exec\} \d+ \{event\}$/m,
    );
    assert.match(stdout, /^agentsmith\.event\.delay count \d+, sum [\d.]+ s$/m);
  });

  for (const [preference, counter, upDown] of [
    ['delta', 'delta', 'cumulative'],
    ['cumulative', 'cumulative', 'cumulative'],
    ['lowmemory', 'cumulative', 'cumulative'],
  ] as const) {
    it(`chooses the temporality of counters: ${preference}`, async () => {
      await replay({ OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: preference });
      const of = (name: string) => sink.metrics().find((metric) => metric.name === name)?.temporality;
      assert.equal(of('agentsmith.sensor.event.received'), counter);
      assert.equal(of('agentsmith.cache.size'), upDown);
      assert.equal(of('agentsmith.event.delay'), preference === 'cumulative' ? 'cumulative' : 'delta');
    });
  }

  it('names the service and the Resource', async () => {
    await replay({
      OTEL_SERVICE_NAME: 'edge',
      OTEL_RESOURCE_ATTRIBUTES: 'team=a%2Cb,service.name=lost',
      OTEL_NODE_RESOURCE_DETECTORS: 'env,os',
    });
    const { resource } = records()[0]!;
    assert.deepEqual(
      [resource['service.name'], resource.team, resource['os.type']],
      ['edge', 'a,b', 'linux'],
    );
    assert.ok(!('host.name' in resource) && !('service.instance.id' in resource));
  });

  it('sends a header of a file, and says nothing of it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'agentsmith-token-'));
    try {
      writeFileSync(join(folder, 'token'), 'Bearer hunter2\n');
      const { stderr } = await replay(
        {},
        '--header',
        `authorization=@${join(folder, 'token')}`,
        '--log-level',
        'debug',
      );
      assert.equal(sink.requests.find(isLogs)?.headers.authorization, 'Bearer hunter2');
      assert.doesNotMatch(stderr, /hunter2/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('turns everything off: OTEL_SDK_DISABLED', async () => {
    const { stdout } = await replay({ OTEL_SDK_DISABLED: 'true' });
    assert.match(stdout, / process\.exec /);
    assert.equal(sink.requests.length, 0);
  });

  it('names a configuration file: OTEL_CONFIG_FILE', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'agentsmith-file-'));
    try {
      const file = join(folder, 'otel.yaml');
      writeFileSync(
        file,
        `file_format: "1.1"
logger_provider: { processors: [{ batch: { exporter: { otlp_grpc: { endpoint: "${sink.url}" } } } }] }
distribution: { agentsmith: { no_body: true } }
`,
      );
      const { stderr } = await runCli(['replay', RECORDING, '--fast'], {
        env: { OTEL_CONFIG_FILE: file, OTEL_SERVICE_NAME: 'ignored' },
      });
      assert.match(stderr, /^warning: OTEL_SERVICE_NAME: ignored, as OpenTelemetry wants it beside/m);
      assert.equal(records()[0]?.resource['service.name'], 'agentsmith-otel');
      assert.equal(records()[0]?.body ?? undefined, undefined);
      assert.deepEqual(sink.metrics(), []);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
