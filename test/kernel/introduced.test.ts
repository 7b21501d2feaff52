// SPDX-License-Identifier: Apache-2.0
// Processes that the agent never saw start: whichever way it missed them, their events name their executable.
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { EventType } from '../../src/decode/layout.gen.ts';
import { type Attempt, expectUdp } from '../support/connect.ts';
import { startOf } from '../support/exec.ts';
import { bootTime, expectRecord } from '../support/expect.ts';
import { deeds } from '../support/ptrace.ts';
import { scaled, skip, Trigger, triggerPath } from '../support/triggers.ts';
import { pidOf, type Truth } from '../support/truth.ts';
import { openWatch, type Watch, type WatchOptions } from '../support/watch.ts';

const EXECUTABLE = 'process.executable.path';
const EXIT = 'agentsmith.process.exit';
/** Small, so that a few hundred children fill it. */
const RING_BYTES = 64 << 10;
const CHILDREN = 400;

describe('a process that was not seen to start', function () {
  this.timeout(scaled(30_000));
  let watch: Watch | undefined;
  let actor: Trigger;
  let folder: string;
  let other: string;

  before(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'who-')));
    other = join(folder, 'other');
    copyFileSync(triggerPath('who'), other);
  });

  after(() => rmSync(folder, { recursive: true }));

  beforeEach(async () => {
    actor = new Trigger('who', [], { stdin: 'pipe' });
    await actor.next<Truth>();
  });

  afterEach(async () => {
    actor.kill();
    await watch?.close();
    watch = undefined;
  });

  const open = (context: Mocha.Context, options: WatchOptions = {}): Watch => {
    watch = openWatch(context, options);
    watch.requires(context, 'agentsmith.network.connect');
    return watch;
  };

  /** Attached, with a ring that is full: what comes next is lost, until the watch starts. */
  const openFull = async (context: Mocha.Context) => {
    const full = open(context, { ringBytes: RING_BYTES, start: false });
    await actor.do(`storm ${CHILDREN}`);
    return full;
  };

  /** From 6.16 on a process can still be asked what it ran when it exits. */
  const needsMemoryAtExit = (context: Mocha.Context) => {
    const [major, minor] = release().split('.').map(Number) as [number, number];
    if (major * 1000 + minor < 6016)
      skip(context, 'before 6.16 a process that exits no longer knows what it ran');
  };

  it('carries its executable when it is older than the agent', async function () {
    const { introductions } = open(this);
    const record = await expectUdp(watch!, await actor.do<Attempt>('udp 9'));
    assert.equal(record.attributes[EXECUTABLE], triggerPath('who'));
    await expectUdp(watch!, await actor.do<Attempt>('udp 9'));
    assert.equal(introductions.get(actor.pid), 1);
  });

  it('is named as a target, before and after it is introduced', async function () {
    const { introductions } = open(this, { events: ['network.connect', 'process.ptrace', 'process.exit'] });
    const reach = async () => {
      const [[deed, record], ...more] = (await deeds(this, watch!, 'stranger', `${actor.pid}`)) as [
        Awaited<ReturnType<typeof deeds>>[number],
      ];
      assert.deepEqual(more, []);
      assert.equal(deed.exe, triggerPath('who'));
      assert.equal(record.attributes['agentsmith.ptrace.target.pid'], actor.pid);
      assert.equal(record.attributes['agentsmith.ptrace.target.executable.path'], triggerPath('who'));
    };
    await reach();
    assert.equal(introductions.get(actor.pid), undefined);
    await expectUdp(watch!, await actor.do<Attempt>('udp 9'));
    assert.equal(introductions.get(actor.pid), 1);
    await reach();
  });

  it('passes its executable on to its children when it is older than the agent', async function () {
    open(this);
    await actor.do('fork');
    const record = await expectUdp(watch!, await actor.do<Attempt>('udp 9'));
    assert.notEqual(record.attributes['process.pid'], actor.pid);
    assert.equal(record.attributes[EXECUTABLE], triggerPath('who'));
  });

  it('tells how long it lived when it is older than the agent, and what it ran', async function () {
    needsMemoryAtExit(this);
    open(this);
    const { proc } = await actor.do<Truth>('setsid');
    await actor.end();
    await watch!.exited(actor.pid);
    const record = watch!.find(EXIT, (r) => r.attributes['process.pid'] === pidOf(proc));
    const duration = record.attributes['agentsmith.process.duration'] as number;
    assert.ok(Math.abs(duration - Number(bootTime(watch!, record) - startOf(record)) / 1e9) < 0.001);
    const own = { 'process.exit.code': 0, 'agentsmith.process.duration': duration };
    const text = duration < 1 ? `${(duration * 1000).toFixed(1)} ms` : `${duration.toFixed(1)} s`;
    const body = `exit 0 after ${text}`;
    expectRecord(watch!, record, {
      dataType: 60,
      severity: 5,
      program: 'process_exit',
      full: true,
      own,
      body,
      proc,
    });
  });

  it('carries its executable when the record of its exec was lost', async function () {
    const full = await openFull(this);
    await actor.do(`exec ${other}`);
    assert.ok(full.counts(EventType.PROCESS_EXEC).ringFull > 0, 'the ring was not full');
    full.start();
    const record = await expectUdp(full, await actor.do<Attempt>('udp 9'));
    assert.equal(record.attributes[EXECUTABLE], other);
    assert.deepEqual(
      full.all('agentsmith.process.exec', (r) => r.attributes[EXECUTABLE] === other),
      [],
    );
  });

  it('carries its executable when the record of its birth was lost', async function () {
    const full = await openFull(this);
    await actor.do('fork');
    assert.ok(full.counts(EventType.PROCESS_FORK).ringFull > 0, 'the ring was not full');
    full.start();
    const record = await expectUdp(full, await actor.do<Attempt>('udp 9'));
    assert.equal(record.attributes[EXECUTABLE], triggerPath('who'));
  });

  it('carries its executable when its exit is the first that is heard of it', async function () {
    needsMemoryAtExit(this);
    const full = await openFull(this);
    await actor.do(`exec ${other}`);
    full.start();
    await actor.end();
    await full.exited(actor.pid);
    const record = full.find(EXIT, (r) => r.attributes['process.pid'] === actor.pid);
    assert.equal(record.attributes[EXECUTABLE], other);
  });

  it('carries its executable after user space forgot it', async function () {
    const { sensor, introductions } = open(this);
    const first = await expectUdp(watch!, await actor.do<Attempt>('udp 9'));
    const start = startOf(first);
    watch!.processes = watch!.newProcesses();
    sensor.forget(actor.pid, Number(BigInt.asUintN(32, start)), Number(start >> 32n));
    const second = await expectUdp(watch!, await actor.do<Attempt>('udp 9'));
    assert.equal(second.attributes[EXECUTABLE], triggerPath('who'));
    assert.equal(introductions.get(actor.pid), 2);
  });

  it('is known as long as it lives, also where nobody hears of its end', async function () {
    const watch = open(this);
    watch.sensor.filter([{ action: 'drop', events: [EXIT], subject: 'uid', value: '0' }], 0);
    const { attributes } = await expectUdp(watch, await actor.do<Attempt>('udp 9'));
    const start = BigInt(`0x${String(attributes['agentsmith.process.id']).split('-')[1]}`);
    const halves = [Number(start & 0xffff_ffffn), Number(start >> 32n)] as const;
    assert.ok(watch.sensor.known()(actor.pid, ...halves));
    assert.ok(!watch.sensor.known()(actor.pid, halves[0] + 1, halves[1]));
    await actor.end();
    assert.ok(!watch.sensor.known()(actor.pid, ...halves));
  });
});
