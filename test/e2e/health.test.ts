// SPDX-License-Identifier: Apache-2.0
// What a running agent says of itself: to status, to probes, to systemd, to the receiver; and what it may.
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { neededCapabilities } from '../../src/health/privileges.ts';
import type { Readiness } from '../../src/health/readiness.ts';
import type { AgentStatus } from '../../src/health/status.ts';
import { Cli, cleanUp, runCli } from '../support/cli.ts';
import { Datagrams } from '../support/datagrams.ts';
import { needsCommand, needsKernel } from '../support/needs.ts';
import type { Attributes } from '../support/otlp-decode.ts';
import { OtlpSink } from '../support/otlp-sink.ts';
import { EXEC, EXIT, named } from '../support/sent.ts';
import { Shell } from '../support/shell.ts';
import { skip } from '../support/skip.ts';

/** linux/capability.h */
const BITS = { DAC_READ_SEARCH: 2, NET_ADMIN: 12, SYS_PTRACE: 19, SYS_ADMIN: 21, PERFMON: 38, BPF: 39 };

describe('a running agent', function () {
  this.timeout('60s');
  let sink: OtlpSink;
  let shell: Shell;

  before(needsKernel);

  beforeEach(async () => {
    sink = await OtlpSink.start();
    shell = new Shell();
  });

  afterEach(async () => {
    await shell?.end();
    await sink?.close();
  });

  cleanUp();

  const start = (args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) =>
    new Cli(['--endpoint', sink.url, '--tree', `${shell.pid}`, ...args], { env }).ready();

  const statusOf = async (cli: Cli): Promise<AgentStatus> => {
    const { code, stdout, stderr } = await runCli(['status', '--output', 'json', '--pid', `${cli.pid}`]);
    assert.deepEqual([code, stderr], [0, '']);
    return JSON.parse(stdout) as AgentStatus;
  };

  it('tells status what it has counted, and balances', async () => {
    const cli = await start();
    await shell.runTrue(10);
    const trues = () => named(sink.records(), EXIT).length;
    await sink.until(() => trues() >= 10);
    const status = await statusOf(cli);
    assert.equal(status.pid, cli.pid);
    assert.equal(status.receiver?.state, 'ok');
    assert.ok(status.hooks.attached.includes('agentsmith.process.exec=tp_btf/sched_process_exec'));
    const of = (name: string) => status.events.find((event) => event.name === name)!;
    assert.equal(of(EXEC).exported, 10);
    assert.deepEqual(of(EXIT).lost, {});
    for (const { name, lost, ...event } of status.events) {
      assert.deepEqual(lost, {}, name);
      assert.ok(event.inMemory >= 0, name);
      // The kernel counts on while its counters are summed.
      assert.ok(event.submitted <= event.attempted, name);
    }
    assert.ok(of(EXIT).hookTime!.timed > 0, 'no run of the hook was timed');
    const { stdout } = await runCli(['status', '--pid', `${cli.pid}`]);
    assert.match(stdout, new RegExp(`^agentsmith-otel .*, process ${cli.pid}, up `));
    assert.match(stdout, /^process\.exec +[\d,]+ +[\d,]+/m);
    for (const line of stdout.split('\n')) assert.ok(line.length <= 100, line);
    await cli.stop();
  });

  it('is not found when it has ended, which is one line and an exit code', async () => {
    const cli = await start();
    await cli.stop();
    const { code, stdout, errors } = await runCli(['status', '--pid', `${cli.pid}`]);
    assert.deepEqual([code, stdout], [69, '']);
    assert.deepEqual(errors, [`error: no agent runs here as process ${cli.pid}`]);
  });

  it('is watched until it ends', async () => {
    const cli = await start();
    const watch = new Cli(['status', '--watch', '--output', 'json', '--pid', `${cli.pid}`]);
    await watch.until('show two tables', () => watch.stdout.split('\n').length > 2);
    await cli.stop();
    const { code, errors } = await watch.end();
    assert.deepEqual([code, errors], [0, []]);
  });

  it('is ready while the receiver takes records, and says why it is not', async () => {
    const cli = await start(['--health', '127.0.0.1:0']);
    const url = /^health: (http:\S+)$/m.exec(cli.stderr)![1]!;
    const ask = async () => {
      const response = await fetch(url);
      return { code: response.status, ...((await response.json()) as Readiness) };
    };
    const becomes = async (code: number) => {
      for (;;) {
        const answer = await ask();
        if (answer.code === code) return answer;
        await shell.runTrue(1);
      }
    };
    assert.deepEqual((await ask()).reasons, []);
    sink.respond(() => ({ status: 14, message: 'the test is away' }));
    await shell.runTrue(1);
    const down = await becomes(503);
    assert.equal(down.status, 'not ready');
    assert.equal(down.reasons.length, 1);
    assert.match(down.reasons[0]!, /the test is away/);
    sink.respond(() => undefined);
    const up = await becomes(200);
    assert.deepEqual([up.status, up.reasons, up.dropped], ['ready', [], 0]);
    assert.equal(up.receiver?.state, 'ok');
    await cli.stop();
  });

  it('does not start when the port for probes is taken, and says so', async () => {
    const port = new URL(sink.url).port;
    const { code, errors } = await new Cli(['--endpoint', sink.url, '--health', port]).end();
    assert.equal(code, 64);
    assert.match(errors.join('\n'), /^error: --health: .*EADDRINUSE/);
  });

  for (const pipeline of ['fast', 'sdk']) {
    it(`sends heartbeats that say what it has delivered (--pipeline ${pipeline})`, async () => {
      const cli = await start(['--heartbeat', '100ms', '--pipeline', pipeline]);
      await shell.runTrue(5);
      const delivered = ({ attributes }: { attributes: Attributes }) =>
        Number((attributes['entity.description'] as Attributes)['agentsmith.ledger.exported']);
      await sink.until(() => named(sink.records(), 'entity.state').some((beat) => delivered(beat) >= 10));
      const beat = named(sink.records(), 'entity.state').find((each) => delivered(each) >= 10)!;
      const { attributes, resource, body, severityNumber } = beat;
      assert.equal(attributes['entity.type'], 'service.instance');
      assert.deepEqual(attributes['entity.id'], {
        'service.name': 'agentsmith-otel',
        'service.instance.id': resource['service.instance.id']!,
      });
      assert.equal(attributes['entity.report.interval'], 1);
      const description = attributes['entity.description'] as Attributes;
      assert.equal(description['service.version'], resource['service.version']);
      assert.equal(description['agentsmith.ledger.dropped'], 0);
      assert.ok(Number(description['agentsmith.ledger.attempted']) >= 10);
      assert.equal(body, `alive: ${delivered(beat).toLocaleString('en-US')} exported, 0 dropped`);
      assert.equal(severityNumber, 9);
      const { stderr } = await cli.stop();
      assert.match(stderr, /, 0 lost$/m);
    });
  }

  for (const temporality of ['cumulative', 'delta'] as const) {
    it(`sends the time of hooks as an exponential histogram (${temporality})`, async () => {
      const cli = await start(['--metrics-interval', '100ms', '--metrics-temporality', temporality]);
      const told = () => sink.metrics().filter(({ name }) => name === 'agentsmith.sensor.hook.duration');
      const exits = () =>
        told().flatMap(({ points }) =>
          points.filter(({ attributes }) => attributes['agentsmith.event.name'] === EXIT),
        );
      // A delta is told again when there is another one.
      while (!exits().some(({ timeUnixNano }) => timeUnixNano > exits()[0]!.timeUnixNano))
        await shell.runTrue(64);
      const [metric] = told();
      assert.deepEqual(
        [metric!.type, metric!.unit, metric!.temporality],
        ['exponentialHistogram', 's', temporality],
      );
      assert.deepEqual(metric!.scope.name, 'agentsmith-otel');
      for (const { scale, offset, bucketCounts, count, sum } of exits()) {
        assert.equal(scale, 2);
        const total = bucketCounts!.reduce<number>((all, each) => all + Number(each), 0);
        assert.equal(total, Number(count));
        // Buckets of 2^(1/4): what is in them lies between their borders.
        const least = bucketCounts!.reduce<number>(
          (all, n, i) => all + Number(n) * 2 ** ((offset! + i) / 4),
          0,
        );
        assert.ok(sum! >= least, `${sum} s in buckets from ${least} s`);
      }
      await cli.stop();
    });
  }

  it('sends no heartbeat when it is not wanted, and prints them with the records', async () => {
    const silent = await start(['--heartbeat', '0']);
    const cli = new Cli(['--tree', `${shell.pid}`, '--heartbeat', '50ms']);
    await cli.until('print a heartbeat', () => / entity\.state +alive: /.test(cli.stdout));
    await cli.stop();
    await silent.stop();
    assert.deepEqual(named(sink.records(), 'entity.state'), []);
  });

  for (const kind of ['path', 'abstract']) {
    it(`tells systemd how it is: a socket with a ${kind === 'path' ? 'path' : 'name'}`, async function () {
      needsCommand(this, 'python3', '-c', '');
      const folder = mkdtempSync(join(tmpdir(), 'agentsmith-'));
      const path = kind === 'path' ? join(folder, 'notify') : `@agentsmith-test-${process.pid}`;
      const manager = await Datagrams.open(path);
      try {
        const cli = await start([], { NOTIFY_SOCKET: path, WATCHDOG_USEC: '200000' });
        const watchdogs = () => manager.received.filter((each) => each === 'WATCHDOG=1').length;
        await manager.until('get three signs of life', () => watchdogs() >= 3);
        assert.match(
          manager.received[0]!,
          new RegExp(`^READY=1\nMAINPID=${cli.pid}\nSTATUS=\\d+ exported, 0 lost$`),
        );
        await cli.stop();
        await manager.until('hear of the end', () =>
          manager.received.some((each) => /^STOPPING=1/.test(each)),
        );
      } finally {
        await manager.close();
        rmSync(folder, { recursive: true });
      }
    });
  }

  it('holds in every thread only what it needs', async function () {
    if (!/^CapEff:\s*0*[1-9a-f]/m.test(readFileSync('/proc/self/status', 'latin1')))
      skip(this, 'no capabilities');
    const cli = await start();
    await shell.runTrue(1);
    const expected = neededCapabilities({ output: 'none', health: undefined }).reduce(
      (bits, name) => bits | (1n << BigInt(BITS[name as keyof typeof BITS])),
      0n,
    );
    const tasks = readdirSync(`/proc/${cli.pid}/task`);
    assert.ok(tasks.length > 1);
    for (const task of tasks) {
      const status = readFileSync(`/proc/${cli.pid}/task/${task}/status`, 'latin1');
      const of = (name: string) => new RegExp(`^${name}:\\s*(\\w+)$`, 'm').exec(status)![1]!;
      for (const set of ['CapEff', 'CapPrm', 'CapBnd']) assert.equal(BigInt(`0x${of(set)}`), expected, set);
      assert.equal(BigInt(`0x${of('CapInh')}`), 0n);
      assert.equal(of('NoNewPrivs'), '1');
    }
    const { errors } = await cli.stop();
    assert.deepEqual(errors, []);
    assert.equal(named(sink.records(), EXEC).length, 1);
  });

  it('runs where it can give up nothing, and says so', async function () {
    needsCommand(this, 'setpriv', '--version');
    const cli = await new Cli(['--output', 'none'], {
      wrap: ['setpriv', '--bounding-set=-setpcap', '--inh-caps=-all'],
    }).ready();
    assert.match(
      cli.stderr,
      /^warning: privileges: the agent keeps those of root \(prctl: .*Operation not permitted\)$/m,
    );
    assert.equal((await cli.stop()).code, 0);
  });

  it('runs without root, with three capabilities, and keeps them', async function () {
    needsCommand(this, 'setpriv', '--version');
    const caps = '+bpf,+perfmon,+net_admin';
    const cli = await new Cli(['--output', 'none'], {
      wrap: [
        'setpriv',
        '--reuid=65534',
        '--regid=65534',
        '--clear-groups',
        `--inh-caps=${caps}`,
        `--ambient-caps=${caps}`,
      ],
    }).ready();
    assert.doesNotMatch(cli.stderr, /privileges:/);
    const status = readFileSync(`/proc/${cli.pid}/status`, 'latin1');
    assert.match(status, /^CapEff:\s*000000c000001000$/m);
    assert.equal((await cli.stop()).code, 0);
  });
});
