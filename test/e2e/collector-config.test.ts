// SPDX-License-Identifier: Apache-2.0
// The Collector configuration that users get, in a real Collector. What the agent sends is left to the other
// tests of this folder: here the sender is the test itself.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { buildCollector, type Collector, shippedConfig, startCollector } from '../support/collector.ts';
import { pruned, readConfig } from '../support/collector-config.ts';
import { waitForCollectorFile } from '../support/collector-file.ts';
import { skip } from '../support/skip.ts';

const run = promisify(execFile);

describe('otel-collector.yaml', () => {
  let binary: string;
  let dir: string;
  let collector: Collector | undefined;

  before(async function () {
    this.timeout('35m');
    const built = await buildCollector();
    if (typeof built !== 'string') skip(this, built.skipped);
    binary = built;
  });

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'agentsmith-collector-'));
  });

  afterEach(async function () {
    if (this.currentTest?.state === 'failed' && collector) console.error(collector.logTail());
    await collector?.stop();
    collector = undefined;
    await rm(dir, { recursive: true });
  });

  const BACKENDS = ['KAFKA', 'LOKI', 'PROMETHEUS', 'SYSLOG', 'OPENSEARCH', 'ELASTICSEARCH', 'GATEWAY'];
  const ON = Object.fromEntries(BACKENDS.map((name) => [`AGENTSMITH_${name}`, 'otlp']));

  it('has a variable for each backend', async () => {
    const text = await readFile(shippedConfig, 'utf8');
    const names = [...text.matchAll(/\$\{env:AGENTSMITH_(\w+):-nop\}/g)].map(([, name]) => name);
    assert.deepEqual([...new Set(names)].sort(), [...BACKENDS].sort());
  });

  for (const [how, env] of [
    ['as it stands', {}],
    ['with every backend on', ON],
    ['with neither console nor file', { AGENTSMITH_LOCAL: 'nop' }],
    ['with several brokers', { AGENTSMITH_KAFKA: 'otlp', AGENTSMITH_KAFKA_BROKERS: '[a:9092, b:9092]' }],
  ] as const) {
    // What the registries do not give cannot be looked at here; test/unit/collector-names.test.ts reads its names.
    it(`is valid ${how}, but for exporters that this Collector lacks`, async function () {
      this.timeout('60s');
      const { text, gone } = await pruned(await readConfig(shippedConfig), binary);
      assert.deepEqual(gone, ['syslog', 'opensearch', 'elasticsearch']);
      const config = join(dir, 'collector.yaml');
      await writeFile(config, text);
      await run(binary, ['validate', '--config', config], { cwd: dir, env: { ...process.env, ...env } });
    });
  }

  it('says nothing of the backends that are off', async function () {
    this.timeout('60s');
    collector = await startCollector({ binary, dir });
    await post(collector, '/v1/logs', logs('agentsmith.test'));
    await waitForCollectorFile(collector.eventsPath, (file) => file.records.length > 0);
    const log = await readFile(collector.logPath, 'utf8');
    assert.deepEqual(
      log.split('\n').filter((line) => /\t(warn|error)\t/.test(line)),
      [],
    );
  });

  it('writes a log record that comes by OTLP/HTTP to its file, exactly as it was sent', async function () {
    this.timeout('60s');
    collector = await startCollector({ binary, dir });
    const answer = await post(collector, '/v1/logs', logs('agentsmith.test'));
    assert.deepEqual(answer, { partialSuccess: {} });

    const { records } = await waitForCollectorFile(collector.eventsPath, (file) => file.records.length > 0);
    assert.deepEqual(records, [
      {
        eventName: 'agentsmith.test',
        timeUnixNano: 1_700_000_000_123_456_789n,
        observedTimeUnixNano: 1_700_000_000_123_999_999n,
        severityNumber: 13,
        body: 'one line',
        attributes: {
          text: 'a "quoted" \u{1f511} line\nand another',
          small: 42,
          large: 9_223_372_036_854_775_807n,
          whole: 1,
          fraction: 0.1,
          yes: true,
          list: ['', 'b'],
          map: { inner: 7 },
          bytes: Uint8Array.of(0, 255),
          nothing: null,
        },
        resource: { 'host.name': 'test', 'service.name': 'agentsmith-otel' },
        scope: { name: 'test', version: '1.2.3' },
      },
    ]);
  });

  it('writes metrics to the same file', async function () {
    this.timeout('60s');
    collector = await startCollector({ binary, dir });
    await post(collector, '/v1/metrics', metrics);

    const file = await waitForCollectorFile(collector.eventsPath, ({ metrics }) =>
      metrics.has('test.records'),
    );
    const { kind, unit, attributes, value } = file.metrics.get('test.records')![0]!;
    assert.deepEqual(
      { kind, unit, attributes, value },
      { kind: 'sum', unit: '{record}', attributes: { reason: 'queue_full' }, value: 5 },
    );
  });

  it('appends to its file after a restart, and shows it to owner and group only', async function () {
    this.timeout('60s');
    collector = await startCollector({ binary, dir });
    await post(collector, '/v1/logs', logs('before'));
    await collector.stop();
    collector = await startCollector({ binary, dir, ports: collector.ports });
    await post(collector, '/v1/logs', logs('after'));

    const { records } = await waitForCollectorFile(collector.eventsPath, (file) => file.records.length > 1);
    assert.deepEqual(
      records.map((record) => record.eventName),
      ['before', 'after'],
    );
    assert.equal((await stat(collector.eventsPath)).mode & 0o007, 0);
  });

  it('tells the end of the log when the Collector refuses a configuration', async function () {
    this.timeout('60s');
    const config = join(dir, 'wrong.yaml');
    await writeFile(config, 'receivers: {nothing-like-it: {}}\n');
    await assert.rejects(startCollector({ binary, config, dir }), /ended while starting.*nothing-like-it/s);
  });
});

async function post(collector: Collector, path: string, body: unknown): Promise<unknown> {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(collector.httpUrl + path, {
    method: 'POST',
    headers,
    body: JSON.stringify(body),
  });
  assert.equal(answer.status, 200);
  return answer.json();
}

const resource = {
  attributes: [
    { key: 'host.name', value: { stringValue: 'test' } },
    { key: 'service.name', value: { stringValue: 'agentsmith-otel' } },
  ],
};
const scope = { name: 'test', version: '1.2.3' };

function logs(eventName: string) {
  const record = {
    eventName,
    timeUnixNano: '1700000000123456789',
    observedTimeUnixNano: '1700000000123999999',
    severityNumber: 13,
    body: { stringValue: 'one line' },
    attributes: [
      { key: 'text', value: { stringValue: 'a "quoted" \u{1f511} line\nand another' } },
      { key: 'small', value: { intValue: '42' } },
      { key: 'large', value: { intValue: '9223372036854775807' } },
      { key: 'whole', value: { doubleValue: 1 } },
      { key: 'fraction', value: { doubleValue: 0.1 } },
      { key: 'yes', value: { boolValue: true } },
      { key: 'list', value: { arrayValue: { values: [{ stringValue: '' }, { stringValue: 'b' }] } } },
      { key: 'map', value: { kvlistValue: { values: [{ key: 'inner', value: { intValue: '7' } }] } } },
      { key: 'bytes', value: { bytesValue: 'AP8=' } },
      { key: 'nothing', value: {} },
    ],
  };
  return { resourceLogs: [{ resource, scopeLogs: [{ scope, logRecords: [record] }] }] };
}

const point = {
  attributes: [{ key: 'reason', value: { stringValue: 'queue_full' } }],
  startTimeUnixNano: '1700000000000000000',
  timeUnixNano: '1700000001000000000',
  asInt: '5',
};
const sum = { aggregationTemporality: 2, isMonotonic: true, dataPoints: [point] };
const metrics = {
  resourceMetrics: [
    { resource, scopeMetrics: [{ scope, metrics: [{ name: 'test.records', unit: '{record}', sum }] }] },
  ],
};
