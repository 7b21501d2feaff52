// SPDX-License-Identifier: Apache-2.0
// What the exporter leaves out when its queue fills, and what it says is safe. Sending: sender.test.ts; the disk: spool.test.ts.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Processes } from '../../../src/enrich/processes.ts';
import { type ExporterOptions, FastExporter } from '../../../src/export/exporter.ts';
import { Ledger } from '../../../src/ledger.ts';
import { RunMark } from '../../../src/state/run-mark.ts';
import { eventually } from '../../support/eventually.ts';
import { EVENTS, eachEvent, LANES } from '../../support/lanes.ts';
import { RESOURCE } from '../../support/official.ts';
import { OtlpSink } from '../../support/otlp-sink.ts';
import { receiverAt } from '../../support/receiver.ts';
import { batchOf, connect, exec } from '../../support/records.ts';
import { booksOf, CONNECT, EXEC, SpoolRuns } from '../../support/spooled.ts';

const MIB = 1 << 20;

describe('FastExporter', () => {
  let sink: OtlpSink;
  let ledger: Ledger;
  let exporter: FastExporter;
  const processes = new Processes({});

  beforeEach(async () => {
    sink = await OtlpSink.start();
    ledger = new Ledger(new Map(EVENTS.map(({ type, name }) => [type, name])));
  });
  afterEach(async () => {
    exporter.abort();
    await exporter.shutdown(1);
    await sink.close();
  });

  const make = (options: Partial<ExporterOptions> = {}) => {
    exporter = new FastExporter(
      {
        resource: RESOURCE,
        logs: receiverAt(sink.url),
        queueBytes: 16 * MIB,
        batching: {},
        metricTimes: { intervalMillis: 60_000, timeoutMillis: 1000 },
        temporality: 'cumulative',
        onState: () => {},
        onPartial: () => {},
        ...options,
      },
      ledger,
    );
  };
  const append = (...records: Buffer[]) =>
    eachEvent(
      batchOf(records),
      LANES[0]!,
      (definition, event, process) => {
        ledger.received[definition.type]!++;
        exporter.append(definition, event, process);
      },
      processes,
    );
  /** Some 60 kB each. */
  const big = () => exec({ argv: ['/bin/true', 'a'.repeat(60_000)] });

  it('sheds frequent events from three quarters of the queue on, the others only when it is full', async () => {
    // Nobody is answered.
    sink.respond(() => new Promise(() => {}));
    make();
    append(connect());
    for (let i = 0; i < 220; i++) append(big(), connect());
    const books = booksOf(ledger);
    assert.deepEqual(Object.keys(books.lost), ['connect shed']);
    const before = ledger.received[EXEC]!;
    for (let i = 0; i < 200; i++) append(big(), connect());
    const { lost } = booksOf(ledger);
    assert.ok(lost['connect shed']! >= 200);
    assert.ok(lost['exec queue_full']! > 0 && lost['exec queue_full']! < ledger.received[EXEC]!);
    assert.ok(ledger.received[EXEC]! === before + 200);
    assert.equal(lost['exec shed'], undefined);
  });

  it('sheds nothing while nothing waits for its turn, and nothing any more when there is room', async () => {
    make({ queueBytes: 4 * MIB });
    for (let i = 0; i < 3; i++) {
      for (let n = 0; n < 45; n++) append(big(), connect());
      await exporterIdle();
    }
    assert.deepEqual(booksOf(ledger).lost, {});
    assert.equal(ledger.exported[CONNECT], ledger.received[CONNECT]);
  });

  it('sheds nothing while the disk takes what a queue that is full does not hold', async function () {
    this.timeout('20s');
    const folder = mkdtempSync(join(tmpdir(), 'shed-'));
    const runs = new SpoolRuns();
    const mark = new RunMark(join(folder, 'run'), 1n);
    const spool = await runs.open(64 * MIB);
    // A receiver that is slow, not away.
    let answer = () => {};
    const answered = new Promise<void>((resolve) => {
      answer = resolve;
    });
    sink.respond(async () => {
      await answered;
      return undefined;
    });
    make({ queueBytes: 8 * MIB, kept: { spool, mark } });
    for (let i = 0; i < 10; i++) {
      for (let n = 0; n < 30; n++) append(big(), connect());
      await spool.idle;
    }
    assert.deepEqual(booksOf(ledger).lost, {});
    assert.ok(booksOf(ledger).spooled > 0, 'nothing went to disk');
    answer();
    await exporterIdle();
    await exporter.shutdown(1000);
    mark.close();
    rmSync(folder, { recursive: true });
    runs.remove();
  });

  /** Every record was acknowledged. */
  const exporterIdle = () =>
    eventually(() => [EXEC, CONNECT].every((type) => ledger.exported[type] === ledger.received[type]));

  it('says up to when every record is acknowledged or on disk', async function () {
    this.timeout('20s');
    const folder = mkdtempSync(join(tmpdir(), 'safe-'));
    const runs = new SpoolRuns();
    const now = 1_763_000_000_000_000_000n;
    const mark = new RunMark(join(folder, 'run'), now);
    const spool = await runs.open(8 * MIB);
    const marked = () => BigInt(readFileSync(join(folder, 'run'), 'utf8').split(' ')[1]!);
    let isUp = false;
    sink.respond(() => (isUp ? undefined : { status: 14, message: 'away' }));
    make({ kept: { spool, mark } });
    exporter.begin(now + 1000n);
    append(exec());
    exporter.begin(now + 2000n);
    append(exec());
    // In the open batch, then on its way; then it is on disk, and synchronized.
    assert.equal(mark.time, now);
    await eventually(() => spool.usedBytes > 0);
    await eventually(() => marked() === now + 2000n);
    // A clock that was set back, at once.
    exporter.begin(now - 5n);
    await eventually(() => marked() === now - 5n);
    isUp = true;
    append(exec());
    await eventually(() => ledger.exported[EXEC] === 3);
    await exporter.shutdown(1000);
    mark.close();
    rmSync(folder, { recursive: true });
    runs.remove();
  });
});
