// SPDX-License-Identifier: Apache-2.0
// The same deeds seen by two runs at once, each with a receiver of its own. That the readable records are the truth:
// test/kernel.
import assert from 'node:assert/strict';
import { Cli, cleanUp } from '../support/cli.ts';
import { closedPort, connect, listen } from '../support/deeds.ts';
import { needsKernel } from '../support/needs.ts';
import type { Attributes, LogRecord } from '../support/otlp-decode.ts';
import { OtlpSink } from '../support/otlp-sink.ts';
import { CONNECT, comparable, EXEC, EXIT, lastLine, latest, named } from '../support/sent.ts';
import { Shell } from '../support/shell.ts';
import { skip } from '../support/skip.ts';

/** Records of each event of each process in their order: rings of two runs may be drained in another one. */
function byProcess(records: readonly LogRecord[]): Record<string, LogRecord[]> {
  const groups: Record<string, LogRecord[]> = {};
  for (const record of records) {
    if (record.eventName.startsWith('agentsmith.sensor.')) continue;
    (groups[`${record.attributes['agentsmith.process.id']} ${record.eventName}`] ??= []).push(record);
  }
  return groups;
}

describe('two runs that see the same', function () {
  this.timeout('60s');
  let shell: Shell;
  let sinks: OtlpSink[] = [];
  let clis: Cli[] = [];

  before(needsKernel);

  beforeEach(async () => {
    shell = new Shell();
    sinks = [await OtlpSink.start(), await OtlpSink.start()];
  });

  afterEach(async () => {
    await shell?.end();
    for (const sink of sinks) await sink.close();
  });

  cleanUp();

  const start = async (...ways: (readonly string[])[]) => {
    clis = ways.map((args, i) => new Cli(['--endpoint', sinks[i]!.url, '--tree', `${shell.pid}`, ...args]));
    for (const cli of clis) await cli.ready();
  };

  const stop = async () => {
    const ends = await Promise.all(clis.map((cli) => cli.stop()));
    for (const { code, stderr } of ends) {
      assert.equal(code, 0);
      assert.equal(lastLine(stderr).lost, 0);
    }
    return sinks.map((sink) => sink.records());
  };

  it('send the same records through the fast lane and through the stock SDK', async () => {
    await start([], ['--pipeline', 'sdk']);
    await shell.run(
      '/bin/true "two words" "" "$(printf "\\377\\\\x")"; exec_never_found_here 2>/dev/null; (exit 3)',
    );
    await shell.run("LD_PRELOAD=/nowhere.so /bin/true 2>/dev/null; sh -c 'kill -9 $$' 2>/dev/null");
    await shell.run('bash -c "exec 3<>/dev/tcp/127.0.0.1/9" 2>/dev/null || true');
    const [fast, sdk] = (await stop()).map((records) => byProcess(records)) as [
      Record<string, LogRecord[]>,
      Record<string, LogRecord[]>,
    ];
    assert.ok(Object.keys(fast).some((key) => key.endsWith(CONNECT)));
    assert.deepEqual(Object.keys(fast).sort(), Object.keys(sdk).sort());
    for (const [key, records] of Object.entries(fast)) {
      assert.deepEqual(records.map(comparable), sdk[key]!.map(comparable), key);
      for (const [i, { timeUnixNano }] of records.entries()) {
        const apart = timeUnixNano - sdk[key]![i]!.timeUnixNano;
        // Each takes the time in a program of its own: the machine may be away in between.
        assert.ok(apart < 1_000_000_000n && apart > -1_000_000_000n, `${key} is ${apart} ns apart`);
      }
    }
    const argv = named(Object.values(fast).flat(), EXEC).map(
      ({ attributes }) => attributes['process.command_args'],
    );
    assert.ok(
      argv.some(
        (args) => JSON.stringify(args) === JSON.stringify(['/bin/true', 'two words', '', '\\xff\\\\x']),
      ),
    );
  });

  it('leave out what --detail lean leaves out of frequent events only, and add the hook with --detail all', async () => {
    await start(['--detail', 'lean'], ['--detail', 'all']);
    await shell.run('bash -c "exec 3<>/dev/tcp/127.0.0.1/9" 2>/dev/null || true');
    const [lean, all] = await stop();
    const one = (records: LogRecord[], name: string): Attributes => {
      const { attributes } = named(records, name).at(-1)!;
      const differs = /duration$|sequence$|creation\.time$/;
      return Object.fromEntries(
        Object.entries(attributes).map(([key, value]) => [key, differs.test(key) ? '' : value]),
      );
    };
    for (const name of [EXEC, EXIT, CONNECT]) {
      const { 'agentsmith.event.hook': hook, ...standard } = one(all!, name);
      assert.match(String(hook), /^(tp_btf|cgroup|kprobe|fentry|raw_tp)/);
      const inLean = one(lean!, name);
      for (const [key, value] of Object.entries(inLean)) assert.deepEqual(standard[key], value, key);
      const left = Object.keys(standard).filter((key) => !(key in inLean));
      if (name !== CONNECT) assert.deepEqual(left, []);
      else assert.ok(left.includes('process.user.name') && !left.includes('process.executable.path'));
    }
  });

  it('leave out the line for people with --no-body, and hide secrets unless told not to', async () => {
    await start(['--no-body'], ['--no-redact']);
    await shell.run('/bin/true --password=hunter2');
    const [plain, shown] = await stop();
    const exec = (records: LogRecord[]) => named(records, EXEC).at(-1)!;
    assert.equal(exec(plain!).body, null);
    assert.deepEqual(exec(plain!).attributes['process.command_args'], ['/bin/true', '--password=[redacted]']);
    assert.deepEqual(exec(plain!).attributes['agentsmith.redacted'], ['process.command_args']);
    assert.equal(exec(shown!).body, '/bin/true --password=hunter2');
    assert.deepEqual(exec(shown!).attributes['process.command_args'], ['/bin/true', '--password=hunter2']);
    assert.equal(exec(shown!).attributes['agentsmith.redacted'], undefined);
    assert.match(clis[1]!.stderr, /^warning: secrets .* are shown \(--no-redact\)$/m);
    assert.doesNotMatch(clis[0]!.stderr, /hunter2/);
  });
});

describe('a run for one kind of event', function () {
  this.timeout('60s');

  before(needsKernel);
  cleanUp();

  it('numbers its records without a gap, and still knows what the processes run', async function () {
    const listener = await listen();
    const refused = await closedPort();
    const sink = await OtlpSink.start();
    try {
      // Connections of others would take numbers of ours: then once more.
      for (let attempt = 0; attempt < 5; attempt++) {
        const args = ['--endpoint', sink.url, '--tree', `${process.pid}`, '--events', 'network.*'];
        const cli = await new Cli(args).ready();
        const from = sink.records().length;
        for (let i = 0; i < 20; i++) await connect(i % 2 === 0 ? listener.port : refused);
        await cli.stop();
        const received = latest(sink, 'agentsmith.sensor.event.received').find(
          ({ attributes }) => attributes['agentsmith.event.name'] === CONNECT,
        );
        if (received!.value > 20) continue;
        const records = sink
          .records()
          .slice(from)
          .filter(({ eventName }) => !eventName.startsWith('agentsmith.sensor.'));
        assert.deepEqual([...new Set(records.map(({ eventName }) => eventName))], [CONNECT]);
        assert.equal(records.length, 20);
        const cpuOf = ({ attributes }: LogRecord) => attributes['agentsmith.event.cpu'];
        for (const cpu of new Set(records.map(cpuOf))) {
          const numbered = records.filter((record) => cpuOf(record) === cpu);
          const numbers = numbered
            .map(({ attributes }) => Number(attributes['agentsmith.event.sequence']))
            .sort((a, b) => a - b);
          assert.deepEqual(
            numbers,
            numbers.map((_, i) => numbers[0]! + i),
          );
        }
        for (const { attributes } of records) {
          assert.equal(attributes['process.executable.path'], process.execPath);
          assert.equal(attributes['process.pid'], process.pid);
        }
        return;
      }
      skip(this, 'other processes of this machine connect all the time');
    } finally {
      await sink.close();
      await listener.close();
    }
  });
});
