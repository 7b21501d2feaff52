// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import fc from 'fast-check';
import type { Batch } from '../../../src/export/batch.ts';
import { type AnswerStatus, ExportError, type ExportErrorKind } from '../../../src/export/export-error.ts';
import { createLogSender, responseAttributes } from '../../../src/export/log-sender.ts';
import { RetryingTransport, type Sleep } from '../../../src/export/retrying-transport.ts';
import { encode } from '../../support/otlp-decode.ts';
import { OtlpSink } from '../../support/otlp-sink.ts';
import { again, batch, no, ok, PlayedTransport, playing, settle } from '../../support/played.ts';
import { receiverAt } from '../../support/receiver.ts';

// The queue, retrying and giving up, over a transport that the test plays; the last part is over a real one.
// Which answer means what: transport-grpc.test.ts. How long to wait: retry.test.ts.

const FAR = 60_000;

describe('Sender', () => {
  it('sends what it is offered, in order, two requests at a time', async () => {
    const { sender, transport, log } = playing();
    for (const name of ['a', 'b', 'c', 'd']) assert.ok(sender.offer(batch(name)));
    assert.deepEqual(transport.seen, ['a', 'b']);
    assert.deepEqual([sender.inFlight, sender.queuedBatches], [2, 2]);
    await transport.answer(ok());
    assert.deepEqual(transport.seen, ['a', 'b', 'c']);
    assert.deepEqual([sender.inFlight, sender.queuedBatches], [2, 1]);
    for (let i = 0; i < 3; i++) await transport.answer(ok());
    assert.deepEqual(log, ['exported a', 'exported b', 'exported c', 'exported d']);
    assert.deepEqual([sender.inFlight, sender.queuedBatches, sender.queuedBytes], [0, 0, 0]);
  });

  describe('when the receiver keeps failing', () => {
    it('tries a batch again for as long as it lives, waiting longer each time', async () => {
      const { sender, transport, log, naps, wake } = playing();
      transport.rule = () => again();
      sender.offer(batch('a'));
      await settle();
      const waited: number[] = [];
      for (let i = 0; i < 20; i++) {
        waited.push(naps[0]!.ms);
        await wake();
      }
      assert.deepEqual(waited.slice(0, 3), [500, 750, 1125]);
      assert.equal(waited[19], 15_000);
      transport.rule = () => ok();
      await wake();
      assert.deepEqual(log, ['down: it is unavailable', 'up', 'exported a']);
    });

    it('waits at least as long as the receiver asks for', async () => {
      const { sender, transport, naps } = playing();
      transport.rule = () => again('throttled', 8000);
      sender.offer(batch('a'));
      await settle();
      assert.equal(naps[0]!.ms, 8500);
      sender.abort();
    });

    it('goes on with the other lane', async () => {
      const { sender, transport, log, wake } = playing();
      transport.rule = (name) => (name === 'a' ? again() : ok());
      for (const name of ['a', 'b', 'c']) sender.offer(batch(name));
      await settle();
      assert.deepEqual(log, ['down: it is unavailable', 'up', 'exported b', 'exported c']);
      transport.rule = () => ok();
      await wake();
      assert.equal(log.at(-1), 'exported a');
    });

    it('refuses batches beyond its bound and takes them again when there is room', async () => {
      const { sender, transport } = playing({ maxQueueBytes: 3 * 1512 });
      const big = 'x'.repeat(1000);
      for (let i = 0; i < 3; i++) assert.ok(sender.offer(batch(big)));
      assert.equal(sender.queuedBytes, 3 * 1512);
      assert.ok(!sender.offer(batch('y')));
      assert.equal(sender.queuedBytes, 3 * 1512);
      await transport.answer(ok());
      assert.ok(sender.offer(batch(big)));
      sender.abort();
    });

    it('holds at least one batch, however large', () => {
      const { sender } = playing({ maxQueueBytes: 10 });
      assert.ok(sender.offer(batch('x'.repeat(100))));
      assert.ok(!sender.offer(batch('y')));
      sender.abort();
    });

    it('loses nothing to a transport that throws', async () => {
      const { sender, transport, log, wake } = playing();
      transport.rule = () => {
        throw new Error('a defect');
      };
      sender.offer(batch('a'));
      await settle();
      transport.rule = () => ok();
      await wake();
      assert.deepEqual(log, ['down: export failed: Error: a defect', 'up', 'exported a']);
    });
  });

  describe('when the receiver refuses a batch', () => {
    it('counts it as rejected and goes on', async () => {
      const { sender, transport, log } = playing();
      transport.rule = (name) => (name === 'b' ? no() : ok());
      for (const name of ['a', 'b', 'c']) sender.offer(batch(name));
      await settle();
      assert.deepEqual(
        log.filter((line) => !/^(up|down)/.test(line)),
        ['exported a', 'lost b: rejected', 'exported c'],
      );
    });

    it('halves what is too large until it fits', async () => {
      const { sender, transport, log } = playing({ maxInFlight: 1 });
      transport.rule = (name) => (name.length > 2 ? no('too_large') : ok());
      sender.offer(batch('abcde'));
      sender.offer(batch('f'));
      await settle();
      assert.deepEqual(transport.seen, ['abcde', 'ab', 'cde', 'c', 'de', 'f']);
      assert.deepEqual(log, ['exported ab', 'exported c', 'exported de', 'exported f']);
      assert.equal(sender.queuedBytes, 0);
    });

    it('gives up a single record that is too large', async () => {
      const { sender, transport, log } = playing();
      transport.rule = (name) => (name.includes('X') ? no('too_large') : ok());
      sender.offer(batch('abX'));
      await settle();
      assert.deepEqual(log.sort(), ['exported a', 'exported b', 'lost X: too_large']);
    });

    it('tells of a partial success', async () => {
      const { sender, transport, log } = playing();
      transport.rule = (name) =>
        ok({ partialSuccess: name === 'abc' ? { rejected: 2, errorMessage: 'old' } : { rejected: 99 } });
      sender.offer(batch('abc'));
      sender.offer(batch('de'));
      await settle();
      assert.deepEqual(log, ['partial abc: 2 old', 'exported abc', 'partial de: 2 ', 'exported de']);
    });
  });

  describe('what it says of the receiver', () => {
    it('is one line for each reason, and one when records flow again', async () => {
      const { sender, transport, log, wake } = playing();
      const kinds: ExportErrorKind[] = ['unreachable', 'unreachable', 'not_otlp', 'unreachable', 'not_otlp'];
      transport.rule = () => (kinds.length > 0 ? again(kinds.shift()) : ok());
      sender.offer(batch('a'));
      await settle();
      for (let i = 0; i < 5; i++) await wake();
      assert.deepEqual(log, ['down: it is unreachable', 'down: it is not_otlp', 'up', 'exported a']);
    });

    it('does not repeat itself within a minute', async () => {
      const { sender, transport, log, clock, wake } = playing();
      const states = async () => {
        let failed = false;
        transport.rule = () => ((failed = !failed) ? again() : ok());
        sender.offer(batch('a'));
        await settle();
        await wake();
        return log.splice(0).filter((line) => line !== 'exported a');
      };
      assert.deepEqual(await states(), ['down: it is unavailable', 'up']);
      clock.now = 59_999;
      assert.deepEqual(await states(), []);
      clock.now = 60_000;
      assert.deepEqual(await states(), ['down: it is unavailable', 'up']);
    });

    it('includes that it refuses records for good', async () => {
      const { sender, transport, log } = playing();
      transport.rule = () => no('unauthenticated');
      sender.offer(batch('a'));
      sender.offer(batch('b'));
      await settle();
      assert.deepEqual(log, ['down: it is unauthenticated', 'lost a: rejected', 'lost b: rejected']);
    });
  });

  describe('flush', () => {
    it('waits for what was taken before it, and for nothing later', async () => {
      const { sender, transport } = playing({ maxInFlight: 1 });
      assert.equal(await sender.flush(FAR), true);
      sender.offer(batch('a'));
      sender.offer(batch('b'));
      let flushed = false;
      const flush = sender.flush(FAR).then((all) => (flushed = all));
      sender.offer(batch('c'));
      await transport.answer(ok());
      assert.equal(flushed, false);
      await transport.answer(ok());
      assert.equal(await flush, true);
      assert.equal(sender.inFlight, 1);
      sender.abort();
    });

    it('waits for both halves of a batch', async () => {
      const { sender, transport } = playing();
      sender.offer(batch('ab'));
      let flushed = false;
      const flush = sender.flush(FAR).then((all) => (flushed = all));
      await transport.answer(no('too_large'));
      await transport.answer(ok());
      assert.equal(flushed, false);
      await transport.answer(ok());
      assert.equal(await flush, true);
    });

    it('ends at its deadline', async () => {
      const { sender } = playing();
      sender.offer(batch('a'));
      assert.equal(await sender.flush(1), false);
      sender.abort();
    });

    it('cuts a backoff short, but not a wait that the receiver asked for', async () => {
      const { sender, transport } = playing();
      transport.rule = (name) => (name === 'a' ? again() : again('throttled', 5000));
      sender.offer(batch('a'));
      sender.offer(batch('b'));
      await settle();
      await sender.flush(1);
      assert.deepEqual(transport.seen, ['a', 'b', 'a']);
      sender.abort();
    });
  });

  describe('shutdown', () => {
    it('sends what is left, takes nothing more and closes the transport', async () => {
      const { sender, transport, log } = playing();
      transport.rule = () => ok();
      for (const name of ['a', 'b', 'c']) sender.offer(batch(name));
      await sender.shutdown(FAR);
      assert.deepEqual(log, ['exported a', 'exported b', 'exported c']);
      assert.equal(transport.closed, 1);
      assert.equal(sender.offer(batch('d')), false);
    });

    it('gives up at its deadline what could not be sent', async () => {
      const { sender, transport, log } = playing();
      for (const name of ['a', 'b', 'c']) sender.offer(batch(name));
      await transport.answer(ok());
      await sender.shutdown(1);
      assert.deepEqual(log, ['exported a', 'lost b: shutdown', 'lost c: shutdown']);
      assert.deepEqual([sender.inFlight, sender.queuedBatches, sender.queuedBytes], [0, 0, 0]);
    });

    it('ends at once when called again', async () => {
      const { sender, log } = playing();
      sender.offer(batch('a'));
      const first = sender.shutdown(FAR);
      await sender.shutdown(FAR);
      await first;
      assert.deepEqual(log, ['lost a: shutdown']);
    });

    it('ends waiting for another attempt', async () => {
      const { sender, transport, log } = playing();
      transport.rule = () => again();
      sender.offer(batch('a'));
      await settle();
      await sender.shutdown(1);
      await settle();
      assert.deepEqual(log, ['down: it is unavailable', 'lost a: shutdown']);
      const attempts = transport.seen.length;
      await settle();
      assert.equal(transport.seen.length, attempts);
    });

    it('does not count an answer that comes too late', async () => {
      const { sender, transport, log } = playing();
      sender.offer(batch('a'));
      const request = transport.open.shift();
      sender.abort();
      request!.answer(ok());
      await settle();
      assert.deepEqual(
        log.filter((line) => line.includes('a')),
        ['lost a: shutdown'],
      );
    });
  });

  it('accounts for every record exactly once, whatever the receiver does', async () => {
    const answer = fc.constantFrom(ok(), again(), again('throttled', 1), no(), no('too_large'));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ minLength: 1, maxLength: 6, unit: fc.constantFrom('x', 'y') }), {
          maxLength: 8,
        }),
        fc.array(answer),
        async (batches, answers) => {
          let [taken, ended] = [0, 0];
          const count = ({ types }: Batch) => void (ended += types.length);
          const { sender, transport } = playing({
            maxQueueBytes: 2100,
            sleep: () => settle(),
            onExported: count,
            onLost: count,
          });
          transport.rule = () => answers.shift() ?? ok();
          for (const records of batches) if (sender.offer(batch(records))) taken += records.length;
          if (answers.length % 2 === 0) await sender.flush(FAR);
          await sender.shutdown(answers.length % 3 === 0 ? 0 : FAR);
          assert.equal(ended, taken);
          assert.deepEqual([sender.inFlight, sender.queuedBatches, sender.queuedBytes], [0, 0, 0]);
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('RetryingTransport', () => {
  it('begins no attempt after the time it was given', async () => {
    const played = new PlayedTransport();
    played.rule = () => again();
    let now = 0;
    const sleep: Sleep = async (ms) => void (now += ms);
    const transport = new RetryingTransport(played, {
      giveUpAfterMs: 3000,
      sleep,
      now: () => now,
      random: () => 0.5,
    });
    const response = await transport.send(Buffer.from('a'), 1000);
    assert.equal(response.status, 'failure');
    assert.equal(played.seen.length, 4);
    assert.ok(now < 3000);
  });
});

describe('createLogSender', () => {
  for (const [protocol, type, refusal, answered] of [
    ['grpc', 'otlp_grpc_log_exporter', { status: 14 }, { 'rpc.response.status_code': 'OK' }],
    ['http/protobuf', 'otlp_http_log_exporter', { httpStatus: 503 }, { 'http.response.status_code': 200 }],
    ['http/json', 'otlp_http_json_log_exporter', { httpStatus: 429 }, { 'http.response.status_code': 200 }],
  ] as const) {
    it(`delivers over ${protocol} what was refused first, and OpenTelemetry counts it once`, async () => {
      const sink = await OtlpSink.start({ protocol: protocol === 'grpc' ? 'grpc' : 'http' });
      sink.respond(({ index }) =>
        index < 3 ? refusal : { partialSuccess: { rejected: 1, message: 'one' } },
      );
      const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
      const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: FAR });
      const meterProvider = new MeterProvider({ readers: [reader] });
      const log: string[] = [];
      const sender = createLogSender({
        receiver: receiverAt(sink.url, { protocol, timeoutMillis: FAR, compression: 'zstd' }),
        meterProvider,
        split: () => undefined,
        onExported: ({ types }) => log.push(`exported ${types.length}`),
        onLost: (_batch, reason) => log.push(`lost: ${reason}`),
        onPartial: (_batch, rejected, message) => log.push(`partial ${rejected} ${message}`),
        onState: (status) => log.push(status.ok ? 'up' : status.error.kind),
        sleep: async () => {},
      });
      const logs = {
        resourceLogs: [{ scopeLogs: [{ logRecords: [{ eventName: 'first' }, { eventName: 'second' }] }] }],
      };
      const bytes =
        protocol === 'http/json'
          ? Buffer.from(JSON.stringify(logs))
          : encode('ExportLogsServiceRequest', logs);
      sender.offer({ bytes, types: new Uint8Array(2), recordsStart: 0, recordsEnd: bytes.length });
      assert.equal(await sender.flush(FAR), true);
      await sender.shutdown(FAR);
      const why = protocol === 'http/json' ? 'throttled' : 'unavailable';
      assert.deepEqual(log, [why, 'up', 'partial 1 one', 'exported 2']);
      assert.deepEqual(
        sink.records().map((record) => record.eventName),
        ['first', 'second'],
      );
      await meterProvider.forceFlush();
      const metrics = exporter
        .getMetrics()
        .at(-1)!
        .scopeMetrics.flatMap((scope) => scope.metrics);
      const points = (name: string) =>
        metrics.find(({ descriptor }) => descriptor.name === `otel.sdk.exporter.${name}`)!.dataPoints;
      const [exported, ...more] = points('log.exported');
      assert.deepEqual([exported!.value, exported!.attributes['error.type'], more], [2, undefined, []]);
      assert.equal(exported!.attributes['otel.component.type'], type);
      const [duration] = points('operation.duration');
      for (const [name, value] of Object.entries(answered)) assert.equal(duration!.attributes[name], value);
      await meterProvider.shutdown();
      await sink.close();
    });
  }

  it('says which status ended an export', () => {
    const error = (status: AnswerStatus) => new ExportError('rejected', 'no', status);
    assert.deepEqual(responseAttributes('grpc')(error({ code: 3 })), {
      'rpc.response.status_code': 'INVALID_ARGUMENT',
    });
    assert.deepEqual(responseAttributes('http/protobuf')(error({ httpStatus: 400 })), {
      'http.response.status_code': 400,
    });
    for (const protocol of ['grpc', 'http/json'] as const)
      assert.deepEqual(responseAttributes(protocol)(error({})), {});
  });
});
