// SPDX-License-Identifier: Apache-2.0
// --output file:PATH beside the file exporter of a real Collector, and alone.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Cli, cleanUp, runCli } from '../support/cli.ts';
import { buildCollector, type Collector, startCollector } from '../support/collector.ts';
import { type LogRecord, readCollectorFile, waitForCollectorFile } from '../support/collector-file.ts';
import { FIXTURE } from '../support/fixture.ts';
import { needsKernel } from '../support/needs.ts';
import { OtlpSink } from '../support/otlp-sink.ts';
import { withMounts } from '../support/private.ts';
import { GAP, lastLine, named, trueNumbers, upTo } from '../support/sent.ts';
import { Shell } from '../support/shell.ts';
import { skip } from '../support/skip.ts';

/** Two requests in flight may change places: records in the order of their own numbers. */
const inOrder = (records: readonly LogRecord[]) =>
  records
    .map((record) => ({
      key: JSON.stringify(record, (_, v) => (typeof v === 'bigint' ? `${v}` : (v as unknown))),
      record,
    }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ record }) => record);

describe('a file of records', function () {
  this.timeout('60s');
  let folder: string;
  let path: string;
  let shell: Shell | undefined;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'agentsmith-file-'));
    path = join(folder, 'events.jsonl');
  });

  afterEach(async () => {
    await shell?.end();
    shell = undefined;
    rmSync(folder, { recursive: true });
  });

  cleanUp();

  describe('beside a Collector', () => {
    let binary: string;
    let collector: Collector | undefined;

    before(async function () {
      this.timeout('35m');
      needsKernel.call(this);
      const built = await buildCollector();
      if (typeof built !== 'string') return skip(this, built.skipped);
      binary = built;
    });

    afterEach(async () => {
      await collector?.stop();
      collector = undefined;
    });

    /** Hostile arguments, failures, many records; the file of the run and that of the Collector. */
    async function run(): Promise<{ ours: LogRecord[]; theirs: LogRecord[] }> {
      collector = await startCollector({ binary, dir: join(folder, 'collector') });
      shell = new Shell();
      const args = ['--endpoint', collector.grpcUrl, '--tree', `${shell.pid}`, '--output', `file:${path}`];
      const cli = await new Cli(args).ready();
      await shell.run(`/bin/true "two words" "" "$(printf '\\377\\\\x\\033\\n\\"')" 'ü😀'; (exit 3)`);
      await shell.run('bash -c "exec 3<>/dev/tcp/127.0.0.1/9" 2>/dev/null || true');
      await shell.runTrue(300);
      const { code, stderr } = await cli.stop();
      assert.equal(code, 0);
      assert.match(stderr, /^records: http:\S+ .* and \S+events\.jsonl \(OTLP-JSON, one request a line\)$/m);
      const { delivered, lost } = lastLine(stderr);
      assert.equal(lost, 0);
      const { records: theirs } = await waitForCollectorFile(
        collector.eventsPath,
        ({ records }) => records.length >= delivered,
      );
      assert.equal(theirs.length, delivered);
      return { ours: (await readCollectorFile(path)).records, theirs };
    }

    it("holds the same as the Collector's own file, record by record", async () => {
      const { ours, theirs } = await run();
      assert.ok(ours.length > 600);
      assert.ok(ours.some(({ body }) => String(body).includes('ü😀')));
      assert.deepEqual(inOrder(ours), inOrder(theirs));
      assert.equal(statSync(path).mode & 0o777, 0o600);
    });

    it("is read by the Collector's own decoder of OTLP-JSON", async () => {
      const { ours, theirs } = await run();
      for (const body of readFileSync(path, 'utf8').trimEnd().split('\n')) {
        const headers = { 'content-type': 'application/json' };
        const answer = await fetch(`${collector!.httpUrl}/v1/logs`, { method: 'POST', headers, body });
        assert.deepEqual([answer.status, await answer.json()], [200, { partialSuccess: {} }]);
      }
      const { records } = await waitForCollectorFile(
        collector!.eventsPath,
        (file) => file.records.length >= theirs.length + ours.length,
      );
      assert.deepEqual(inOrder(records.slice(theirs.length)), inOrder(theirs));
    });

    it("is read by the Collector's receiver of such files", async function () {
      const components = execFileSync(binary, ['components'], { encoding: 'utf8' });
      const name = /- name: (otlp_?json_?file)$/m.exec(components)?.[1];
      if (name === undefined)
        return skip(
          this,
          'the Collector here has no otlp_json_file receiver: its Go module cannot be had in this version',
        );
      const { theirs } = await run();
      await collector!.stop();
      const config = join(folder, 'read.yaml');
      const copy = join(folder, 'copy.jsonl');
      writeFileSync(
        config,
        `receivers: {${name}: {include: [${path}], start_at: beginning}}
exporters: {file: {path: ${copy}}}
extensions: {health_check: {endpoint: "\${env:AGENTSMITH_COLLECTOR_HEALTH}"}}
service: {extensions: [health_check], pipelines: {logs: {receivers: [${name}], exporters: [file]}}, telemetry: {metrics: {level: none}}}
`,
      );
      collector = await startCollector({ binary, dir: join(folder, 'reader'), config });
      const { records } = await waitForCollectorFile(copy, (file) => file.records.length >= theirs.length);
      assert.deepEqual(inOrder(records), inOrder(theirs));
    });
  });

  it('goes on when the disk was full: one line, every loss counted and told in the file', async function () {
    needsKernel.call(this);
    // A disk of 192 KiB with 40 KiB left for us.
    const script = `mount -t tmpfs -o size=192k tmpfs ${folder}\nhead -c ${152 * 1024} /dev/zero > ${folder}/filler`;
    shell = new Shell();
    const args = ['--tree', `${shell.pid}`, '--output', `file:${path}`];
    const cli = await new Cli(args, { wrap: withMounts(this, script) }).ready();
    const inside = `/proc/${cli.pid}/root${folder}`;
    await shell.runTrue(40);
    await cli.said(/no space left/);
    rmSync(join(inside, 'filler'));
    await shell.runTrue(5);
    await cli.said(/takes records again/);
    const held = await waitForCollectorFile(
      join(inside, 'events.jsonl'),
      ({ records }) => named(records, GAP).length > 0,
    );
    // The namespace, and the file with it, ends with the run.
    const before = held.records.length;
    const { code, stderr } = await cli.stop();
    assert.equal(code, 0);
    assert.equal(stderr.match(/no space left/g)?.length, 1, stderr);
    assert.match(
      stderr,
      /^warning: \S+events\.jsonl: no space left on the device \(ENOSPC\); records are left out/m,
    );
    const { delivered, lost, why } = lastLine(stderr);
    assert.match(why, /write_failed/);
    assert.ok(lost > 0 && delivered >= before);
    const told = named(held.records, GAP).map(({ attributes }) => attributes);
    assert.deepEqual(
      [...new Set(told.map((attributes) => attributes['agentsmith.gap.reason']))],
      ['write_failed'],
    );
  });

  it('keeps the books beside a receiver too: what it lacks is said, and not lost', async function () {
    needsKernel.call(this);
    const sink = await OtlpSink.start();
    try {
      const script = `mount -t tmpfs -o size=16k tmpfs ${folder}`;
      shell = new Shell();
      const args = ['--tree', `${shell.pid}`, '--output', `file:${path}`, '--endpoint', sink.url];
      const cli = await new Cli(args, { wrap: withMounts(this, script) }).ready();
      await shell.runTrue(40);
      await cli.said(/no space left/);
      const { code, stderr } = await cli.stop();
      assert.equal(code, 0);
      assert.equal(lastLine(stderr).lost, 0);
      assert.equal(lastLine(stderr).delivered, sink.records().length);
      assert.deepEqual(trueNumbers(sink.records()), upTo(40));
      assert.match(stderr, /events\.jsonl: (takes records again, )?\d+ (records )?are missing in it$/m);
    } finally {
      await sink.close();
    }
  });

  it('needs neither root nor a receiver for a recording, and is turned over', async () => {
    const replay = async (...more: string[]) => {
      const end = await runCli(['replay', FIXTURE, '--fast', '--output', `file:${path}`, ...more]);
      assert.deepEqual([end.code, end.stdout, end.errors], [0, '', []]);
      return lastLine(end.stderr);
    };
    const { delivered, lost } = await replay();
    const { records } = await readCollectorFile(path);
    assert.deepEqual([records.length, lost], [delivered, 0]);
    assert.deepEqual(
      [records[0]!.eventName, records.at(-1)!.eventName],
      ['agentsmith.sensor.start', 'agentsmith.sensor.stop'],
    );
    const size = statSync(path).size;
    assert.equal((await replay('--output-size', '1MiB')).delivered, delivered);
    assert.ok(statSync(path).size > 1.9 * size);
    for (let written = 2 * size; written < 3.2 * 2 ** 20; ) {
      writeFileSync(path, 'x'.repeat(2 ** 20), { flag: 'a' });
      written += 2 ** 20;
      await replay('--output-size', '1MiB', '--output-files', '2');
    }
    assert.deepEqual(readdirSync(folder).sort(), ['events.jsonl', 'events.jsonl.1', 'events.jsonl.2']);
    assert.ok(statSync(path).size < 2 ** 20);
  });

  it('gets what the stock SDK sends, where that is asked for', async () => {
    const sink = await OtlpSink.start();
    try {
      const args = ['replay', FIXTURE, '--fast', '--pipeline', 'sdk', '--endpoint', sink.url];
      const { code, stderr } = await runCli([...args, '--output', `file:${path}`]);
      assert.equal(code, 0, stderr);
      const { records } = await readCollectorFile(path);
      assert.deepEqual(
        records.map(({ eventName, timeUnixNano }) => [eventName, timeUnixNano]),
        sink.records().map(({ eventName, timeUnixNano }) => [eventName, timeUnixNano]),
      );
      assert.equal(records.length, lastLine(stderr).delivered);
    } finally {
      await sink.close();
    }
  });

  it('is refused at start when it can never be written', async () => {
    symlinkSync('/dev/null', path);
    for (const [file, why] of [
      [path, /^error: \S+events\.jsonl: is a symbolic link, which is not followed \(ELOOP\)$/m],
      [join(folder, 'none', 'x'), /^error: .*its folder does not exist \(ENOENT\)$/m],
      [folder, /^error: .*is a folder \(EISDIR\)$/m],
    ] as const) {
      const { code, stderr } = await runCli(['replay', FIXTURE, '--output', `file:${file}`]);
      assert.equal(code, 73, stderr);
      assert.match(stderr, why);
    }
    const { code, stderr } = await runCli(['--output', 'file:']);
    assert.deepEqual(
      [code, stderr.trim()],
      [64, 'error: --output: "file:" lacks a path; write file:events.jsonl'],
    );
  });
});
