// SPDX-License-Identifier: Apache-2.0
// Who goes into which namespaces, by every call that can, and who may not.
import assert from 'node:assert/strict';
import { expectBetween, expectRecord } from '../support/expect.ts';
import { errnoName } from '../support/ptrace.ts';
import { skip } from '../support/skip.ts';
import { TIERS } from '../support/tiers.ts';
import { scaled } from '../support/triggers.ts';
import { checkedStart, pidOf, type Truth } from '../support/truth.ts';
import { openWatch, type Watch, type WatchedRecord } from '../support/watch.ts';

const CHANGE = 'agentsmith.process.namespace.change';
/** As few as will do: in a guest each program that is loaded takes its time. */
const EVENTS = ['process.exec', 'process.exit', 'process.namespace.change'];
const TYPES = ['mnt', 'net', 'uts', 'ipc', 'pid', 'cgroup', 'time', 'user'];

/** One change, as test/kernel/triggers/process-namespace.c tells it. */
interface Deed extends Truth {
  readonly call: 'unshare' | 'setns' | 'clone';
  readonly result: number;
  readonly began: string;
  readonly ended: string;
  readonly child: number;
  readonly childStat?: string;
  readonly before: Readonly<Record<string, string>>;
  readonly now: Readonly<Record<string, string>>;
}

const inode = (link: string | undefined) => (link === undefined ? undefined : /\d+/.exec(link)![0]);

for (const tier of TIERS) {
  describe(`process.namespace.change on tier ${tier}`, function () {
    this.timeout(scaled(30_000));
    let watch: Watch;

    before(function () {
      if (process.getuid!() !== 0) skip(this, 'only root may leave its namespaces');
      watch = openWatch(this, { trampolines: tier === 'A', events: EVENTS });
    });

    beforeEach(function () {
      watch.requires(this, CHANGE);
    });

    after(() => watch?.close());

    const program = (deed: Deed, compat: boolean) => {
      if (deed.call === 'clone') return 'process_namespace_fork';
      return tier === 'B' ? 'process_namespace_exit' : `process_${deed.call}_${compat ? 'compat' : 'native'}`;
    };

    const cgroupOf = ({ proc }: Deed) =>
      watch.find('agentsmith.process.exec', (r) => r.attributes['process.pid'] === pidOf(proc)).attributes[
        'agentsmith.cgroup.id'
      ];

    /** Whether old ones are told: they are gone when a system call ends. */
    const knowsOld = (deed: Deed) => tier === 'A' || deed.call === 'clone';

    /** Namespaces that changed, as the links in /proc say; what they cannot say yet is taken from the record. */
    const inodes = (deed: Deed, record: WatchedRecord, types: readonly string[]) =>
      Object.fromEntries(
        types.flatMap((type) => {
          const [now, old] = ['new', 'old'].map((age) => `agentsmith.namespace.${age}.${type}.inode`);
          return [
            [now, inode(deed.now[type]) ?? record.attributes[now!]],
            [old, knowsOld(deed) ? inode(deed.before[type]) : undefined],
          ];
        }),
      );

    const expectDeed = (record: WatchedRecord, deed: Deed, types: readonly string[], compat = false) => {
      const error = errnoName(deed.result);
      const child = deed.child || undefined;
      const changed = TYPES.filter((type) => types.includes(type));
      if (child) {
        const id = record.attributes['agentsmith.process.child.id'];
        checkedStart(id, deed.childStat!, 'child.id');
      }
      const { call } = deed;
      expectRecord(watch, record, {
        severity: call === 'setns' ? 13 : 9,
        program: program(deed, compat),
        full: false,
        lean: false,
        own: {
          'agentsmith.namespace.call': call,
          'agentsmith.namespace.changed': changed.length > 0 ? changed : undefined,
          ...(deed.result === 0 && inodes(deed, record, changed)),
          'agentsmith.process.child.pid': child,
          'agentsmith.process.child.id': child && record.attributes['agentsmith.process.child.id'],
          'error.type': error,
        },
        body: [call, ...changed].join(' ') + (child ? ` → ${child}` : '') + (error ? ` ${error}` : ''),
        proc: deed.proc,
        // In a new namespace of control groups /proc shows a root of its own.
        ...(changed.includes('cgroup') && { instead: { 'agentsmith.cgroup.id': cgroupOf(deed) } }),
      });
      expectBetween(watch, record, deed.began, deed.ended);
    };

    const deedsOf = async (context: Mocha.Context, args: readonly string[]) => {
      const deeds = await watch.lines<Deed>('process-namespace', args);
      const reason = deeds.find((deed) => deed.skip !== undefined)?.skip;
      if (reason !== undefined) skip(context, reason);
      const records = watch.all(CHANGE, (r) => r.attributes['process.pid'] === pidOf(deeds[0]!.proc));
      return { deeds, records };
    };

    for (const type of TYPES.filter((each) => each !== 'user')) {
      it(`sees a new namespace by unshare: ${type}`, async function () {
        const { deeds, records } = await deedsOf(this, ['unshare', type]);
        assert.equal(records.length, 1);
        expectDeed(records[0]!, deeds[0]!, [type]);
      });
    }

    it('sees several at once, and a user namespace', async function () {
      const { deeds, records } = await deedsOf(this, ['unshare', 'uts', 'net', 'ipc']);
      assert.equal(records.length, 1);
      expectDeed(records[0]!, deeds[0]!, ['uts', 'net', 'ipc']);
      const user = await deedsOf(this, ['unshare', 'user', 'mnt']);
      assert.equal(user.records.length, 1);
      const { attributes } = user.records[0]!;
      assert.deepEqual(attributes['agentsmith.namespace.changed'], ['mnt', 'user']);
      assert.equal(attributes['agentsmith.namespace.new.user.inode'], inode(user.deeds[0]!.now.user));
    });

    for (const [way, type] of [
      ['setns', 'net'],
      ['setns', 'uts'],
      ['setns-any', 'net'],
      ['setns-any', 'mnt'],
    ] as const) {
      it(`sees who goes back: ${way} ${type}`, async function () {
        const { deeds, records } = await deedsOf(this, [way, type]);
        assert.equal(records.length, 2);
        assert.equal(deeds[1]!.result, 0);
        expectDeed(records[1]!, deeds[1]!, [type]);
      });
    }

    it('sees a child that is born into new ones, with the child', async function () {
      for (const types of [['uts'], ['pid', 'net']]) {
        const { deeds, records } = await deedsOf(this, ['clone', ...types]);
        assert.equal(records.length, 1);
        expectDeed(records[0]!, deeds[0]!, types);
      }
    });

    it('sees the 32-bit system call', async function () {
      const { deeds, records } = await deedsOf(this, ['int80', 'uts']);
      assert.equal(records.length, 1);
      expectDeed(records[0]!, deeds[0]!, ['uts'], true);
    });

    it('sees who may not, and with what', async function () {
      const { deeds, records } = await deedsOf(this, ['forbidden', 'uts']);
      assert.equal(records.length, 1);
      assert.equal(deeds[0]!.result, -1);
      expectDeed(records[0]!, deeds[0]!, ['uts']);
    });

    it('sees a descriptor that is none, and is silent of an unshare without namespaces', async function () {
      const { deeds, records } = await deedsOf(this, ['nothing']);
      assert.equal(records.length, 1);
      expectDeed(records[0]!, deeds[0]!, []);
    });
  });
}
