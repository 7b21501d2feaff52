// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import type { Batch } from '../../../src/export/batch.ts';
import { JsonBatches, splitJsonBatch } from '../../../src/export/json-batches.ts';
import {
  createLoggerProvider,
  emit,
  jsonEnvelopeOf,
  jsonRecord,
  loggerOf,
  officialRequest,
  readableToJson,
} from '../../../src/export/otel.ts';
import { eachEvent, LANES } from '../../support/lanes.ts';
import { RESOURCE } from '../../support/official.ts';
import { decodeLogs, encode } from '../../support/otlp-decode.ts';
import { batchOf, connect, exec } from '../../support/records.ts';

const envelope = jsonEnvelopeOf(RESOURCE);

/** What a request in JSON means, by an encoder that is not ours. */
const recordsOf = (bytes: Uint8Array) =>
  decodeLogs(
    encode('ExportLogsServiceRequest', JSON.parse(Buffer.from(bytes).toString()) as Record<string, unknown>),
  );

function batching(): { batches: JsonBatches; closed: Batch[] } {
  const closed: Batch[] = [];
  const batches = new JsonBatches({
    envelope,
    encode: readableToJson,
    onBatch: (batch) => closed.push(batch),
  });
  return { batches, closed };
}

const record = (name: string, size = 1) => ({
  eventName: name,
  severityNumber: 9,
  time: 1n,
  observed: 2n,
  body: undefined,
  attributes: { text: `"logRecords":[\n${'x'.repeat(size)}`, 'agentsmith.x': ['a,\n', ']}]}]}'] },
});

describe('JsonBatches', () => {
  for (const lane of LANES) {
    it(`mean the same as the protobuf of the same events, ${lane.name}`, () => {
      const { batches, closed } = batching();
      const batch = batchOf([exec(), connect(), exec()]);
      batches.observed = batch.observed;
      const readable: Parameters<typeof officialRequest>[0][number][] = [];
      eachEvent(batch, lane, (definition, event, process) => {
        batches.append(definition, event, process);
        readable.push(definition.read(event, process, batch.observed));
      });
      batches.close();
      assert.equal(closed.length, 1);
      assert.equal(closed[0]!.types.length, readable.length);
      assert.deepEqual(recordsOf(closed[0]!.bytes), decodeLogs(officialRequest(readable, RESOURCE)));
    });
  }

  it('take rare records from the SDK', () => {
    const { batches, closed } = batching();
    const provider = createLoggerProvider(RESOURCE, jsonRecord, (bytes, name, severity) => {
      assert.deepEqual([name, severity], ['rare', 9]);
      batches.appendRecord(bytes, 3, severity);
    });
    emit(loggerOf(provider), record('rare'));
    batches.close();
    assert.deepEqual([...closed[0]!.types], [3]);
    assert.deepEqual(recordsOf(closed[0]!.bytes), decodeLogs(officialRequest([record('rare')], RESOURCE)));
  });

  it('are closed before they are too large', () => {
    const { batches, closed } = batching();
    for (let i = 0; i < 10; i++) batches.appendRecord(readableToJson(record(`${i}`, 1_000_000)), 1, 9);
    batches.close();
    assert.deepEqual(
      closed.map(({ types }) => types.length),
      [3, 3, 3, 1],
    );
    for (const { bytes } of closed) assert.ok(bytes.length < 4 << 20);
  });

  it('are closed after their time, warnings sooner', async () => {
    const { batches, closed } = batching();
    batches.appendRecord(readableToJson(record('slow')), 1, 9);
    batches.appendRecord(readableToJson(record('warning')), 1, 13);
    assert.equal(batches.open, 2);
    while (closed.length === 0) await new Promise(setImmediate);
    assert.equal(batches.open, 0);
  });

  it('are split near their middle until one record is left', () => {
    for (const count of [2, 3, 5, 8]) {
      const { batches, closed } = batching();
      for (let i = 0; i < count; i++) batches.appendRecord(readableToJson(record(`${i}`, i * 10)), i, 9);
      batches.close();
      const left = [closed[0]!];
      const names: string[] = [];
      const types: number[] = [];
      while (left.length > 0) {
        const batch = left.shift()!;
        const halves = splitJsonBatch(batch, envelope);
        if (halves) left.unshift(...halves);
        else {
          names.push(...recordsOf(batch.bytes).map(({ eventName }) => eventName));
          types.push(...batch.types);
        }
      }
      const wanted = Array.from({ length: count }, (_, i) => i);
      assert.deepEqual([names, types], [wanted.map(String), wanted]);
    }
  });
});
