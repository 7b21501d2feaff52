// SPDX-License-Identifier: Apache-2.0
// The books of a file. What is in it: test/e2e/file.test.ts.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ReadableEvent } from '../../../src/events/event.ts';
import { FileExporter, type FileStatus, WithFile } from '../../../src/export/file-exporter.ts';
import { UserLane } from '../../../src/export/user-lane.ts';
import { Ledger } from '../../../src/ledger.ts';
import { readCollectorFile } from '../../support/collector-file.ts';
import { eventually } from '../../support/eventually.ts';
import { RESOURCE } from '../../support/official.ts';

const record = (eventName: string, body = ''): ReadableEvent => ({
  eventName,
  severityNumber: 13,
  time: 1n,
  observed: 2n,
  body,
  attributes: {},
});

describe('a file exporter', () => {
  let folder: string;
  let path: string;
  let news: FileStatus[];
  let ledger: Ledger;
  let type: number;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'agentsmith-file-'));
    path = join(folder, 'inner', 'events.jsonl');
    mkdirSync(join(folder, 'inner'));
    news = [];
    ledger = new Ledger(new Map());
    type = ledger.typeOf('example.x');
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  const open = () =>
    new FileExporter(
      { path, maxBytes: 2 ** 20, keep: 1, resource: RESOURCE, onState: (status) => news.push(status) },
      ledger,
    );
  const losses = () => [...ledger.losses()].map(({ reason, count }) => `${count} ${reason}`);

  it('counts what is in the file as exported, and says nothing', async () => {
    const exporter = open();
    for (let i = 0; i < 10; i++) exporter.emit(record('example.x'));
    await exporter.shutdown(5000);
    assert.equal(ledger.exported[type], 10);
    assert.equal((await readCollectorFile(path)).records.length, 10);
    assert.deepEqual([news, losses()], [[], []]);
  });

  it('counts what could not be written, says so once, and says when it can again', async () => {
    const exporter = open();
    renameSync(join(folder, 'inner'), join(folder, 'gone'));
    // A batch each: a warning waits no longer than a tick.
    for (let i = 1; i <= 3; i++) {
      exporter.emit(record('example.x'));
      await eventually(() => losses()[0] === `${i} write_failed`);
    }
    rmSync(join(folder, 'gone'), { recursive: true });
    mkdirSync(join(folder, 'inner'));
    exporter.emit(record('example.x'));
    await exporter.shutdown(5000);
    assert.deepEqual([ledger.received[type], ledger.exported[type]], [4, 1]);
    assert.deepEqual(
      news.map((status) => (status.kind === 'failed' ? status.error.message : [status.kind, status.missing])),
      [`${path}: its folder does not exist (ENOENT)`, ['recovered', 3]],
    );
    assert.equal((await readCollectorFile(path)).records.length, 1);
  });

  it('counts what it is not given the time to write', async () => {
    const exporter = open();
    exporter.emit(record('example.x'));
    const stopped = exporter.shutdown(5000);
    exporter.abort();
    await stopped;
    exporter.emit(record('example.x'));
    await exporter.shutdown(5000);
    assert.deepEqual([ledger.received[type], ledger.exported[type], losses()], [2, 0, ['2 shutdown']]);
    assert.deepEqual(
      news.map((status) => status.kind !== 'failed' && status.missing),
      [1, 2],
    );
  });

  it('counts what a slow disk leaves in memory', async () => {
    const exporter = open();
    // 300 kB each, six times that as JSON: all in one go, before the first line can be on disk.
    const count = 26;
    for (let i = 0; i < count; i++) exporter.emit(record('example.x', '\u0001'.repeat(300_000)));
    assert.equal(exporter.takesBatches, false);
    await exporter.shutdown(5000);
    const lost = count - ledger.exported[type]!;
    assert.deepEqual(losses(), [`${lost} queue_full`]);
    assert.ok(lost > 0 && lost < count, `${lost} lost`);
    assert.deepEqual(news, [{ kind: 'ended', missing: lost }]);
  });

  it('lets memory go together with what stands beside it, and behind processors', async () => {
    const trimmed: string[] = [];
    const file = (name: string) => Object.assign(open(), { trim: () => trimmed.push(name) });
    const [first, second] = [file('first'), file('second')];
    new WithFile(first, second).trim();
    const lane = new UserLane({ processors: [], exporters: [], resource: RESOURCE }, [first, second], ledger);
    lane.trim();
    assert.deepEqual(trimmed, ['first', 'second', 'first', 'second']);
    await lane.shutdown(5000);
  });
});
