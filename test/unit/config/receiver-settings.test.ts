// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import {
  type ReceiverSettings,
  receiverSettings,
  type Signal,
} from '../../../src/config/receiver-settings.ts';

/** The part of a name behind OTEL_EXPORTER_OTLP_, two values that make sense, and what is read of them. */
const VARIABLES: readonly {
  readonly what: string;
  readonly values: readonly [string, string];
  readonly read: (settings: ReceiverSettings) => unknown;
  readonly means: readonly [unknown, unknown];
  /** One that makes none, where there is such a one. */
  readonly wrong?: string;
}[] = [
  {
    what: 'ENDPOINT',
    values: ['http://a:1', 'http://b:2'],
    read: ({ endpoint }) => endpoint?.value,
    means: ['http://a:1', 'http://b:2'],
  },
  {
    what: 'PROTOCOL',
    values: ['http/json', 'GRPC'],
    read: ({ protocol }) => protocol?.value,
    means: ['http/json', 'grpc'],
    wrong: 'http',
  },
  {
    what: 'HEADERS',
    values: ['A=1,b=two%20words', 'b=3'],
    read: ({ headers }) => headers,
    means: [
      { a: '1', b: 'two words' },
      { a: '1', b: '3' },
    ],
    wrong: 'nothing',
  },
  {
    what: 'TIMEOUT',
    values: ['5000', '70'],
    read: ({ timeoutMillis }) => timeoutMillis,
    means: [5000, 70],
    wrong: '-1',
  },
  {
    what: 'COMPRESSION',
    values: ['gzip', 'zstd'],
    read: ({ compression }) => compression?.value,
    means: ['gzip', 'zstd'],
    wrong: 'brotli',
  },
  {
    what: 'INSECURE',
    values: ['true', 'False'],
    read: ({ insecure }) => insecure?.value,
    means: [true, false],
    wrong: 'yes',
  },
  { what: 'CERTIFICATE', values: ['/a', '/b'], read: ({ ca }) => ca?.value, means: ['/a', '/b'] },
  { what: 'CLIENT_CERTIFICATE', values: ['/a', '/b'], read: ({ cert }) => cert?.value, means: ['/a', '/b'] },
  { what: 'CLIENT_KEY', values: ['/a', '/b'], read: ({ key }) => key?.value, means: ['/a', '/b'] },
];

const NOTHING = { headers: {}, timeoutMillis: 10_000 };

/** Settings of an environment, and what was said of it. */
function read(signal: Signal, values: Record<string, string>) {
  const told: string[] = [];
  const env = Object.fromEntries(
    Object.entries(values).map(([name, value]) => [`OTEL_EXPORTER_OTLP_${name}`, value]),
  );
  return { settings: receiverSettings(signal, env, {}, (line) => told.push(line)), told };
}

describe('receiverSettings', () => {
  it('are those of the specification when nothing is set', () => {
    assert.deepEqual(receiverSettings('LOGS', {}), { signal: 'LOGS', isSignalEndpoint: false, ...NOTHING });
  });

  for (const signal of ['LOGS', 'METRICS'] as const) {
    const other = signal === 'LOGS' ? 'METRICS' : 'LOGS';
    for (const { what, values, read: part, means, wrong } of VARIABLES) {
      const nothing = part(receiverSettings(signal, {}));

      it(`read OTEL_EXPORTER_OTLP_${what} for ${signal}, its own variable first`, () => {
        const general = read(signal, { [what]: values[0] });
        assert.deepEqual(part(general.settings), means[0]);
        const both = read(signal, { [what]: values[0], [`${signal}_${what}`]: values[1] });
        assert.deepEqual(part(both.settings), means[1]);
        assert.deepEqual(part(read(signal, { [`${other}_${what}`]: values[1] }).settings), nothing);
        assert.deepEqual([...general.told, ...both.told], []);
      });

      it(`take an empty OTEL_EXPORTER_OTLP_${signal}_${what} for none`, () => {
        const { settings, told } = read(signal, { [what]: ` ${values[0]} `, [`${signal}_${what}`]: '' });
        assert.deepEqual(part(settings), means[0]);
        assert.deepEqual(told, []);
      });

      if (wrong === undefined) continue;
      it(`ignore OTEL_EXPORTER_OTLP_${signal}_${what}=${wrong} with one line that names it`, () => {
        const { settings, told } = read(signal, { [`${signal}_${what}`]: wrong });
        assert.deepEqual(part(settings), nothing);
        assert.equal(told.length, 1);
        assert.ok(told[0]!.startsWith(`OTEL_EXPORTER_OTLP_${signal}_${what}`), told[0]);
      });
    }
  }

  it('name what set them', () => {
    const { settings } = read('LOGS', { LOGS_ENDPOINT: 'http://a', PROTOCOL: 'grpc' });
    assert.deepEqual(
      [settings.endpoint?.name, settings.protocol?.name, settings.isSignalEndpoint],
      ['OTEL_EXPORTER_OTLP_LOGS_ENDPOINT', 'OTEL_EXPORTER_OTLP_PROTOCOL', true],
    );
  });

  it('let flags win, headers name by name', () => {
    const env = {
      OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: 'http://env',
      OTEL_EXPORTER_OTLP_HEADERS: 'a=1,b=2',
      OTEL_EXPORTER_OTLP_TIMEOUT: '5',
    };
    const endpoint = { name: '--endpoint', value: 'http://flag' };
    const settings = receiverSettings('LOGS', env, { endpoint, headers: { b: '3' }, timeoutMillis: 7 });
    assert.deepEqual(settings, {
      signal: 'LOGS',
      isSignalEndpoint: false,
      endpoint,
      headers: { a: '1', b: '3' },
      timeoutMillis: 7,
    });
  });

  it('refuse headers that HTTP cannot carry without showing their value', () => {
    assert.throws(
      () => read('LOGS', { HEADERS: 'authorization=top%0Asecret' }),
      (error: Error) =>
        error.name === 'UsageError' &&
        /^OTEL_EXPORTER_OTLP_HEADERS: "authorization" is no valid/.test(error.message) &&
        !error.message.includes('top'),
    );
  });

  it('do not show a header that has no name', () => {
    const { told } = read('LOGS', { HEADERS: 'a=1,secret' });
    assert.deepEqual(told, ['OTEL_EXPORTER_OTLP_HEADERS: entry 2 is no NAME=VALUE; ignored']);
  });
});
