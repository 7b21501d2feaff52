// SPDX-License-Identifier: Apache-2.0
// Records within limits are byte for byte those of the SDK with the same limits, straight and readable alike.
import assert from 'node:assert/strict';
import type { Logger } from '@opentelemetry/api';
import { ProtobufLogsSerializer } from '@opentelemetry/otlp-transformer';
import { LoggerProvider, type ReadableLogRecord } from '@opentelemetry/sdk-logs';
import { type AttributeLimits, limited } from '../../../src/events/limits.ts';
import { emit } from '../../../src/export/otel.ts';
import { LANES, type Lane, straightAndReadable } from '../../support/lanes.ts';
import { RESOURCE, SCOPE } from '../../support/official.ts';
import { connect, exec, exit } from '../../support/records.ts';

const NONE = Number.POSITIVE_INFINITY;
const RECORDS = [
  exec({
    executable: '/opt/jürgen/\u{1f600}',
    argv: ['prog', 'ünï-very-long-argument', '', 'x'.repeat(300), '\u{1f600}\u{1f600}\u{1f600}'],
    argc: 5,
    environment: ['LD_PRELOAD=/tmp/very-long-name.so'],
    cwd: '/a/b/c/d/e/f',
  }),
  connect({ dport: 443 }),
  exit({ status: 3 << 8 }),
];

const within = (lane: Lane, limits: AttributeLimits): Lane => ({
  ...lane,
  events: new Map([...lane.events].map(([type, event]) => [type, limited(event, limits)])),
});

/** What the SDK makes of records with limits of its own. */
function official(lane: Lane, { count = NONE, valueLength = NONE }: AttributeLimits): Buffer {
  const seen: ReadableLogRecord[] = [];
  const provider = new LoggerProvider({
    resource: RESOURCE,
    logRecordLimits: { attributeCountLimit: count, attributeValueLengthLimit: valueLength },
    processors: [
      { onEmit: (record) => void seen.push(record), forceFlush: async () => {}, shutdown: async () => {} },
    ],
  });
  const logger: Logger = provider.getLogger(SCOPE.name, SCOPE.version, { schemaUrl: SCOPE.schemaUrl });
  for (const record of straightAndReadable(lane, RECORDS).readable) emit(logger, record);
  return Buffer.from(ProtobufLogsSerializer.serializeRequest(seen)!);
}

describe('records within limits', () => {
  for (const limits of [
    { valueLength: 8 },
    { valueLength: 4, count: 3 },
    { valueLength: 2 },
    { count: 1 },
    { count: 0 },
    { count: 1000, valueLength: 100_000 },
  ]) {
    for (const lane of [LANES[0]!, LANES[4]!]) {
      it(`${JSON.stringify(limits)}, ${lane.name}, are those of the SDK`, () => {
        const { straight, readable } = straightAndReadable(within(lane, limits), RECORDS);
        assert.deepEqual(straight, [official(lane, limits)]);
        for (const { attributes } of readable) {
          assert.ok(Object.keys(attributes).length <= (limits.count ?? NONE));
          for (const text of Object.values(attributes).flat())
            if (typeof text === 'string') assert.ok(text.length <= (limits.valueLength ?? NONE), text);
        }
      });
    }
  }

  it('never end in half a character', () => {
    const { readable, straight } = straightAndReadable(within(LANES[0]!, { valueLength: 3 }), [RECORDS[0]!]);
    assert.deepEqual(readable[0]!.attributes['process.command_args'], ['pro', 'ünï', '', 'xxx', '\u{1f600}']);
    assert.ok(!straight[0]!.includes('\ufffd'));
  });

  it('that are not set leave the event as it is', () => {
    const event = [...LANES[0]!.events.values()][0]!;
    assert.equal(limited(event, {}), event);
  });
});
