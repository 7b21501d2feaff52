// SPDX-License-Identifier: Apache-2.0
// Filters decide in the kernel. The grammar is left to test/unit/config/filters.test.ts, paths to the tests of files.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { filterRule } from '../../src/config/filters.ts';
import { EventType } from '../../src/decode/layout.gen.ts';
import { eventDefinitions } from '../../src/events/index.ts';
import { kernelLosses } from '../../src/ledger.ts';
import type { Attempt } from '../support/connect.ts';
import { scaled, Trigger, triggerPath } from '../support/triggers.ts';
import type { Truth } from '../support/truth.ts';
import { openWatch, type Watch } from '../support/watch.ts';

const KNOWN = eventDefinitions({ redact: true }).map(({ name }) => name);
const CONNECT = 'agentsmith.network.connect';
const EXEC = 'agentsmith.process.exec';

describe('filters', function () {
  this.timeout(scaled(60_000));
  let watch: Watch;

  beforeEach(function () {
    watch = openWatch(this);
  });

  afterEach(() => watch.close());

  const filter = (...rules: readonly string[]) =>
    watch.sensor.filter(
      rules.map((rule) => filterRule(rule, KNOWN)),
      0,
    );
  const held = () => new Trigger('who', [], { stdin: 'pipe' });
  /** Whether the record of a connect comes; a later exec shows that it would have been there. */
  const isSeen = async (attempt: Attempt) => {
    const name = `m${attempt.cookie}`;
    await watch.run('process-exec', [name]);
    return (
      watch.all(CONNECT, (r) => r.attributes['agentsmith.network.connect.id'] === attempt.cookie).length > 0
    );
  };
  const filtered = (type: number) => watch.counts(type).filtered;

  it('drop the events of a user, and of nobody else', async function () {
    watch.requires(this, CONNECT);
    const trigger = held();
    await trigger.next<Truth>();
    filter('drop connect uid=4711');
    assert.ok(await isSeen(await trigger.do<Attempt>('udp 9')));
    await trigger.do('setuid 4711');
    const before = filtered(EventType.NETWORK_CONNECT);
    assert.ok(!(await isSeen(await trigger.do<Attempt>('udp 9'))));
    assert.equal(filtered(EventType.NETWORK_CONNECT), before + 1);
    filter();
    assert.ok(await isSeen(await trigger.do<Attempt>('udp 9')), 'the rule holds although it was taken back');
    await trigger.end();
  });

  it('tell an executable by its file, whatever it is called', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'agentsmith-'));
    const path = join(folder, 'noisy');
    copyFileSync(triggerPath('process-exec'), path);
    filter(`drop exec executable=${path}`);
    const before = filtered(EventType.PROCESS_EXEC);
    const { pid } = spawnSync(path, [], { argv0: 'innocent' });
    await watch.run('process-exec');
    assert.equal(watch.all(EXEC, (r) => r.attributes['process.pid'] === pid).length, 0);
    assert.equal(filtered(EventType.PROCESS_EXEC), before + 1);
    // Another file at the same path is another executable, until it is looked up again.
    rmSync(path);
    copyFileSync(triggerPath('process-exec'), path);
    watch.sensor.refresh();
    const { pid: next } = spawnSync(path, []);
    await watch.run('process-exec');
    assert.equal(watch.all(EXEC, (r) => r.attributes['process.pid'] === next).length, 0);
    rmSync(folder, { recursive: true });
  });

  it('keep only what a keep rule names, and all of it that none is for', async function () {
    watch.requires(this, CONNECT);
    const trigger = held();
    await trigger.next<Truth>();
    filter('keep connect uid=4711');
    assert.ok(!(await isSeen(await trigger.do<Attempt>('udp 9'))));
    await trigger.do('setuid 4711');
    assert.ok(await isSeen(await trigger.do<Attempt>('udp 9')));
    filter('keep connect uid=4711', 'drop connect destination=127.0.0.0/8');
    assert.ok(!(await isSeen(await trigger.do<Attempt>('udp 9'))), 'a drop rule wins');
    await trigger.end();
  });

  it('find the longest network, and what those around it say', async function () {
    watch.requires(this, CONNECT);
    const trigger = held();
    await trigger.next<Truth>();
    filter(
      'drop connect destination=127.0.0.0/8',
      'drop exec uid=4711',
      'keep connect destination=127.0.0.1',
    );
    assert.ok(!(await isSeen(await trigger.do<Attempt>('udp 9'))));
    filter('keep connect destination=10.0.0.0/8');
    assert.ok(!(await isSeen(await trigger.do<Attempt>('udp 9'))));
    filter('keep connect destination=10.0.0.0/8', 'keep connect destination=127.0.0.1/32');
    assert.ok(await isSeen(await trigger.do<Attempt>('udp 9')));
    await trigger.end();
  });

  it('know a control group by its id', async function () {
    watch.requires(this, CONNECT);
    const trigger = held();
    await trigger.next<Truth>();
    const first = await trigger.do<Attempt>('udp 9');
    assert.ok(await isSeen(first));
    const record = watch.find(CONNECT, (r) => r.attributes['agentsmith.network.connect.id'] === first.cookie);
    filter(`drop connect cgroup=${record.attributes['agentsmith.cgroup.id']}`);
    assert.ok(!(await isSeen(await trigger.do<Attempt>('udp 9'))));
    filter('drop connect cgroup=1234567890');
    assert.ok(await isSeen(await trigger.do<Attempt>('udp 9')));
    await trigger.end();
  });

  it('limit what one process sends, tell who it was, and count the rest', async function () {
    watch.requires(this, CONNECT);
    const trigger = held();
    await trigger.next<Truth>();
    watch.sensor.filter([], 5);
    const { rateLimited } = watch.counts(EventType.NETWORK_CONNECT);
    assert.equal(rateLimited, 0);
    for (let i = 0; i < 50; i++) await trigger.do<Attempt>('udp 9');
    await watch.run('process-exec');
    const counts = watch.counts(EventType.NETWORK_CONNECT);
    const mine = watch.all(CONNECT, (r) => r.attributes['process.pid'] === trigger.pid).length;
    // Others on the machine may be limited as well.
    const limited = () => watch.sensor.rateLimited().filter(({ pid }) => pid === trigger.pid);
    const refused = limited();
    assert.equal(refused.length, 1);
    assert.equal(mine + refused[0]!.count, 50);
    assert.ok(refused[0]!.count >= 30, `${refused[0]!.count} of 50 in a moment were refused at 5 a second`);
    assert.ok(counts.rateLimited >= refused[0]!.count);
    assert.ok(kernelLosses(counts).some(([reason, count]) => reason === 'rate_limited' && count > 0));
    assert.deepEqual(limited(), [], 'it is told twice');
    await trigger.end();
  });

  it('never limit programs that are started', async () => {
    watch.sensor.filter([], 1);
    const children = new Trigger('who', [], { stdin: 'pipe' });
    await children.next<Truth>();
    await children.do('storm 200');
    await children.end();
    await watch.run('process-exec');
    assert.equal(watch.counts(EventType.PROCESS_EXIT).rateLimited, 0);
  });
});
