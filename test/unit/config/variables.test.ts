// SPDX-License-Identifier: Apache-2.0
// Every variable that users of OpenTelemetry expect: what it becomes, which flag and which variable of ours say the same
// and win. That it takes effect is left to the tests of what it sets.
import assert from 'node:assert/strict';
import { type CommandLine, parseCommandLine, type Settings } from '../../../src/config/command-line.ts';
import { OPTION_NAMES, type OptionName, optionOf, variableOf } from '../../../src/config/options.ts';

const names = ['agentsmith.process.exec', 'agentsmith.process.exit'];
const events = { known: names, defaults: names };
const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://h:4317' };

const parse = (args: readonly string[], env: Record<string, string> = {}): CommandLine =>
  parseCommandLine(args, env, events);

interface Row {
  readonly variable: string;
  readonly text: string;
  /** What the setting is then. */
  readonly value: unknown;
  /** Where it is looked at. */
  readonly of: (settings: Settings) => unknown;
  /** The same by flag, and by a variable of ours. */
  readonly flag: readonly [flag: string, text?: string];
  readonly own: string;
  /** Another value, which the flag and our variable win over. */
  readonly other: string;
}

const logs =
  (key: 'endpoint' | 'protocol' | 'compression' | 'insecure' | 'ca' | 'cert' | 'key') =>
  (settings: Settings) =>
    settings.receivers.logs?.[key]?.value;

const ROWS: readonly Row[] = [
  // biome-ignore format: a table
  ...([
    ['ENDPOINT', 'http://h:1', 'http://h:1', logs('endpoint'), 'endpoint', 'http://x:2'],
    ['PROTOCOL', 'http/json', 'http/json', logs('protocol'), 'protocol', 'grpc'],
    ['HEADERS', 'A=b%20c', { a: 'b c' }, (s: Settings) => s.receivers.logs?.headers, 'header', 'a=z'],
    ['TIMEOUT', '1500', 1500, (s: Settings) => s.receivers.logs?.timeoutMillis, 'timeout', '99'],
    ['COMPRESSION', 'zstd', 'zstd', logs('compression'), 'compression', 'gzip'],
    ['INSECURE', 'true', true, logs('insecure'), 'insecure', 'false'],
    ['CERTIFICATE', '/ca.pem', '/ca.pem', logs('ca'), 'ca', '/x'],
    ['CLIENT_CERTIFICATE', '/c.pem', '/c.pem', logs('cert'), 'cert', '/x'],
    ['CLIENT_KEY', '/k.pem', '/k.pem', logs('key'), 'key', '/x'],
  ] as const).flatMap(([what, text, value, of, flag, other]): Row[] =>
    ['', 'LOGS_'].map((signal) => ({
      variable: `OTEL_EXPORTER_OTLP_${signal}${what}`,
      text,
      value,
      of,
      flag: [`--${flag}`, flag === 'timeout' ? '1500ms' : flag === 'header' ? 'A=b c' : text],
      own: flag === 'timeout' ? '1500ms' : text,
      other,
    })),
  ),
  row('OTEL_SERVICE_NAME', 'web', 'web', (s) => s.attributes['service.name'], '--service-name', 'x'),
  row('OTEL_RESOURCE_ATTRIBUTES', 'a=b', 'b', (s) => s.attributes.a, '--resource', 'a=x'),
  row(
    'OTEL_LOGS_EXPORTER',
    'none',
    [false, 'none'],
    (s) => [s.exporting, s.output],
    '--logs-exporter',
    'otlp',
  ),
  row('OTEL_METRICS_EXPORTER', 'console', ['console'], (s) => s.metrics, '--metrics-exporter', 'none'),
  row('OTEL_BLRP_SCHEDULE_DELAY', '700', 700, (s) => s.batchDelay, '--batch-delay', '5', '700ms'),
  row('OTEL_BLRP_EXPORT_TIMEOUT', '700', 700, (s) => s.batchTimeout, '--batch-timeout', '5', '700ms'),
  row('OTEL_BLRP_MAX_QUEUE_SIZE', '2048', 2048, (s) => s.queueRecords, '--queue-records', '5'),
  row('OTEL_BLRP_MAX_EXPORT_BATCH_SIZE', '512', 512, (s) => s.batchRecords, '--batch-records', '5'),
  row(
    'OTEL_METRIC_EXPORT_INTERVAL',
    '1500',
    1500,
    (s) => s.metricsInterval,
    '--metrics-interval',
    '5',
    '1.5s',
  ),
  row('OTEL_METRIC_EXPORT_TIMEOUT', '1500', 1500, (s) => s.metricsTimeout, '--metrics-timeout', '5', '1.5s'),
  row(
    'OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE',
    'Delta',
    'delta',
    (s) => s.metricsTemporality,
    '--metrics-temporality',
    'lowmemory',
  ),
  ...['OTEL_LOGRECORD_', 'OTEL_'].flatMap((prefix) => [
    row(
      `${prefix}ATTRIBUTE_COUNT_LIMIT`,
      '9',
      9,
      (s) => s.attributeCountLimit,
      '--attribute-count-limit',
      '1',
    ),
    row(
      `${prefix}ATTRIBUTE_VALUE_LENGTH_LIMIT`,
      '9',
      9,
      (s) => s.attributeValueLengthLimit,
      '--attribute-value-length-limit',
      '1',
    ),
  ]),
  row('OTEL_LOG_LEVEL', 'WARN', 'warn', (s) => s.logLevel, '--log-level', 'error'),
  row('OTEL_CONFIG_FILE', '/x.yaml', '/x.yaml', (s) => s.config, '--config', '/y.yaml'),
  row(
    'OTEL_NODE_RESOURCE_DETECTORS',
    'os,host',
    ['host', 'os'],
    (s) => s.resourceDetectors,
    '--resource-detectors',
    'none',
  ),
];

function row(
  variable: string,
  text: string,
  value: unknown,
  of: Row['of'],
  flag: string,
  other: string,
  written = text,
): Row {
  return { variable, text, value, of, flag: [flag, written], own: written, other };
}

const ownOf = (flag: string) => `AGENTSMITH_${flag.slice(2).replaceAll('-', '_').toUpperCase()}`;

describe('the variables of OpenTelemetry', () => {
  for (const { variable, text, value, of, flag, own, other } of ROWS) {
    const base = variable.endsWith('_ENDPOINT') ? {} : ENDPOINT;

    it(`${variable}=${text} counts`, () => {
      const { settings, warnings } = parse([], { ...base, [variable]: text });
      assert.deepEqual(of(settings), value);
      assert.deepEqual(warnings, []);
    });

    it(`${variable} gives way to ${flag[0]} and ${ownOf(flag[0])}`, () => {
      const env = { ...base, [variable]: other };
      assert.deepEqual(of(parse([flag[0], flag[1] ?? ''], env).settings), value);
      const { settings, warnings } = parse([], { ...env, [ownOf(flag[0])]: own });
      assert.deepEqual(of(settings), value);
      assert.deepEqual(warnings, []);
    });
  }

  it('are in this table, all that options name', () => {
    const tabled = new Set(ROWS.map(({ variable }) => variable));
    const named = OPTION_NAMES.flatMap((name) => (optionOf(name).also ?? []).map((each) => each.name));
    const missing = named.filter((name) => !tabled.has(name));
    assert.deepEqual(missing, ['OTEL_SDK_DISABLED', 'NO_COLOR']);
  });

  it('of one signal do not speak for the other', () => {
    const { receivers } = parse([], {
      ...ENDPOINT,
      OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://m:1',
      OTEL_EXPORTER_OTLP_METRICS_HEADERS: 'a=m',
      OTEL_EXPORTER_OTLP_LOGS_TIMEOUT: '7',
    }).settings;
    assert.deepEqual(
      [receivers.logs?.endpoint?.value, receivers.metrics?.endpoint?.value],
      ['http://h:4317', 'http://m:1'],
    );
    assert.deepEqual([receivers.logs?.headers, receivers.metrics?.headers], [{}, { a: 'm' }]);
    assert.deepEqual([receivers.logs?.timeoutMillis, receivers.metrics?.timeoutMillis], [7, 10_000]);
  });

  it('that are wrong are told, once each, and change nothing', () => {
    for (const [variable, text, message] of [
      [
        'OTEL_LOGS_EXPORTER',
        'logging',
        /^OTEL_LOGS_EXPORTER: logging: there are otlp, console, none; left out$/,
      ],
      ['OTEL_METRICS_EXPORTER', 'prometheus', /Collector has a Prometheus endpoint/],
      ['OTEL_BLRP_SCHEDULE_DELAY', 'soon', /"soon" is no number of milliseconds; ignored$/],
      ['OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT', '0', /no whole number from 1 .*; ignored$/],
      ['OTEL_BLRP_MAX_QUEUE_SIZE', '-1', /no whole number.*; ignored$/],
      ['OTEL_METRIC_EXPORT_INTERVAL', '1s', /"1s" is no number of milliseconds; ignored$/],
      [
        'OTEL_RESOURCE_ATTRIBUTES',
        'a=b,c',
        /^OTEL_RESOURCE_ATTRIBUTES: "c" is no key=value \(percent-encoded\); ignored$/,
      ],
      ['OTEL_RESOURCE_ATTRIBUTES', 'process.pid=1', /process\.pid is left out/],
      ['OTEL_NODE_RESOURCE_DETECTORS', 'aws', /^OTEL_NODE_RESOURCE_DETECTORS: aws: this agent asks no cloud/],
      ['OTEL_NODE_RESOURCE_DETECTORS', 'process', /process: records name the process they are about/],
      ['OTEL_EXPORTER_OTLP_PROTOCOL', 'thrift', /none of grpc, http\/protobuf, http\/json; ignored$/],
      ['OTEL_EXPORTER_OTLP_TIMEOUT', '-5', /ignored$/],
      ['OTEL_EXPORTER_PROMETHEUS_PORT', '9464', /Collector has a Prometheus endpoint; ignored$/],
    ] as const) {
      const { settings, warnings } = parse([], { ...ENDPOINT, [variable]: text });
      assert.equal(warnings.length, 1, `${variable}: ${warnings.join(' | ')}`);
      assert.match(warnings[0]!, message);
      assert.deepEqual({ ...settings, resource: undefined }, parse([], ENDPOINT).settings, variable);
    }
  });

  it('keep the detectors that there are beside one that there is not', () => {
    const { settings } = parse([], { OTEL_NODE_RESOURCE_DETECTORS: 'env,gcp,host' });
    assert.deepEqual(settings.resourceDetectors, ['host', 'env']);
  });

  it('take 0 for no limit, or for at once', () => {
    const { settings } = parse([], { OTEL_BLRP_EXPORT_TIMEOUT: '0', OTEL_BLRP_SCHEDULE_DELAY: '0' });
    assert.deepEqual([settings.batchTimeout, settings.batchDelay], [24 * 86_400_000, 1]);
    assert.equal(parse([], { OTEL_BLRP_MAX_EXPORT_BATCH_SIZE: '100000' }).settings.batchRecords, 16_384);
  });
});

describe('where records and metrics go', () => {
  const to = (line: string, env: Record<string, string> = {}) => {
    const { exporting, output, metrics } = parse(line === '' ? [] : line.split(' '), env).settings;
    return [exporting ? 'sent' : 'kept', output, ...metrics];
  };
  for (const [line, env, expected] of [
    ['', {}, ['kept', 'console']],
    ['--endpoint', {}, ['sent', 'none', 'otlp']],
    ['', ENDPOINT, ['sent', 'none', 'otlp']],
    ['', { OTEL_LOGS_EXPORTER: 'otlp' }, ['sent', 'none', 'otlp']],
    ['', { OTEL_LOGS_EXPORTER: 'console' }, ['kept', 'console']],
    ['', { OTEL_LOGS_EXPORTER: 'none' }, ['kept', 'none']],
    ['--output json', { OTEL_LOGS_EXPORTER: 'none' }, ['kept', 'json']],
    ['', { ...ENDPOINT, OTEL_LOGS_EXPORTER: 'console,otlp' }, ['sent', 'console', 'otlp']],
    ['', { ...ENDPOINT, OTEL_LOGS_EXPORTER: 'console' }, ['kept', 'console', 'otlp']],
    ['--endpoint', { OTEL_LOGS_EXPORTER: 'none' }, ['sent', 'none', 'otlp']],
    ['--endpoint', { OTEL_METRICS_EXPORTER: 'none' }, ['sent', 'none']],
    ['', { OTEL_METRICS_EXPORTER: 'console' }, ['kept', 'console', 'console']],
    ['', { OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://m:1' }, ['kept', 'console', 'otlp']],
    ['', { ...ENDPOINT, OTEL_SDK_DISABLED: 'TRUE' }, ['kept', 'console']],
    ['', { ...ENDPOINT, OTEL_SDK_DISABLED: 'yes' }, ['sent', 'none', 'otlp']],
    ['--endpoint', { OTEL_SDK_DISABLED: 'true' }, ['sent', 'none', 'otlp']],
    ['--endpoint --disabled', {}, ['kept', 'console']],
  ] as const) {
    it(`${JSON.stringify(env)} ${line}: ${expected.join(', ')}`, () => {
      assert.deepEqual(to(line, env), expected);
    });
  }
});

describe('what several sources say', () => {
  it('of headers and attributes is joined name by name', () => {
    const { settings, attributeOrigins } = parse(
      ['--resource', 'a=flag', '--resource', 'b=flag', '--header', 'x=@/dev/null'],
      {
        ...ENDPOINT,
        OTEL_RESOURCE_ATTRIBUTES: 'a=otel,b=otel,c=otel,d=otel',
        AGENTSMITH_RESOURCE: 'a=own,c=own',
        OTEL_EXPORTER_OTLP_HEADERS: 'x=otel,y=otel',
      },
    );
    assert.deepEqual(settings.attributes, { a: 'flag', b: 'flag', c: 'own', d: 'otel' });
    assert.deepEqual(attributeOrigins, {
      a: '--resource',
      b: '--resource',
      c: 'AGENTSMITH_RESOURCE',
      d: 'OTEL_RESOURCE_ATTRIBUTES',
    });
    assert.deepEqual(settings.receivers.logs?.headers, { x: '', y: 'otel' });
  });

  it('of the service: its name wins over the attribute, a stronger source over both', () => {
    const env = { OTEL_RESOURCE_ATTRIBUTES: 'service.name=a', OTEL_SERVICE_NAME: 'b' };
    const name = (args: readonly string[]) => parse(args, env).settings.attributes['service.name'];
    assert.equal(name([]), 'b');
    assert.equal(name(['--resource', 'service.name=c']), 'c');
    assert.equal(name(['--resource', 'service.name=c', '--service-name', 'd']), 'd');
  });

  it('of the environment does not count without the detector env', () => {
    const { settings, warnings } = parse(['--resource-detectors', 'host', '--resource', 'a=b'], {
      OTEL_RESOURCE_ATTRIBUTES: 'c=d',
    });
    assert.deepEqual(settings.attributes, { a: 'b' });
    assert.deepEqual(warnings, ['OTEL_RESOURCE_ATTRIBUTES: ignored, the detector env is off']);
  });

  it('says which one it was', () => {
    const { origins } = parse(['--detail', 'all'], { OTEL_LOG_LEVEL: 'warn', AGENTSMITH_RING_SIZE: '1MiB' });
    const of = (name: OptionName) => origins.get(name)?.name;
    assert.deepEqual(
      [of('detail'), of('logLevel'), of('ringSize'), of('tree')],
      ['--detail', 'OTEL_LOG_LEVEL', 'AGENTSMITH_RING_SIZE', 'default'],
    );
    assert.equal(variableOf('ringSize'), 'AGENTSMITH_RING_SIZE');
  });
});

describe('a header on the command line', () => {
  it('is taken with a warning that does not show it; from a file without one', () => {
    const warnings = (text: string) => parse(['--endpoint', '--header', text]).warnings;
    assert.match(warnings('a=hunter2').join(), /^--header: its value shows in ps; NAME=@FILE/);
    assert.doesNotMatch(warnings('a=hunter2').join(), /hunter2/);
    assert.deepEqual(warnings('a=@/dev/null'), []);
  });
});
