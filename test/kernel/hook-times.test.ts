// SPDX-License-Identifier: Apache-2.0
// The time that the kernel programs take, as they measure it themselves.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { EventType } from '../../src/decode/layout.gen.ts';
import { eventDefinitions } from '../../src/events/index.ts';
import { HOOK_TIME_EVERY, type HookTimes } from '../../src/sensor/hook-times.ts';
import { inDirectory } from '../support/files.ts';
import { repository } from '../support/repository.ts';
import { TIERS } from '../support/tiers.ts';
import { scaled, skip, Trigger } from '../support/triggers.ts';
import type { Truth } from '../support/truth.ts';
import { openWatch, type Watch } from '../support/watch.ts';

const PREFIX = 'agentsmith.';

/** A trigger that makes each event happen, with its arguments; those of files run in a directory of their own. */
const DEEDS: Readonly<Record<string, readonly [trigger: string, ...args: string[]]>> = {
  'process.exec': ['process-exec'],
  'process.exit': ['process-exec'],
  'network.connect': ['network-connect', 'refused'],
  'network.bind': ['network-bind', 'tcp', '127.0.0.1'],
  'file.create': ['file-ways', 'open'],
  'file.link': ['file-ways', 'link'],
  'file.rename': ['file-ways', 'rename'],
  'file.symlink': ['file-ways', 'symlink'],
  'file.delete': ['file-ways', 'unlink'],
  'file.directory.create': ['file-ways', 'mkdir'],
  'file.node.create': ['file-ways', 'fifo'],
  'dns.query': ['dns', 'sendto', '127.0.0.1'],
  'dns.answer': ['dns', 'sendto', '127.0.0.1'],
  'process.ptrace': ['process-ptrace', 'requests'],
  'kernel.module.load': ['kernel-module'],
  'kernel.bpf.load': ['kernel-bpf', 'refused'],
  'process.credential.change': ['process-credential', 'setuid'],
  'network.socket.connect': ['network-socket', 'netlink'],
  'kernel.kexec.load': ['kernel-kexec', 'memory'],
  'kernel.parameter.change': ['kernel-parameter', 'setting'],
  'kernel.helper.change': ['kernel-parameter', 'release-agent', '/mnt'],
  'process.namespace.change': ['process-namespace', 'unshare', 'uts'],
  'filesystem.mount': ['filesystem-mount', 'mount', '/mnt'],
};

/** Of these only some deeds can be known, by hooks of their own. */
const OTHER_DEEDS: readonly (readonly [what: string, event: string, trigger: string, ...args: string[]])[] = [
  ['an exec that fails', 'process.exec', 'exec-failed', 'no-args', '.', '/nowhere'],
  ['a bind that fails', 'network.bind', 'network-bind', 'in-use', '127.0.0.1'],
  ['a file that is opened by io_uring', 'file.create', 'file-ways', 'uring-open'],
  ['a rename by io_uring', 'file.rename', 'file-ways', 'uring-rename'],
];

/** Borders of a bucket in seconds. */
const border = ({ offset, scale }: HookTimes, bucket: number) => 2 ** ((offset + bucket) / 2 ** scale);

describe('the time of hooks', function () {
  this.timeout(scaled(60_000));
  let watch: Watch | undefined;

  afterEach(async () => {
    await watch?.close();
    watch = undefined;
  });

  it('is taken of one run in 64 on each CPU, the first included', async function () {
    watch = openWatch(this);
    const storm = new Trigger('who', [], { stdin: 'pipe' });
    await storm.next<Truth>();
    await storm.do('storm 1000');
    await storm.end();
    const { sensor } = watch;
    await watch.close();
    const times = sensor.hookTimes(EventType.PROCESS_EXIT);
    const { attempted } = sensor.counts(EventType.PROCESS_EXIT);
    assert.ok(attempted >= 1000, `${attempted} processes ended`);
    assert.equal(times.runs, attempted);
    const least = Math.ceil(times.runs / HOOK_TIME_EVERY);
    assert.ok(times.count >= least, `${times.count} of ${times.runs}`);
    assert.ok(times.count < least + availableParallelism(), `${times.count} of ${times.runs}`);
  });

  it('lies in the buckets that the sum is made of', async function () {
    watch = openWatch(this);
    const storm = new Trigger('who', [], { stdin: 'pipe' });
    await storm.next<Truth>();
    await storm.do('storm 1000');
    await storm.end();
    const { sensor } = watch;
    await watch.close();
    const times = sensor.hookTimes(EventType.PROCESS_EXIT);
    const bounds = (up: number) =>
      times.buckets.reduce((sum, count, i) => sum + count * border(times, i + up), 0);
    assert.ok(times.sum >= bounds(0), `${times.sum} s is less than ${bounds(0)} s`);
    // The last bucket has no end: what is in it was interrupted by the host of a virtual machine.
    if (times.buckets.at(-1) === 0) assert.ok(times.sum <= bounds(1), `${times.sum} s of ${bounds(1)} s`);
    assert.ok(times.quantile(0.5)! <= times.quantile(0.99)!);
  });
});

for (const tier of TIERS) {
  describe(`the time of hooks on tier ${tier}`, function () {
    this.timeout(scaled(30_000));
    let watch: Watch;

    before(function () {
      watch = openWatch(this, { events: 'all', trampolines: tier === 'A' });
    });

    after(() => watch?.close());

    /** Does the deed; a record of the event that was made without being counted as a run shows. */
    async function timed(context: Mocha.Context, name: string, trigger: string, args: readonly string[]) {
      const definition = eventDefinitions({ redact: true }).find((event) => event.name === PREFIX + name)!;
      watch.requires(context, definition.name);
      const before = watch.sensor.hookTimes(definition.type).runs;
      const from = watch.records.length;
      await inDirectory(async (cwd) => {
        mkdirSync(join(cwd, 'inside')); // where exec-failed looks
        const actor = new Trigger(trigger, args, { cwd, stdin: 'pipe' });
        if (trigger === 'kernel-module') await actor.do(`finit ${repository}/package.json`);
        const reason = (await actor.end<Truth>()).find((line) => line.skip !== undefined)?.skip;
        if (reason !== undefined) skip(context, reason);
        await watch.exited(actor.pid, from);
      });
      const records = watch.records.slice(from).filter(({ eventName }) => eventName === definition.name);
      assert.ok(records.length > 0, `no record of ${name}`);
      const { runs, count } = watch.sensor.hookTimes(definition.type);
      assert.ok(runs - before >= records.length, `${runs - before} runs made ${records.length} records`);
      assert.ok(count > 0, `of ${runs} runs none was timed`);
    }

    for (const { name } of eventDefinitions({ redact: true })) {
      it(`is taken of ${name}`, async function () {
        const deed = DEEDS[name.slice(PREFIX.length)];
        assert.ok(deed, 'nobody makes it happen here');
        const [trigger, ...args] = deed;
        await timed(this, name.slice(PREFIX.length), trigger, args);
      });
    }

    for (const [what, name, trigger, ...args] of OTHER_DEEDS) {
      it(`is taken of ${what}`, async function () {
        await timed(this, name, trigger, args);
      });
    }
  });
}
