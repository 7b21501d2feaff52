// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseCommandLine } from '../../../src/config/command-line.ts';
import { UsageError } from '../../../src/config/usage-error.ts';

const EXEC = 'agentsmith.process.exec';
const EXIT = 'agentsmith.process.exit';
const CONNECT = 'agentsmith.network.connect';
const FORK = 'agentsmith.process.fork';
const events = { known: [EXEC, EXIT, FORK, CONNECT], defaults: [EXEC, EXIT, CONNECT] };

const parse = (line: string, env: Record<string, string> = {}) =>
  parseCommandLine(line === '' ? [] : line.split(' '), env, events);
const settings = (line: string, env: Record<string, string> = {}) => parse(line, env).settings;

function assertRefused(line: string, message: RegExp, env: Record<string, string> = {}): void {
  assert.throws(
    () => parse(line, env),
    (error) => {
      assert.ok(error instanceof UsageError, `${error}`);
      assert.equal(error.exitCode, 64);
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /\n/);
      return true;
    },
  );
}

describe('parseCommandLine', () => {
  it('runs with the defaults when nothing is given', () => {
    const { command, file, warnings, settings, origins } = parse('');
    assert.deepEqual([command, file, warnings], ['run', undefined, []]);
    const given = Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
    assert.deepEqual(given, {
      exporting: false,
      output: 'console',
      metrics: [],
      receivers: {},
      attributes: {},
      disabled: false,
      outputSize: 100 * 2 ** 20,
      outputFiles: 5,
      pipeline: 'fast',
      metricsInterval: 60_000,
      metricsTimeout: 30_000,
      metricsTemporality: 'cumulative',
      resourceDetectors: ['serviceinstance', 'host', 'os', 'env'],
      events: events.defaults,
      detail: 'standard',
      dnsPorts: [53],
      environment: ['LD_PRELOAD', 'SSH_CONNECTION'],
      noRedact: false,
      noBody: false,
      filter: [],
      heartbeat: 30_000,
      rateLimit: 0,
      ringSize: 8 * 2 ** 20,
      queueSize: 64 * 2 ** 20,
      spoolSize: 512 * 2 ** 20,
      batchRecords: 16_384,
      batchDelay: 200,
      batchTimeout: 30_000,
      fast: false,
      logLevel: 'info',
      noColor: false,
      version: false,
      watch: false,
      help: false,
    });
    for (const [name, origin] of origins) assert.equal(origin.name, 'default', name);
  });

  it('takes a bare --endpoint for the usual address, wherever it stands', () => {
    for (const line of ['--endpoint', '--endpoint --no-body', '--endpoint doctor', '--endpoint=']) {
      assert.equal(settings(line).endpoint, 'http://localhost:4317', line);
    }
    assert.equal(settings('--endpoint collector:4317').endpoint, 'collector:4317');
    assert.equal(parse('replay --endpoint https://h:1 a.ring').settings.endpoint, 'https://h:1');
  });

  it('prints nothing for each record when records are sent, unless it is asked to', () => {
    assert.equal(settings('--endpoint').output, 'none');
    assert.equal(settings('--endpoint --output json').output, 'json');
    assert.equal(settings('', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://h:4317' }).output, 'none');
  });

  it('sends when a standard variable says so, and leaves its endpoint to it', () => {
    const { endpoint, exporting } = settings('', { OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: 'http://h:4317' });
    assert.deepEqual([endpoint, exporting], [undefined, true]);
    assert.equal(settings('', { OTEL_LOGS_EXPORTER: 'otlp' }).exporting, true);
    const there = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://h:4317' };
    assert.equal(settings('', { ...there, OTEL_LOGS_EXPORTER: 'none' }).exporting, false);
    assert.equal(settings('', { ...there, OTEL_SDK_DISABLED: 'true' }).exporting, false);
    assert.equal(settings('--endpoint', { OTEL_SDK_DISABLED: 'true' }).exporting, true);
  });

  it('prefers flags to our variables, those to the standard ones', () => {
    const env = {
      AGENTSMITH_LOG_LEVEL: 'warn',
      OTEL_LOG_LEVEL: 'DEBUG',
      OTEL_METRIC_EXPORT_INTERVAL: '1500',
    };
    assert.equal(settings('--log-level error', env).logLevel, 'error');
    assert.equal(settings('', env).logLevel, 'warn');
    assert.equal(settings('', { ...env, AGENTSMITH_LOG_LEVEL: '' }).logLevel, 'debug');
    assert.equal(settings('', env).metricsInterval, 1500);
    assert.equal(settings('', { NO_COLOR: '1' }).noColor, true);
    assert.equal(settings('', { AGENTSMITH_NO_REDACT: 'true' }).noRedact, true);
  });

  it('ignores a wrong standard variable and an unknown one of ours, and says so', () => {
    const { settings, warnings } = parse('', { OTEL_LOG_LEVEL: 'loud', AGENTSMITH_RINGSIZE: '1MiB' });
    assert.equal(settings.logLevel, 'info');
    assert.equal(warnings.length, 2);
    assert.match(warnings[0]!, /^OTEL_LOG_LEVEL: .*ignored$/);
    assert.match(warnings[1]!, /AGENTSMITH_RINGSIZE.*AGENTSMITH_RING_SIZE/);
  });

  it('reads filters, several by flag, by variable or in a list', () => {
    const drop = { action: 'drop', events: [EXEC], subject: 'uid', value: '5' };
    const keep = { action: 'keep', events: [EXIT], subject: 'executable', value: '/a,b' };
    const { filter } = parseCommandLine(
      ['--filter', 'drop exec uid=5', '--filter', 'keep exit executable=/a,b'],
      { AGENTSMITH_FILTER: 'drop all uid=1' },
      events,
    ).settings;
    assert.deepEqual(filter, [drop, keep]);
    const env = { AGENTSMITH_FILTER: 'drop exec uid=5; keep exit executable=/a,b' };
    assert.deepEqual(settings('', env).filter, [drop, keep]);
    assertRefused('', /^AGENTSMITH_FILTER: "drop exec" is no filter; write /, {
      AGENTSMITH_FILTER: 'drop exec',
    });
  });

  it('reads the command, its file, and flags on both sides of them', () => {
    const { command, file, settings } = parse('--events all record out.ring --duration 5s');
    assert.deepEqual([command, file, settings.duration], ['record', 'out.ring', 5000]);
    assert.deepEqual(settings.events, events.known);
    assert.equal(parse('replay -- --odd.ring').file, '--odd.ring');
  });

  it('understands --help and --version beside anything else', () => {
    assert.equal(settings('--help --wrong').help, true);
    assert.equal(parse('record -h').command, 'record');
    assert.equal(settings('-V').version, true);
    assert.equal(settings('nonsense --version').version, true);
    assert.equal(settings('--help', { AGENTSMITH_RING_SIZE: 'x' }).help, true);
  });

  for (const [line, message] of [
    ['--endpiont x', /unknown option --endpiont \(did you mean --endpoint\?\); see --help/],
    ['--zzz', /unknown option --zzz; see --help/],
    [
      'docter',
      /unknown command "docter" \(did you mean doctor\?\); there are run, doctor, config, record, replay, status, watch, completion/,
    ],
    ['record', /record needs a file: agentsmith-otel record FILE/],
    ['replay a b', /takes no argument "b"/],
    ['run x', /takes no argument "x"/],
    ['--fast', /--fast does not belong to run, only to replay/],
    ['replay f --ring-size 8MiB', /--ring-size does not belong to replay/],
    ['--no-body=yes', /--no-body takes no value/],
    ['--events', /--events needs a value: --events NAMES/],
    ['--events --detail lean', /--events needs a value/],
    [
      '--events exce',
      /--events: no event is called "exce" \(did you mean exec\?\); there are process.exec, /,
    ],
    ['--ring-size 7MiB', /--ring-size: "7MiB" is no power of two; the nearest are 4MiB and 8MiB/],
    ['--ring-size 128MiB', /no size from 1MiB to 64MiB/],
    ['--duration soon', /--duration: "soon" is no time/],
    ['--output jsno', /"jsno" is none of console, json, none \(did you mean json\?\)/],
    ['--tree 0', /--tree: "0" is no process id/],
    ['--environment A-B', /"A-B" is no name of an environment variable/],
    ['-x', /unknown option -x/],
    ['toString', /unknown command/],
  ] as const) {
    it(`refuses "${line}" with one line that says what to do`, () => assertRefused(line, message));
  }

  it('names the variable that is wrong', () => {
    assertRefused('', /^AGENTSMITH_RING_SIZE: "1" is no size/, { AGENTSMITH_RING_SIZE: '1' });
    assertRefused('', /^AGENTSMITH_NO_BODY: "maybe"/, { AGENTSMITH_NO_BODY: 'maybe' });
  });

  it('understands or refuses any command line, and never fails otherwise', () => {
    const word = fc.oneof(
      fc.constantFrom(
        'run',
        'record',
        'replay',
        '--',
        '-',
        '--endpoint',
        '--events',
        'all',
        '--tree=5',
        '--fast',
        '-h',
        '-hV',
        '--=',
        '=',
      ),
      fc.string({ maxLength: 12 }),
      fc.string({ maxLength: 8 }).map((text) => `--${text}`),
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 6 }), (args) => {
        try {
          parseCommandLine(args, {}, events);
        } catch (error) {
          assert.ok(error instanceof UsageError, `${(error as Error).stack}`);
        }
      }),
      { numRuns: 5000 },
    );
  });
});
