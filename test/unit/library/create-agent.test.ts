// SPDX-License-Identifier: Apache-2.0
// The library over a recording. Over the kernel: test/e2e/library.test.ts.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ExportResultCode } from '@opentelemetry/core';
import type { LogRecordProcessor, ReadableLogRecord } from '@opentelemetry/sdk-logs';
import {
  type AgentConfig,
  type Books,
  createAgent,
  defineEvent,
  drop,
  type EmbeddedAgent,
  int,
  OutputFileError,
  type ReadableEvent,
  Severity,
} from '../../../src/index.ts';
import { readCollectorFile } from '../../support/collector-file.ts';
import { FIXTURE, readRecording } from '../../support/fixture.ts';
import { OtlpSink } from '../../support/otlp-sink.ts';

const EXEC = 'agentsmith.process.exec';
const CONNECT = 'agentsmith.network.connect';
const fixture = readRecording(FIXTURE).records;
const count = (name: string) => fixture.filter(({ eventName }) => eventName === name).length;
const isOwn = ({ eventName }: { eventName?: string }) => !eventName?.startsWith('agentsmith.sensor.');

/** The whole recording through an agent: what a reader got, and the books. */
async function run(
  config: AgentConfig,
  during: (agent: EmbeddedAgent) => void = () => {},
): Promise<{ read: ReadableEvent[]; books: Books }> {
  const agent = createAgent({ recording: FIXTURE, ...config });
  const reader = agent.events();
  await agent.start();
  during(agent);
  assert.equal(await agent.ended, undefined);
  const books = await agent.stop();
  const read: ReadableEvent[] = [];
  for await (const record of reader) read.push(record);
  return { read, books };
}

const total = ({ delivered, filtered, lost }: Books) =>
  delivered + filtered + lost.reduce((all, each) => all + each.count, 0);

const processor = (onEmit: LogRecordProcessor['onEmit']): LogRecordProcessor => ({
  onEmit,
  forceFlush: async () => {},
  shutdown: async () => {},
});

describe('createAgent', function () {
  this.timeout('60s');
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'agentsmith-library-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  it('reads every record, the same as everybody else', async () => {
    const { read, books } = await run({});
    assert.deepEqual(read, fixture);
    assert.deepEqual(books, {
      received: read.length,
      delivered: read.length,
      filtered: 0,
      spooled: 0,
      lost: [],
    });
  });

  it('counts what nobody wants as filtered', async () => {
    const agent = createAgent({ recording: FIXTURE });
    await agent.start();
    await agent.ended;
    agent.emit({ eventName: 'example.started' });
    const { received, delivered, filtered, lost } = await agent.stop();
    assert.deepEqual([received, delivered, filtered, lost], [fixture.length + 1, 0, fixture.length + 1, []]);
  });

  it('reads only the events that are asked for', async () => {
    const { read } = await run({ events: ['exec', 'network.c*'] });
    assert.deepEqual(
      read,
      fixture.filter(({ eventName }) => [EXEC, CONNECT].includes(eventName)),
    );
    assert.deepEqual((await run({ events: [] })).read, []);
  });

  it('tells a slow reader what it missed, and counts it', async () => {
    const agent = createAgent({ recording: FIXTURE });
    const reader = agent.events({ buffer: 2 });
    await agent.start();
    await agent.ended;
    const books = await agent.stop();
    const read: ReadableEvent[] = [];
    for await (const record of reader) read.push(record);
    assert.deepEqual(read.slice(0, 2), fixture.slice(0, 2));
    const missed = read.slice(2).map(({ attributes }) => attributes['agentsmith.gap.count'] as number);
    assert.equal(
      missed.reduce((all, each) => all + each),
      fixture.length - 2,
    );
    assert.equal(reader.missed, fixture.length - 2);
    assert.ok(books.lost.every(({ reason }) => reason === 'slow_reader'));
    assert.equal(books.delivered, 2);
    assert.equal(total(books), books.received);
  });

  it("passes records through the user's processors to the user's exporters", async () => {
    let seen = 0;
    let thrown = 0;
    const records: ReadableLogRecord[] = [];
    const { books, read } = await run({
      processors: [
        processor((record) => {
          if (record.eventName === EXEC) drop(record);
          else record.setAttribute('example.owner', 'me');
        }),
        processor((record) => {
          assert.notEqual(record.eventName, EXEC);
          seen++;
          if (record.eventName === CONNECT) record.setBody('changed');
        }),
        processor(() => {
          thrown++;
          throw new Error('a mistake of the user');
        }),
      ],
      exporters: [
        {
          export: (batch, done) => {
            records.push(...batch);
            done({ code: ExportResultCode.SUCCESS });
          },
          forceFlush: async () => {},
          shutdown: async () => {},
        },
      ],
    });
    assert.equal(books.filtered, count(EXEC));
    const left = records.filter(isOwn);
    assert.equal(left.length, fixture.length - count(EXEC));
    assert.equal(seen, records.length);
    assert.equal(thrown, seen);
    assert.equal(books.delivered, records.length);
    assert.deepEqual(books.lost, []);
    assert.equal(total(books), books.received);
    assert.ok(left.every(({ attributes }) => attributes['example.owner'] === 'me'));
    assert.ok(left.filter(({ eventName }) => eventName === CONNECT).every(({ body }) => body === 'changed'));
    // Readers get what the kernel told.
    assert.deepEqual(read, fixture);
  });

  it("counts what the user's exporter refuses", async () => {
    const { books } = await run({
      exporters: [
        {
          export: (_batch, done) => done({ code: ExportResultCode.FAILED }),
          forceFlush: async () => {},
          shutdown: async () => {},
        },
      ],
    });
    assert.equal(books.delivered, 0);
    assert.equal(total(books), books.received);
  });

  it('sends what processors leave to a receiver and into a file, without the loss of an attribute', async () => {
    const sink = await OtlpSink.start();
    const path = join(folder, 'events.jsonl');
    try {
      const { books } = await run({
        endpoint: sink.url,
        file: path,
        resource: { 'deployment.environment.name': 'test' },
        processors: [
          processor((record) => {
            if (record.eventName === EXEC) drop(record);
          }),
        ],
      });
      assert.equal(books.filtered, count(EXEC));
      assert.equal(books.delivered, sink.records().length);
      const sent = sink.records().filter(isOwn);
      const expected = fixture.filter(({ eventName }) => eventName !== EXEC);
      assert.deepEqual(
        sent.map(({ eventName, timeUnixNano, attributes, body }) => ({
          eventName,
          timeUnixNano,
          attributes,
          body,
        })),
        expected.map(({ eventName, time, attributes, body }) => ({
          eventName,
          timeUnixNano: time,
          attributes,
          body,
        })),
      );
      const { records } = await readCollectorFile(path);
      assert.deepEqual(
        records.map(({ eventName, attributes }) => [eventName, attributes]),
        sink.records().map(({ eventName, attributes }) => [eventName, attributes]),
      );
      assert.equal(records[0]!.resource['deployment.environment.name'], 'test');
    } finally {
      await sink.close();
    }
  });

  it("sends the program's own records and its own views of the kernel's", async () => {
    const sink = await OtlpSink.start();
    const port = defineEvent('network.connect', {
      name: 'example.connect.refused',
      about: 'A connection was refused.',
      severity: Severity.WARN,
      only: (event, fields) => event.i32(fields.result) < 0,
      attributes: ({ fields, base }) => ({
        'network.peer.address': base['network.peer.address']!,
        'example.port': int(fields.dport),
      }),
      summary: ['refused by ', 'network.peer.address', [':', 'example.port']],
    });
    const refused = fixture.filter(
      ({ eventName, attributes }) => eventName === CONNECT && attributes['error.type'],
    );
    assert.ok(refused.length > 0);
    try {
      const { read, books } = await run({ endpoint: sink.url, events: ['exit'], views: [port] }, (agent) => {
        assert.ok(
          agent.emit({ eventName: 'example.login', body: 'hello', attributes: { 'example.user': 'ü' } }),
        );
        for (const name of ['agentsmith.mine', 'Example.x', 'login', 'example..x', ''])
          assert.throws(() => agent.emit({ eventName: name }), TypeError);
      });
      const views = sink.records().filter(({ eventName }) => eventName === 'example.connect.refused');
      assert.deepEqual(
        views.map(({ body, severityNumber, timeUnixNano, attributes }) => [
          body,
          severityNumber,
          timeUnixNano,
          attributes['example.port'],
          attributes['process.pid'],
        ]),
        refused.map(({ attributes, time }) => [
          `refused by ${attributes['network.peer.address']}:${attributes['network.peer.port']}`,
          13,
          time,
          attributes['network.peer.port'],
          attributes['process.pid'],
        ]),
      );
      const [own] = sink.records().filter(({ eventName }) => eventName === 'example.login');
      assert.deepEqual(
        [own?.body, own?.attributes, own?.severityNumber],
        ['hello', { 'example.user': 'ü' }, 9],
      );
      assert.ok(!sink.records().some(({ eventName }) => eventName === CONNECT || eventName === EXEC));
      assert.deepEqual(
        read.filter(({ eventName }) => eventName.startsWith('example.')).map(({ eventName }) => eventName),
        ['example.login', ...refused.map(() => 'example.connect.refused')],
      );
      assert.deepEqual(books.lost, []);
      assert.equal(books.delivered, sink.records().length);
      assert.equal(total(books), books.received);
    } finally {
      await sink.close();
    }
  });

  it('loses only the record that a view of the user fails on', async () => {
    const sink = await OtlpSink.start();
    const broken = defineEvent('process.exec', {
      name: 'example.broken',
      about: 'It always fails.',
      attributes: () => ({
        'example.half': {
          type: 'int',
          read: () => 1,
          writer: () => (_event, _process, out) => {
            out.text('half');
            throw new Error('a mistake');
          },
        },
      }),
      summary: [],
    });
    try {
      const { books } = await run({ endpoint: sink.url, views: [broken] });
      const lost = books.lost.filter(({ event }) => event === 'example.broken');
      assert.deepEqual(lost, [{ event: 'example.broken', reason: 'malformed', count: count(EXEC) }]);
      assert.equal(sink.records().filter(isOwn).length, fixture.length);
      assert.equal(total(books), books.received);
    } finally {
      await sink.close();
    }
  });

  it('loses, and counts, only the record that is larger than any request may be', async () => {
    const sink = await OtlpSink.start();
    const path = join(folder, 'large.jsonl');
    try {
      const { books } = await run(
        {
          endpoint: sink.url,
          file: path,
          processors: [
            processor((record) => {
              if (record.eventName === EXEC) record.setAttribute('example.large', 'x'.repeat(5_000_000));
            }),
          ],
        },
        (agent) => agent.emit({ eventName: 'example.large', body: 'x'.repeat(1_000_000) }),
      );
      assert.deepEqual(
        new Map(books.lost.map(({ event, reason, count }) => [`${event} ${reason}`, count])),
        new Map([
          [`${EXEC} too_large`, count(EXEC)],
          ['example.large too_large', 1],
        ]),
      );
      assert.equal(sink.records().filter(isOwn).length, fixture.length - count(EXEC));
      assert.equal((await readCollectorFile(path)).records.length, sink.records().length);
      assert.equal(total(books), books.received);
    } finally {
      await sink.close();
    }
  });

  it('refuses settings that cannot be, before or at start, and can be stopped in any state', async () => {
    assert.throws(() => createAgent({ events: ['nothing'] }), /no event is called "nothing"/);
    assert.throws(
      () =>
        defineEvent('process.exec', { name: 'agentsmith.x', about: '', attributes: () => ({}), summary: [] }),
      TypeError,
    );
    const path = join(folder, 'never');
    for (const [config, message] of [
      [{ file: { path, maxBytes: 1000 } }, /^outputSize: "1000" is no size/],
      [{ file: { path, keep: 0 } }, /^outputFiles: /],
      [{ endpoint: 'http://127.0.0.1:1', queueSize: 1 }, /^queueSize: /],
      [{ endpoint: 'http://127.0.0.1:1', metricsInterval: -1 }, /^metricsInterval: /],
    ] as const) {
      const refused = createAgent({ recording: FIXTURE, ...config });
      await assert.rejects(refused.start(), { message });
    }
    assert.ok(!existsSync(path));
    const agent = createAgent({ recording: FIXTURE, file: join(folder, 'none', 'x') });
    await assert.rejects(agent.start(), OutputFileError);
    assert.deepEqual(await agent.stop(), { received: 0, delivered: 0, filtered: 0, spooled: 0, lost: [] });
    await assert.rejects(createAgent({ recording: FIXTURE, endpoint: 'ftp://x' }).start(), /unknown scheme/);
    const once = createAgent({ recording: FIXTURE });
    assert.throws(() => once.emit({ eventName: 'example.x' }), /does not run/);
    await once.start();
    await assert.rejects(once.start(), /started or stopped before/);
    const [first, second] = await Promise.all([once.stop(), once.stop()]);
    assert.equal(first, second);
    assert.throws(() => once.emit({ eventName: 'example.x' }), /does not run/);
    await assert.rejects(once.start(), /started or stopped before/);
    assert.deepEqual(await once.events().next(), { done: true, value: undefined });
    const hasty = createAgent({ recording: FIXTURE });
    const started = hasty.start();
    assert.deepEqual((await hasty.stop()).lost, []);
    await started;
  });
});
