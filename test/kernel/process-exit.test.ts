// SPDX-License-Identifier: Apache-2.0
// The end of processes: once each, with what wait(2) told their parents.
import assert from 'node:assert/strict';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EventType } from '../../src/decode/layout.gen.ts';
import { startOf } from '../support/exec.ts';
import { bootTime, expectBetween, expectRecord } from '../support/expect.ts';
import { scaled, skip } from '../support/triggers.ts';
import { type Proc, pidOf, type Truth } from '../support/truth.ts';
import { openWatch, type Watch, type WatchedRecord } from '../support/watch.ts';

const EXIT = 'agentsmith.process.exit';

interface Child {
  readonly pid: number;
  readonly status: number;
  readonly born: string;
  readonly began: string;
  readonly reaped: string;
}

/** What wait(2) tells, as attributes; signals by their names. */
function ended(status: number, signals: Readonly<Record<number, string>> = {}) {
  const signal = status & 0x7f;
  return {
    'process.exit.code': signal === 0 ? status >> 8 : undefined,
    'agentsmith.process.exit.signal': signal === 0 ? undefined : signals[signal],
    'agentsmith.process.core_dumped': (status & 0x80) !== 0 || undefined,
  };
}

describe('process.exit', function () {
  this.timeout(scaled(60_000));
  let watch: Watch;
  let folder: string;

  before(function () {
    watch = openWatch(this);
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'exit-')));
  });

  after(async () => {
    await watch?.close();
    if (folder) rmSync(folder, { recursive: true });
  });

  const exitOf = (pid: number) => watch.find(EXIT, (r) => r.attributes['process.pid'] === pid);

  /** Runs a trigger; the last of its lines is the summary, those before are what children said of themselves. */
  const deeds = async (context: Mocha.Context, ...args: string[]) => {
    const lines = await watch.lines<Truth & { children: Child[] }>('process-exit', args, { cwd: folder });
    const summary = lines.at(-1)!;
    if (summary.skip !== undefined) return skip(context, summary.skip);
    return { children: summary.children.slice(0, -1), procs: lines.slice(0, -1).map((line) => line.proc) };
  };

  const expectExit = (
    record: WatchedRecord,
    proc: Proc,
    child: Child,
    signals: Record<number, string> = {},
  ) => {
    const duration = Number(bootTime(watch, record) - startOf(record)) / 1e9;
    const told = record.attributes['agentsmith.process.duration'] as number;
    assert.ok(Math.abs(told - duration) < 0.001, `${told} s where ${duration} s are right`);
    const own = { ...ended(child.status, signals), 'agentsmith.process.duration': told };
    const how = own['agentsmith.process.exit.signal'] ?? `exit ${own['process.exit.code']}`;
    const body = `${how} after ${(told * 1000).toFixed(1)} ms`;
    expectRecord(watch, record, {
      dataType: 60,
      severity: 5,
      program: 'process_exit',
      full: true,
      own,
      body,
      proc,
    });
    expectBetween(watch, record, child.began, child.reaped);
    assert.ok(startOf(record) >= BigInt(child.born), 'born before it was made');
  };

  it('tells all of a child that never executed anything, its executable too', async function () {
    const { children, procs } = await deeds(this, 'exit', '3');
    expectExit(exitOf(children[0]!.pid), procs[0]!, children[0]!);
  });

  it('tells each of the 256 exit codes', async function () {
    const { children } = await deeds(this, 'codes', '0', '255');
    assert.deepEqual(
      children.map(({ pid }) => exitOf(pid).attributes['process.exit.code']),
      Array.from({ length: 256 }, (_, code) => code),
    );
  });

  for (const [signal, name] of [
    [9, 'SIGKILL'],
    [15, 'SIGTERM'],
    [11, 'SIGSEGV'],
    [34, 'SIGRTMIN'],
    [35, 'SIGRTMIN+1'],
    [64, 'SIGRTMIN+30'],
  ] as const) {
    it(`tells ${name} and no exit code when that ended the process`, async function () {
      const { children, procs } = await deeds(this, 'signal', `${signal}`);
      expectExit(exitOf(children[0]!.pid), procs[0]!, children[0]!, { [signal]: name });
    });
  }

  it('tells that a core was dumped', async function () {
    const { children, procs } = await deeds(this, 'core');
    expectExit(exitOf(children[0]!.pid), procs[0]!, children[0]!, { 6: 'SIGABRT' });
  });

  it('tells the code of the last thread when the leader left before it', async function () {
    const { children, procs } = await deeds(this, 'leader', '3');
    const record = exitOf(children[0]!.pid);
    assert.notEqual(record.attributes['thread.id'], undefined);
    assert.equal(record.attributes['thread.name'], 'last thread');
    assert.equal(children[0]!.status, 3 << 8);
    assert.equal(record.attributes['process.exit.code'], 3);
    assert.equal(record.attributes['process.pid'], pidOf(procs[0]!));
    assert.match(String(record.attributes['process.executable.path']), /\/process-exit$/);
  });

  it('tells a signal to one thread as the end of the whole process', async function () {
    const { children } = await deeds(this, 'thread-killed', '9');
    assert.equal(exitOf(children[0]!.pid).attributes['agentsmith.process.exit.signal'], 'SIGKILL');
  });

  for (const [way, what] of [
    ['race', 'call exit_group'],
    ['leave', 'leave one by one'],
  ] as const) {
    it(`is told once when eight threads ${what} at the same time, 200 times`, async function () {
      const { children } = await deeds(this, way, '200');
      assert.equal(children.length, 200);
      for (const { pid, status } of children) {
        const { attributes } = exitOf(pid);
        assert.equal(attributes['process.exit.code'], status >> 8);
      }
    });
  }

  it('is told for the program that was executed, and once', async () => {
    const { proc } = await watch.run<Truth>('process-exec');
    const record = exitOf(pidOf(proc));
    assert.equal(record.attributes['process.exit.code'], 0);
    assert.equal(record.attributes['process.executable.name'], 'process-exec');
    assert.equal(watch.counts(EventType.PROCESS_EXIT).ringFull, 0);
  });
});
