// SPDX-License-Identifier: Apache-2.0
// The configuration file: what it sets, what of it is told to have no effect, and what each mistake is answered with.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseCommandLine } from '../../../src/config/command-line.ts';
import { effectiveSettings } from '../../../src/config/effective.ts';
import { readConfigFile } from '../../../src/config/file.ts';
import { OWN_KEYS } from '../../../src/config/options.ts';
import { UsageError } from '../../../src/config/usage-error.ts';
import { repository } from '../../support/repository.ts';

const names = ['agentsmith.process.exec', 'agentsmith.process.exit', 'agentsmith.network.connect'];
const events = { known: names, defaults: names };
const EXAMPLE = join(repository, 'examples/config.yaml');
const LOGS = 'logger_provider.processors[0].batch';

describe('a configuration file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'agentsmith-config-'));
  const path = join(folder, 'c.yaml');
  after(() => rmSync(folder, { recursive: true }));

  const read = (text: string) => {
    writeFileSync(path, text);
    return readConfigFile(path, events);
  };
  const parse = (text: string, args: readonly string[] = [], env: Record<string, string> = {}) =>
    parseCommandLine(args, env, events, read(`file_format: "1.1"\n${text}`));
  const logs = (exporter: string, more = '') =>
    `logger_provider:\n  processors:\n    - batch: { ${more} exporter: { ${exporter} } }\n`;

  it('that is the example sets everything it shows, and all of it has an effect', () => {
    const line = parseCommandLine([], {}, events, readConfigFile(EXAMPLE, events));
    assert.deepEqual(line.warnings, []);
    const { settings } = line;
    const { logs, metrics } = settings.receivers;
    assert.deepEqual(logs, {
      signal: 'LOGS',
      isSignalEndpoint: false,
      protocol: { name: `config.yaml: ${LOGS}.exporter.otlp_grpc`, value: 'grpc' },
      endpoint: { name: `config.yaml: ${LOGS}.exporter.otlp_grpc.endpoint`, value: 'http://localhost:4317' },
      compression: { name: `config.yaml: ${LOGS}.exporter.otlp_grpc.compression`, value: 'gzip' },
      headers: { 'x-tenant': 'default' },
      timeoutMillis: 10_000,
    });
    assert.equal(metrics?.endpoint?.value, 'http://localhost:4317');
    assert.deepEqual(settings.attributes, {
      'service.name': 'agentsmith-otel',
      'deployment.environment.name': 'production',
      'host.rack': 7,
      team: 'platform',
      region: 'eu-north',
    });
    assert.deepEqual(settings.resourceDetectors, ['serviceinstance', 'host', 'os']);
    assert.deepEqual(settings.events, names);
    assert.deepEqual(
      settings.filter.map(({ events, value }) => [events.length, value]),
      [
        [1, '127.0.0.0/8'],
        [2, '/usr/bin/sleep'],
      ],
    );
    assert.deepEqual(
      [
        settings.queueRecords,
        settings.attributeCountLimit,
        settings.attributeValueLengthLimit,
        settings.batchDelay,
      ],
      [100_000, 128, 4096, 200],
    );
  });

  it('that is the example shows every key of ours', () => {
    const text = readFileSync(EXAMPLE, 'utf8');
    for (const key of OWN_KEYS.keys()) assert.match(text, new RegExp(`^    ${key}:`, 'm'), key);
  });

  it('takes in variables, with their types', () => {
    process.env.AGENTSMITH_TEST_DELAY = '700';
    try {
      const { settings } = parse(`logger_provider:
  processors:
    - batch:
        schedule_delay: \${AGENTSMITH_TEST_DELAY}
        exporter:
          otlp_grpc:
            endpoint: http://\${AGENTSMITH_TEST_HOST:-h}:1
`);
      assert.equal(settings.batchDelay, 700);
      assert.equal(settings.receivers.logs?.endpoint?.value, 'http://h:1');
    } finally {
      delete process.env.AGENTSMITH_TEST_DELAY;
    }
  });

  it('stands below flags and AGENTSMITH_*, and in the place of OTEL_*', () => {
    const text = `${logs('otlp_grpc: { endpoint: "http://file:1", headers: [{ name: A, value: f }] }')}
log_level: error
distribution: { agentsmith: { detail: lean, ring_size: 16MiB } }`;
    const env = {
      AGENTSMITH_RING_SIZE: '1MiB',
      OTEL_LOG_LEVEL: 'debug',
      OTEL_EXPORTER_OTLP_HEADERS: 'b=otel',
    };
    const { settings, origins, warnings } = parse(text, ['--detail', 'all', '--header', 'c=@/dev/null'], env);
    assert.deepEqual([settings.detail, settings.ringSize, settings.logLevel], ['all', 2 ** 20, 'error']);
    assert.deepEqual(settings.receivers.logs?.headers, { a: 'f', c: '' });
    assert.equal(origins.get('logLevel')?.name, 'c.yaml: log_level');
    assert.deepEqual(warnings, [
      'OTEL_LOG_LEVEL: ignored, as OpenTelemetry wants it beside a configuration file (c.yaml)',
      'OTEL_EXPORTER_OTLP_HEADERS: ignored, as OpenTelemetry wants it beside a configuration file (c.yaml)',
    ]);
    assert.equal(
      parse(text, ['--endpoint', 'http://flag:1']).settings.receivers.logs?.endpoint?.value,
      'http://flag:1',
    );
  });

  it('sends nothing when it names no receiver, whatever the variables say', () => {
    const { settings } = parse('disabled: false', [], { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://h:1' });
    assert.deepEqual([settings.exporting, settings.output, settings.metrics], [false, 'console', []]);
    assert.equal(parse(`disabled: true\n${logs('otlp_grpc: {}')}`).settings.exporting, false);
  });

  it('gives otlp_http its endpoint as it is, unless a flag gives another', () => {
    const text = logs('otlp_http: { endpoint: "http://h:4318/x/v1/logs", encoding: json }');
    const { logs: file } = parse(text).settings.receivers;
    assert.deepEqual([file?.protocol?.value, file?.isSignalEndpoint], ['http/json', true]);
    assert.equal(
      parse(text, ['--endpoint', 'http://g:4318']).settings.receivers.logs?.isSignalEndpoint,
      false,
    );
  });

  it('prints where it says console', () => {
    const { settings } = parse(
      'logger_provider: { processors: [{ simple: { exporter: { console: {} } } }] }\nmeter_provider: { readers: [{ periodic: { exporter: { console: {} } } }] }',
    );
    assert.deepEqual(
      [settings.exporting, settings.output, settings.metrics],
      [false, 'console', ['console']],
    );
  });

  it('writes a file where it says so', () => {
    const file = 'otlp_file/development: { output_stream: "file:///var/log/events.jsonl" }';
    const { exporting, output } = parse(logs(file)).settings;
    assert.deepEqual([exporting, output], [false, 'file:/var/log/events.jsonl']);
    assert.deepEqual(read(`file_format: "1.1"\n${logs(file)}`).notes, []);
  });

  it('never shows a secret', () => {
    const line = parse(logs('otlp_grpc: { headers_list: "authorization=Bearer%20hunter2,x=hunter2" }'), [
      '--header',
      'y=hunter2',
    ]);
    const text = effectiveSettings(line).join('\n');
    assert.match(text, /headers +authorization=<hidden>,x=<hidden>,y=<hidden>/);
    assert.doesNotMatch(text, /hunter2/);
    assert.doesNotMatch(line.warnings.join('\n'), /hunter2/);
  });

  for (const [what, text, note] of [
    [
      'traces',
      'tracer_provider: { processors: [{ batch: { exporter: { otlp_grpc: {} } } }] }',
      /^tracer_provider has no effect: the agent makes no traces$/,
    ],
    ['propagators', 'propagator: { composite: [{ tracecontext: {} }] }', /^propagator has no effect/],
    ['instrumentation', 'instrumentation/development: {}', /^instrumentation\/development has no effect/],
    [
      'a second receiver',
      'logger_provider: { processors: [{ batch: { exporter: { otlp_grpc: {} } } }, { batch: { exporter: { otlp_grpc: {} } } }] }',
      /^logger_provider\.processors\[1\]\.batch\.exporter\.otlp_grpc has no effect: logs go to one receiver/,
    ],
    [
      'a simple processor',
      'logger_provider: { processors: [{ simple: { exporter: { otlp_grpc: {} } } }] }',
      /^logger_provider\.processors\[0\]\.simple: records are sent in batches all the same$/,
    ],
    [
      'a file exporter',
      'logger_provider: { processors: [{ batch: { exporter: { otlp_file/development: {} } } }] }',
      /otlp_file\/development has no effect/,
    ],
    [
      'a Prometheus reader',
      'meter_provider: { readers: [{ pull: { exporter: { prometheus/development: {} } } }] }',
      /^meter_provider\.readers\[0\]\.pull has no effect: nothing listens here/,
    ],
    [
      'views',
      'meter_provider: { readers: [{ periodic: { exporter: { otlp_grpc: {} } } }], views: [{ selector: {}, stream: {} }] }',
      /^meter_provider\.views has no effect/,
    ],
    [
      'a cloud detector',
      'resource: { detection/development: { detectors: [{ aws: {} }] } }',
      /detectors\[0\]\.aws: this agent asks no cloud for itself/,
    ],
    [
      'another distribution',
      'distribution: { other: { a: 1 } }',
      /^distribution\.other has no effect: it belongs to another program$/,
    ],
    [
      'a schema of the Resource',
      'resource: { schema_url: "https://x" }',
      /^resource\.schema_url has no effect/,
    ],
  ] as const) {
    it(`tells that ${what} cannot be honoured, in one line`, () => {
      const { notes } = read(`file_format: "1.1"\n${text}\n`);
      assert.equal(notes.length, 1, notes.join(' | '));
      assert.match(notes[0]!, note);
    });
  }

  for (const [what, text, message] of [
    ['is empty', '', /^c\.yaml: no settings; expected file_format: "1\.1" and what follows it$/],
    ['is a list', '- a', /^c\.yaml: no settings/],
    ['is no YAML', 'file_format: "1.1"\nx: [1', /^c\.yaml:2: no YAML: /],
    [
      'has an alias of nothing',
      'file_format: "1.1"\nx: *a',
      /^c\.yaml: no YAML: Unresolved alias [^\n]*: a$/,
    ],
    ['names a key twice', 'disabled: true\ndisabled: false', /^c\.yaml:2: no YAML: Map keys must be unique$/],
    ['has no format', 'disabled: true', /^c\.yaml: Unsupported file_format: "undefined"/],
    ['has a format to come', 'file_format: "2.0"', /schema version 1\.x/],
    [
      'mistypes a key at the root',
      'file_format: "1.1"\nloger_provider: {}',
      /^c\.yaml:2: loger_provider: no such key \(did you mean logger_provider\?\); expected file_format, /,
    ],
    [
      'mistypes a key below',
      `file_format: "1.1"\n${logs('otlp_grpc: { endpiont: x }')}`,
      /^c\.yaml:4: logger_provider\.processors\[0\]\.batch\.exporter\.otlp_grpc\.endpiont: no such key \(did you mean endpoint\?\); expected endpoint, headers, /,
    ],
    [
      'mistypes an exporter',
      `file_format: "1.1"\n${logs('otlp_grp: {}')}`,
      /otlp_grp: no such key \(did you mean otlp_grpc\?\)/,
    ],
    [
      'mistypes a key of ours',
      'file_format: "1.1"\ndistribution:\n  agentsmith:\n    evnets: all',
      /^c\.yaml:4: distribution\.agentsmith\.evnets: no such key \(did you mean events\?\); expected output, /,
    ],
    [
      'has a key of ours that belongs elsewhere',
      'file_format: "1.1"\ndistribution: { agentsmith: { log_level: info } }',
      /distribution\.agentsmith\.log_level: its place is log_level$/,
    ],
    [
      'has a key of ours that belongs to a call',
      'file_format: "1.1"\ndistribution: { agentsmith: { duration: 5s } }',
      /distribution\.agentsmith\.duration: it belongs to a command line$/,
    ],
    [
      'has a wrong value of ours',
      'file_format: "1.1"\ndistribution: { agentsmith: { ring_size: 7MiB } }',
      /^c\.yaml: distribution\.agentsmith\.ring_size: "7MiB" is no power of two; the nearest are 4MiB and 8MiB$/,
    ],
    [
      'has a map for a value of ours',
      'file_format: "1.1"\ndistribution: { agentsmith: { events: [{ a: b }] } }',
      /distribution\.agentsmith\.events: expected a value, or a list of values$/,
    ],
    [
      'has a wrong type',
      `file_format: "1.1"\n${logs('otlp_grpc: {}', 'schedule_delay: soon,')}`,
      /^c\.yaml: logger_provider\.processors\[0\]\.batch\.schedule_delay: expected integer/,
    ],
    [
      'has a wrong word',
      'file_format: "1.1"\nlog_level: loud',
      /^c\.yaml: log_level: expected one of trace, debug, info, warn, error, fatal$/,
    ],
    [
      'has a wrong compression',
      `file_format: "1.1"\n${logs('otlp_grpc: { compression: lzma }')}`,
      /otlp_grpc\.compression: "lzma" is none of none, gzip, zstd$/,
    ],
    [
      'lacks an exporter',
      'file_format: "1.1"\nlogger_provider: { processors: [{ batch: {} }] }',
      /logger_provider\.processors\[0\]\.batch: must have required property 'exporter'$/,
    ],
    [
      'has a map where a list belongs',
      'file_format: "1.1"\nresource: { attributes: { a: b } }',
      /^c\.yaml:2: resource\.attributes: expected a list$/,
    ],
    [
      'has a header that HTTP cannot carry',
      `file_format: "1.1"\n${logs('otlp_grpc: { headers: [{ name: "a b", value: hunter2 }] }')}`,
      /^(?!.*hunter2).*"a b" is no valid header name/,
    ],
    [
      'has a substitution that is none',
      'file_format: "1.1"\nlog_level: $' + '{1X}',
      /invalid env var substitution/,
    ],
  ] as const) {
    it(`that ${what} is refused with one line and 64`, () => {
      assert.throws(
        () => read(text),
        (error) => {
          assert.ok(error instanceof UsageError, `${(error as Error).stack}`);
          assert.match(error.message, message);
          assert.doesNotMatch(error.message, /\n/);
          return true;
        },
      );
    });
  }
});
