// SPDX-License-Identifier: Apache-2.0
// The whole road: triggers do deeds and say so, the built CLI sees them, a real Collector with the shipped
// configuration writes them down. What the triggers say is compared with all that a second observer in this process
// saw (as in test/kernel), and that with what the Collector wrote.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Cli, type CliEnd, cleanUp } from '../support/cli.ts';
import { buildCollector, type Collector, startCollector } from '../support/collector.ts';
import { type CollectorFile, type LogRecord, waitForCollectorFile } from '../support/collector-file.ts';
import { type Attempt, attempts, connectOf, expectConnect } from '../support/connect.ts';
import { type ExecTruth, expectExec } from '../support/exec.ts';
import { expectedResource } from '../support/host-resource.ts';
import { needsKernel } from '../support/needs.ts';
import { CONNECT, EXEC, EXIT, lastLine, named } from '../support/sent.ts';
import { skip } from '../support/skip.ts';
import { openWatch, type Watch, type WatchedRecord } from '../support/watch.ts';

/** Two observers measure these each for itself. */
const MEASURED = /^agentsmith\.(event\.sequence|process\.duration|network\.connect\.duration)$/;
const MS = 1_000_000n;
const near = (a: bigint, b: bigint) => a - b < MS && b - a < MS;

describe('what the Collector writes', function () {
  this.timeout('60s');
  let dir: string;
  let collector: Collector | undefined;
  let watch: Watch;
  let file: CollectorFile;
  let end: CliEnd;
  let exec: ExecTruth;
  let refused: Attempt;
  let taken: Attempt;
  const ends: { readonly pid: number; readonly status: number | null; readonly signal: string | null }[] = [];

  before(async function () {
    this.timeout('35m');
    needsKernel.call(this);
    const binary = await buildCollector();
    if (typeof binary !== 'string') return skip(this, binary.skipped);
    dir = mkdtempSync(join(tmpdir(), 'agentsmith-road-'));
    collector = await startCollector({ binary, dir });
    watch = openWatch(this);
    const args = ['--endpoint', collector.grpcUrl, '--tree', `${process.pid}`, '--metrics-interval', '1s'];
    const cli = await new Cli(args).ready();
    exec = await watch.run<ExecTruth>('process-exec', ['one', 'two words', '', '%s\\"ü']);
    for (const script of ['exit 7', 'kill -TERM $$']) {
      ends.push(spawnSync('/bin/sh', ['-c', script], { env: {}, stdio: 'ignore' }));
    }
    [taken] = (await attempts(this, watch, 'network-connect', 'ok', '127.0.0.1')) as [Attempt];
    [refused] = (await attempts(this, watch, 'network-connect', 'refused', '::1')) as [Attempt];
    for (const attempt of [taken, refused]) await connectOf(watch, attempt);
    end = await cli.stop();
    file = await waitForCollectorFile(
      collector.eventsPath,
      ({ records, metrics }) =>
        named(records, 'agentsmith.sensor.stop').length > 0 &&
        metrics.has('agentsmith.sensor.event.attempted'),
    );
  });

  after(async () => {
    await watch?.close();
    await collector?.stop();
    if (dir) rmSync(dir, { recursive: true });
  });

  cleanUp();

  /** The Collector's record of what the watch saw; the two say the same. */
  function written(seen: WatchedRecord, isSame: (record: LogRecord) => boolean): LogRecord {
    const found = named(file.records, seen.eventName).filter(isSame);
    assert.equal(found.length, 1, `${found.length} records of ${seen.eventName}`);
    const record = found[0]!;
    const strip = (attributes: object) =>
      Object.entries(attributes).filter(([key]) => !MEASURED.test(key) && key !== 'process.creation.time');
    assert.deepEqual(strip(record.attributes), strip(seen.attributes));
    for (const key of Object.keys(seen.attributes).filter((key) => MEASURED.test(key))) {
      assert.equal(typeof record.attributes[key], 'number', key);
    }
    const [born, bornToo] = [record, seen].map(({ attributes }) =>
      Date.parse(String(attributes['process.creation.time'])),
    );
    assert.ok(Math.abs(born! - bornToo!) <= 1, 'process.creation.time');
    assert.ok(near(record.timeUnixNano, seen.time), 'the time of the event');
    assert.ok(record.observedTimeUnixNano >= record.timeUnixNano - MS, 'observed before it happened');
    assert.equal(record.severityNumber, seen.severityNumber);
    assert.equal(record.body?.toString().replace(/[\d.]+ ms$/, ''), seen.body?.replace(/[\d.]+ ms$/, ''));
    return record;
  }

  const pidIs = (pid: number) => (record: { attributes: Readonly<Record<string, unknown>> }) =>
    record.attributes['process.pid'] === pid;

  it('of an exec is what the program says of itself, in every attribute', () => {
    const seen = expectExec(watch, exec);
    written(seen, pidIs(seen.attributes['process.pid'] as number));
  });

  it('of an exit is what wait(2) told the parent', () => {
    for (const { pid, status, signal } of ends) {
      const seen = watch.find(EXIT, pidIs(pid));
      const record = written(seen, pidIs(pid));
      assert.equal(record.attributes['process.exit.code'] ?? null, status);
      assert.equal(record.attributes['agentsmith.process.exit.signal'] ?? null, signal);
      assert.equal(record.severityNumber, 5);
      // Who it was is what its exec said, which is compared with the truth above.
      const born = named(file.records, EXEC).find(pidIs(pid))!;
      for (const key of Object.keys(record.attributes).filter((name) =>
        /^process\.(?!exit)|namespace|cgroup/.test(name),
      )) {
        assert.deepEqual(record.attributes[key], born.attributes[key], key);
      }
    }
  });

  it('of a connection is what the program says of it, taken or refused', () => {
    for (const attempt of [taken, refused]) {
      const isIt = (record: { attributes: Readonly<Record<string, unknown>> }) =>
        record.attributes['agentsmith.network.connect.id'] === attempt.cookie;
      const seen = watch.find(CONNECT, isIt);
      expectConnect(watch, seen, attempt);
      written(seen, isIt);
    }
  });

  it('carries resource and scope with every record, and begins and ends with the sensor', () => {
    for (const { resource, scope } of file.records) {
      assert.deepEqual(resource, expectedResource());
      assert.deepEqual(scope, { name: 'agentsmith-otel', version: expectedResource()['service.version'] });
    }
    const told = ['start', 'stop'].map((word) => named(file.records, `agentsmith.sensor.${word}`));
    assert.deepEqual(
      told.map(({ length }) => length),
      [1, 1],
    );
    for (const [record] of told) {
      assert.equal(record!.severityNumber, 9);
      assert.equal(record!.attributes['agentsmith.sensor.tier'], watch.sensor.tier);
      const hooks = record!.attributes['agentsmith.sensor.hooks'] as string[];
      for (const event of [EXEC, EXIT, CONNECT])
        assert.ok(
          hooks.some((hook) => hook.startsWith(`${event}=`)),
          event,
        );
    }
  });

  it('has the metrics, and their books are balanced', () => {
    const points = (name: string) => {
      const all = file.metrics.get(name) ?? [];
      const newest = all
        .map(({ timeUnixNano }) => timeUnixNano)
        .sort()
        .at(-1);
      return all.filter(({ timeUnixNano }) => timeUnixNano === newest);
    };
    const sum = (name: string, event?: string) =>
      points(`agentsmith.sensor.event.${name}`)
        .filter(({ attributes }) => event === undefined || attributes['agentsmith.event.name'] === event)
        .reduce((total, { value }) => total + Number(value), 0);
    for (const event of [EXEC, EXIT, CONNECT]) {
      // What the kernel's own filter let pass was submitted, what was submitted was received, and each of these went
      // one way.
      assert.equal(sum('submitted', event), sum('received', event), event);
      assert.equal(
        sum('attempted', event),
        sum('exported', event) + sum('filtered', event) + sum('dropped', event),
        event,
      );
      assert.equal(sum('exported', event), named(file.records, event).length, event);
    }
    const { delivered, filtered, lost } = lastLine(end.stderr);
    assert.deepEqual([sum('exported'), sum('filtered'), sum('dropped')], [delivered, filtered, lost]);
    assert.equal(file.records.length, delivered);
    for (const name of [
      'agentsmith.sensor.ring_buffer.usage',
      'agentsmith.sensor.ring_buffer.limit',
      'agentsmith.sensor.hook.missing',
      'agentsmith.cache.size',
      'agentsmith.cache.evictions',
      'process.cpu.time',
      'process.memory.usage',
      'otel.sdk.exporter.log.exported',
    ]) {
      assert.ok(points(name).length > 0, name);
    }
    assert.equal(points('agentsmith.event.delay')[0]?.kind, 'histogram');
    assert.deepEqual(points('process.memory.usage')[0]!.resource, expectedResource());
  });
});
