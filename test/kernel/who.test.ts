// SPDX-License-Identifier: Apache-2.0
// Who acts, at the moment of the act: an event before and one after each change, both with the truth of their moment.
import assert from 'node:assert/strict';
import { type Attempt, connectOf, expectConnect, expectUdp } from '../support/connect.ts';
import { execOf, startOf } from '../support/exec.ts';
import { scaled, skip, Trigger, triggerPath } from '../support/triggers.ts';
import { pidOf, type Truth } from '../support/truth.ts';
import { openWatch, type Watch, type WatchedRecord } from '../support/watch.ts';

const EXECUTABLE = 'process.executable.path';
/** nobody, in every passwd file of Debian. */
const NOBODY = 65_534;
/** triggers/who.c: a child that ends with it is born again. */
const AGAIN = 200;

describe('the process block', function () {
  this.timeout(scaled(30_000));
  let watch: Watch;
  let actor: Trigger;

  before(function () {
    watch = openWatch(this);
    watch.requires(this, 'agentsmith.network.connect');
  });

  after(() => watch?.close());

  beforeEach(async () => {
    actor = new Trigger('who', [], { stdin: 'pipe' });
    await actor.next<Truth>();
  });

  afterEach(() => actor.kill());

  /** An event of the actor, compared with what it is at that moment. */
  const act = async (): Promise<WatchedRecord> => expectUdp(watch, await actor.do<Attempt>('udp 9'));

  /** An event, the change, an event; both records. */
  const around = async (...deeds: string[]): Promise<[WatchedRecord, WatchedRecord]> => {
    const first = await act();
    for (const deed of deeds) {
      const { skip: reason } = await actor.do<Truth>(deed);
      assert.equal(reason, undefined);
    }
    return [first, await act()];
  };

  const changes: readonly (readonly [string, string[], string, unknown])[] = [
    ['setuid', [`setuid ${NOBODY}`], 'process.real_user.id', NOBODY],
    ['seteuid', [`seteuid ${NOBODY}`], 'process.saved_user.id', 0],
    ['setgid', [`setgid ${NOBODY}`], 'agentsmith.process.group.id', NOBODY],
    ['sethostname', ['unshare-uts', 'hostname renamed-host'], 'agentsmith.uts.nodename', 'renamed-host'],
    ['a new thread name', ['name other-name'], 'thread.name', 'other-name'],
  ];
  for (const [what, deeds, attribute, value] of changes) {
    it(`follows ${what}`, async () => {
      const [first, second] = await around(...deeds);
      assert.notEqual(first.attributes[attribute], value);
      assert.equal(second.attributes[attribute], value);
      assert.equal(first.attributes['agentsmith.process.id'], second.attributes['agentsmith.process.id']);
    });
  }

  it('follows setsid', async () => {
    const [first, second] = await around('setsid');
    assert.notEqual(first.attributes['process.session_leader.pid'], actor.pid);
    assert.equal(second.attributes['process.session_leader.pid'], actor.pid);
  });

  it('follows setpgid', async () => {
    const [first, second] = await around('setpgid');
    assert.notEqual(first.attributes['process.group_leader.pid'], actor.pid);
    assert.equal(second.attributes['process.group_leader.pid'], actor.pid);
  });

  it('names the new parent of a process whose parent ended', async () => {
    await actor.do('subreaper');
    const middle = await actor.do<Truth>('fork');
    await actor.do('fork');
    const [first, second] = await around('orphan');
    assert.equal(first.attributes['process.parent_pid'], pidOf(middle.proc));
    assert.equal(second.attributes['process.parent_pid'], actor.pid);
    const [exec] = watch.all('agentsmith.process.exec', (r) => r.attributes['process.pid'] === actor.pid);
    assert.equal(
      second.attributes['agentsmith.process.parent.id'],
      exec!.attributes['agentsmith.process.id'],
    );
  });

  it('keeps the identity of a process in which another thread than the leader executes', async () => {
    const [first, second] = await around(`thread-exec ${triggerPath('who')}`);
    assert.equal(first.attributes['agentsmith.process.id'], second.attributes['agentsmith.process.id']);
    assert.equal(second.attributes['thread.id'], undefined);
  });

  it('names the executable of a child that never executes anything, and of its child', async () => {
    const [, child] = await around('fork');
    const [, grandchild] = await around('fork');
    for (const record of [child, grandchild]) assert.equal(record.attributes[EXECUTABLE], triggerPath('who'));
    assert.equal(
      grandchild.attributes['agentsmith.process.parent.id'],
      child.attributes['agentsmith.process.id'],
    );
  });

  it('names the executable of a child that was cloned for its grandparent', async () => {
    await actor.do(`exec ${triggerPath('who')}`);
    const [first, second] = await around('fork', 'sibling');
    assert.notEqual(second.attributes['process.pid'], first.attributes['process.pid']);
    assert.equal(second.attributes['process.parent_pid'], actor.pid);
    assert.equal(second.attributes[EXECUTABLE], triggerPath('who'));
  });

  it('tells two processes apart that had the same pid', async function () {
    await actor.do('fork');
    const first = await act();
    const again = await actor.do<Truth>(`exit ${AGAIN}`);
    if (again.skip !== undefined) skip(this, again.skip);
    const second = await act();
    assert.equal(first.attributes['process.pid'], second.attributes['process.pid']);
    assert.ok(startOf(first) < startOf(second));
  });

  it('gives a late result to the former owner of a pid, and leaves the new one as it is', async function () {
    await actor.do('network');
    const former = await actor.do<Truth>('fork');
    const held = await actor.do<Attempt>('hold');
    const again = await actor.do<Truth>(`exit ${AGAIN}`);
    if (again.skip !== undefined) skip(this, again.skip);
    assert.equal(pidOf(former.proc), pidOf(again.proc));
    const before = await act();
    const closed = await actor.do<Truth>('close');
    const late = await connectOf(watch, held);
    expectConnect(watch, late, { ...held, after: closed.proc.boot }, { outcome: 'failed' });
    assert.ok(startOf(late) < startOf(before));
    const after = await act();
    assert.equal(after.attributes[EXECUTABLE], triggerPath('who'));
    assert.equal(after.attributes['agentsmith.process.id'], before.attributes['agentsmith.process.id']);
  });

  it('gives the events of a program to the exec that started it', async () => {
    const record = await act();
    const exec = execOf(watch, (await actor.do<Attempt>('udp 9')).proc);
    assert.equal(exec.attributes['agentsmith.process.id'], record.attributes['agentsmith.process.id']);
    assert.equal(record.attributes['process.parent_pid'], process.pid);
  });
});

describe('the process block where the namespaces of the host were not learnt', function () {
  this.timeout(scaled(30_000));
  let learnt: Watch;
  let watch: Watch;
  let actor: Trigger;

  before(async function () {
    learnt = openWatch(this);
    watch = openWatch(this, { withoutHost: true });
    watch.requires(this, 'agentsmith.network.connect');
    actor = new Trigger('who', [], { stdin: 'pipe' });
    await actor.next<Truth>();
  });

  after(async () => {
    actor?.kill();
    await learnt?.close();
    await watch?.close();
  });

  it('is the same, inside of them and outside', async () => {
    const attempts = [await actor.do<Attempt>('udp 9')];
    for (const deed of ['unshare-uts', `setuid ${NOBODY}`]) {
      assert.equal((await actor.do<Truth>(deed)).skip, undefined);
      attempts.push(await actor.do<Attempt>('udp 9'));
    }
    for (const attempt of attempts) {
      const [expected, record] = [await expectUdp(learnt, attempt), await expectUdp(watch, attempt)];
      assert.deepEqual(namespacesOf(record), namespacesOf(expected));
    }
    // An exec tells all of them, the host's too.
    const [expected, exec] = [execOf(learnt, attempts[0]!.proc), execOf(watch, attempts[0]!.proc)];
    assert.deepEqual(namespacesOf(exec), namespacesOf(expected));
    assert.equal(Object.keys(namespacesOf(exec)).length, 5);
  });
});

const namespacesOf = ({ attributes }: WatchedRecord) =>
  Object.fromEntries(Object.entries(attributes).filter(([name]) => name.startsWith('agentsmith.namespace.')));
