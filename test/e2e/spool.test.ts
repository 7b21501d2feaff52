// SPDX-License-Identifier: Apache-2.0
// The built CLI with --state-dir, a storm of processes, and a receiver, a disk or an agent that dies in the midst of it.
// The files themselves, and their damage: test/unit/export/spool.test.ts.
import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Cli, cleanUp, runCli } from '../support/cli.ts';
import { eventually as soon } from '../support/eventually.ts';
import { needsKernel } from '../support/needs.ts';
import type { LogRecord } from '../support/otlp-decode.ts';
import { OtlpSink } from '../support/otlp-sink.ts';
import { withMounts } from '../support/private.ts';
import { repository } from '../support/repository.ts';
import { EXEC, GAP, lastLine, latest, named, trueNumbers, upTo } from '../support/sent.ts';
import { Shell } from '../support/shell.ts';
import { skip } from '../support/skip.ts';

/** Under load a storm, and what it leaves, takes its time. */
const eventually = (condition: () => boolean) => soon(condition, 30_000);

const RECORDING = join(repository, 'test/fixtures/basic.ring');

describe('records that are kept on disk', function () {
  this.timeout('120s');
  let sink: OtlpSink;
  let shell: Shell;
  let root: string;
  let state: string;
  /** What earlier sinks at the same port took. */
  let earlier: LogRecord[];

  before(needsKernel);
  beforeEach(async () => {
    sink = await OtlpSink.start();
    shell = new Shell();
    root = realpathSync(mkdtempSync(join(tmpdir(), 'spool-e2e-')));
    state = join(root, 'state');
    earlier = [];
  });
  afterEach(async () => {
    await shell?.end();
    await sink?.close();
    rmSync(root, { recursive: true, force: true });
  });
  cleanUp();

  const args = (...more: string[]) => [
    ...['--endpoint', sink.url, '--tree', `${shell.pid}`, '--events', 'process.*'],
    ...['--state-dir', state, '--metrics-interval', '1h', ...more],
  ];
  const start = (...more: string[]) => new Cli(args(...more)).ready();
  const down = async () => {
    earlier.push(...sink.records());
    await sink.close();
  };
  const up = async () => {
    sink = await OtlpSink.start({ port: Number(new URL(sink.url).port) });
  };
  const records = () => [...earlier, ...sink.records()];
  const spooled = () => readdirSync(join(state, 'spool'));
  const big = () => shell.run(`A=$(head -c 30000 /dev/zero | tr '\\0' a)`);
  const gapsOf = (reason: string) =>
    named(records(), GAP).filter(({ attributes }) => attributes['agentsmith.gap.reason'] === reason);
  const told = (reason: string, event: string) =>
    gapsOf(reason)
      .filter(({ attributes }) => attributes['agentsmith.gap.event'] === event)
      .reduce((all, { attributes }) => all + Number(attributes['agentsmith.gap.count']), 0);

  /** The last metrics, when nothing is in memory any more: every record is in one row. */
  const checkBooks = () => {
    const of = (name: string) => {
      const rows = new Map<string, number>();
      for (const { attributes, value } of latest(sink, `agentsmith.sensor.event.${name}`)) {
        const event = String(attributes['agentsmith.event.name']);
        rows.set(event, (rows.get(event) ?? 0) + value);
      }
      return rows;
    };
    const [attempted, received, recovered] = ['attempted', 'received', 'recovered'].map(of);
    const gone = ['exported', 'filtered', 'spooled', 'dropped'].map(of);
    assert.ok(received!.size > 0);
    for (const [event, count] of received!) {
      // Of an event of the kernel from its first counter on: nothing is left in the ring.
      const came = (attempted!.get(event) ?? count) + (recovered!.get(event) ?? 0);
      const went = gone.map((rows) => rows.get(event) ?? 0);
      assert.equal(
        went.reduce((all, each) => all + each, 0),
        came,
        `${event}: ${went}`,
      );
    }
  };

  it('arrive once the receiver is back, in their order, behind live traffic', async () => {
    const cli = await start();
    await shell.runTrue(300);
    await down();
    await shell.runTrue(1200);
    await cli.said(/kept within 512 MiB on disk/);
    await eventually(() => spooled().length > 0);
    await up();
    await shell.run('i=1200; while [ $i -lt 2000 ]; do /bin/true $i; i=$((i+1)); done');
    await cli.said(/takes records again/);
    await eventually(() => spooled().length === 0);
    const { code, stderr } = await cli.stop();
    assert.equal(code, 0);
    assert.deepEqual([lastLine(stderr).lost, lastLine(stderr).why], [0, '']);
    const numbers = named(records(), EXEC)
      .map(({ attributes }) => attributes['process.command_args'] as string[])
      .filter(([program]) => program === '/bin/true')
      .map((argv) => Number(argv[1]));
    assert.deepEqual(
      numbers.toSorted((a, b) => a - b),
      [...upTo(300), ...upTo(1200), ...upTo(2000).slice(1200)].sort((a, b) => a - b),
    );
    // After the first 300: the disk's lane in its order, and two requests of live traffic in flight.
    const lanes = lanesOf(numbers.slice(300));
    assert.ok(lanes <= 3, `${lanes} lanes`);
    checkBooks();
  });

  it('survive a restart and are counted as recovered', async () => {
    await down();
    const first = await start();
    await shell.runTrue(100);
    await first.said(/kept within/);
    const end = await first.stop();
    assert.deepEqual([end.code, lastLine(end.stderr).lost], [0, 0]);
    const kept = lastLine(end.stderr).waiting;
    assert.ok(kept >= 200, `${kept} are kept`);
    await up();
    const second = await start();
    await second.said(new RegExp(`an earlier run left ${kept} records`));
    await eventually(() => spooled().length === 0);
    const { code, stderr } = await second.stop();
    assert.deepEqual([code, lastLine(stderr).lost], [0, 0]);
    assert.doesNotMatch(stderr, /killed/);
    assert.deepEqual(trueNumbers(records()), upTo(100));
    assert.deepEqual(gapsOf('unclean_stop'), []);
    const recovered = latest(sink, 'agentsmith.sensor.event.recovered');
    assert.equal(
      recovered.reduce((all, { value }) => all + value, 0),
      kept,
    );
    checkBooks();
  });

  it('or lie within one gap, when the agent is killed in the midst of a storm', async () => {
    const log = join(root, 'log');
    const count = 4000;
    const first = await start();
    const storm = shell.run(
      `bash -c 'for ((i = 0; i <= ${count}; i++)); do echo "$i $EPOCHREALTIME" >&4; /bin/true $i; done' 4>${log}`,
    );
    const done = () => readFileSync(log, 'latin1').split('\n').length;
    await sink.until(() => trueNumbers(sink.records()).length > 200);
    await down();
    await first.said(/kept within/);
    const at = done();
    // Several times what a batch waits for company (200 ms), on a fast machine too.
    await eventually(() => done() > at + 800);
    const killedAt = done();
    await first.kill();
    await eventually(() => done() > killedAt + 200);
    await up();
    const second = await start();
    await second.said(/the agent was killed before: events since/);
    await storm;
    await sink.until(() => gapsOf('unclean_stop').length > 0);
    await eventually(() => spooled().length === 0);
    const { stderr } = await second.stop();
    assert.equal(lastLine(stderr).lost, 0);
    const [gap, ...more] = gapsOf('unclean_stop');
    assert.deepEqual(more, []);
    assert.equal(gap!.attributes['agentsmith.gap.event'], 'mixed');
    assert.ok(!('agentsmith.gap.count' in gap!.attributes));
    const [from, to] = ['start', 'end'].map((edge) =>
      Date.parse(String(gap!.attributes[`agentsmith.gap.${edge}`])),
    ) as [number, number];
    const times = readFileSync(log, 'latin1')
      .trim()
      .split('\n')
      .map((line) => Number(line.split(' ')[1]) * 1000);
    const arrived = new Set(trueNumbers(records()));
    const missing = upTo(count).filter((number) => !arrived.has(number));
    assert.ok(missing.length > 50, `${missing.length} are missing`);
    for (const number of missing) {
      assert.ok(from <= times[number + 1]!, `${number} is missing, before the gap`);
      assert.ok(times[number]! <= to, `${number} is missing, behind the gap`);
    }
    // What came while the receiver was away is there, apart from the last moments.
    const kept = upTo(killedAt).filter((number) => number >= at && arrived.has(number));
    assert.ok(kept.length > 100, `${kept.length} came back from disk`);
    // It is told once.
    const third = await start();
    await third.stop();
    assert.equal(gapsOf('unclean_stop').length, 1);
  });

  it('are dropped from the oldest on when there are too many, counted and told', async () => {
    const deeds = 500;
    await down();
    const cli = await start('--spool-size', '8MiB');
    await big();
    await shell.runTrue(deeds, '$A');
    await cli.said(/no room for more records: the oldest are dropped/);
    await up();
    await cli.said(/takes records again/);
    await eventually(() => spooled().length === 0);
    await eventually(() => gapsOf('spool_full').length > 0);
    const { stderr } = await cli.stop();
    const { lost, why } = lastLine(stderr);
    assert.match(why, /process\.exec spool_full/);
    assert.equal(told('spool_full', EXEC) + named(records(), EXEC).length, deeds + 2);
    assert.equal(
      gapsOf('spool_full').reduce(
        (all, { attributes }) => all + Number(attributes['agentsmith.gap.count']),
        0,
      ),
      lost,
    );
    assert.ok(trueNumbers(records()).includes(deeds - 1));
    checkBooks();
  });

  it('make room on a full disk, and nothing stops', async function () {
    const deeds = 300;
    await down();
    mkdirSync(state, { mode: 0o700 });
    const wrap = withMounts(this, `mount -t tmpfs -o size=3m,mode=700 tmpfs ${state}`);
    const cli = await new Cli(args('--spool-size', '64MiB'), { wrap }).ready();
    await big();
    await shell.runTrue(deeds, '$A');
    await cli.said(/no room for more records|no space left on the device/);
    await up();
    await cli.said(/takes records again/);
    await sink.until(() => gapsOf('spool_full').length > 0 || trueNumbers(records()).length === deeds);
    const { code, stderr } = await cli.stop();
    assert.equal(code, 0);
    const { lost, why, waiting } = lastLine(stderr);
    assert.doesNotMatch(why, /corrupt|shutdown/);
    const all = records().filter(({ eventName }) => eventName.startsWith('agentsmith.process.'));
    const toldOf = named(records(), GAP).reduce(
      (sum, { attributes }) => sum + Number(attributes['agentsmith.gap.count']),
      0,
    );
    assert.equal(toldOf, lost);
    assert.equal(waiting, 0);
    assert.equal(new Set(trueNumbers(records())).size, trueNumbers(records()).length);
    assert.ok(all.length > 0);
    checkBooks();
  });
});

/** How many rising sequences the numbers are made of, at least: the longest falling one (Dilworth). */
function lanesOf(numbers: readonly number[]): number {
  const ends: number[] = [];
  for (const number of numbers) {
    const lane = ends.findIndex((end) => end < number);
    ends[lane < 0 ? ends.length : lane] = number;
  }
  return ends.length;
}

describe('--state-dir', function () {
  this.timeout('60s');
  let root: string;
  let state: string;

  beforeEach(() => {
    root = realpathSync(mkdtempSync(join(tmpdir(), 'state-e2e-')));
    state = join(root, 'state');
  });
  afterEach(() => rmSync(root, { recursive: true }));
  cleanUp();

  const args = (...more: string[]) => [
    ...['replay', RECORDING, '--endpoint', 'http://127.0.0.1:9', '--state-dir', state],
    ...more,
  ];

  it('belongs to one agent', async () => {
    const first = await new Cli(args()).ready();
    // Else its recording may be over before the other one has started.
    process.kill(first.pid, 'SIGSTOP');
    const { code, errors } = await runCli(args('--fast'));
    process.kill(first.pid, 'SIGCONT');
    assert.equal(code, 75);
    assert.deepEqual(errors, [
      `error: state directory ${state}: another agent uses it (process ${first.pid})`,
    ]);
    await first.stop();
  });

  for (const [what, prepare, why] of [
    ['open to others', () => mkdirSync(state) ?? chmodSync(state, 0o755), /others may enter it \(mode 755\)/],
    [
      'of somebody else',
      () => mkdirSync(state) ?? chownSync(state, 1, 1),
      /belongs to user 1, not to user 0/,
    ],
    ['a symbolic link', () => symlinkSync(root, state), /is a symbolic link, which is not followed/],
  ] as const) {
    it(`that is ${what} is refused in one line`, async function () {
      if (process.geteuid!() !== 0) skip(this, 'only root can give a directory away');
      prepare();
      const { code, errors, stdout } = await runCli(args('--fast'));
      assert.equal(code, 73);
      assert.equal(errors.length, 1);
      assert.match(errors[0]!, why);
      assert.equal(stdout, '');
    });
  }

  it('has no effect where nothing is sent', async () => {
    const { code, stderr } = await runCli(['replay', RECORDING, '--fast', '--state-dir', state]);
    assert.equal(code, 0);
    assert.match(stderr, /^warning: --state-dir has no effect/m);
    assert.deepEqual(readdirSync(root), []);
  });
});
