// SPDX-License-Identifier: Apache-2.0
// Every call that mounts, on both tiers: what is told of it, and how much of that is the caller's word.
import assert from 'node:assert/strict';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expectBetween, expectRecord } from '../support/expect.ts';
import { errnoName } from '../support/ptrace.ts';
import { skip } from '../support/skip.ts';
import { TIERS } from '../support/tiers.ts';
import { scaled } from '../support/triggers.ts';
import { EXECUTABLE_ATTRIBUTES, pidOf, type Truth } from '../support/truth.ts';
import { openWatch, type Watch, type WatchedRecord } from '../support/watch.ts';

const MOUNT = 'agentsmith.filesystem.mount';
const EVENTS = ['process.exec', 'process.exit', 'filesystem.mount'];

/** One call, as test/kernel/triggers/filesystem-mount.c tells it. */
interface Deed extends Truth {
  readonly operation: string;
  readonly result: number;
  /** MS_ */
  readonly flags: number;
  readonly path?: string;
  readonly source?: string;
  readonly type?: string;
  readonly began: string;
  readonly ended: string;
}

/** The flags that the trigger uses: include/uapi/linux/mount.h. */
const FLAGS = {
  ro: 1,
  nosuid: 2,
  nodev: 4,
  remount: 32,
  bind: 4096,
  move: 8192,
  rec: 16384,
  private: 1 << 18,
};

const PROGRAMS: Readonly<Record<string, string>> = {
  move_mount: 'filesystem_move_native',
  fsmount: 'filesystem_detached_native',
  open_tree: 'filesystem_clone_native',
  pivot_root: 'filesystem_pivot_native',
};

for (const tier of TIERS) {
  describe(`filesystem.mount on tier ${tier}`, function () {
    this.timeout(scaled(30_000));
    let watch: Watch;
    let folder: string;

    before(function () {
      if (process.getuid!() !== 0) skip(this, 'only root may mount');
      watch = openWatch(this, { trampolines: tier === 'A', events: EVENTS });
    });

    beforeEach(function () {
      watch.requires(this, MOUNT);
      folder = realpathSync(mkdtempSync(join(tmpdir(), 'mount-')));
    });

    afterEach(() => rmSync(folder, { recursive: true }));

    after(() => watch?.close());

    const expectDeed = (record: WatchedRecord, deed: Deed) => {
      const { operation, path, source, type } = deed;
      const byCall = PROGRAMS[operation] === undefined;
      const error = errnoName(deed.result);
      const callers =
        operation === 'open_tree' || (byCall ? tier === 'B' : deed.result !== 0 && path !== undefined);
      const flags = Object.entries(FLAGS).filter(([, bit]) => deed.flags & bit);
      const unverified = [
        'file.path',
        ...(source === undefined ? [] : ['agentsmith.mount.source']),
        ...(type === undefined ? [] : ['agentsmith.mount.type']),
      ];
      const exec = watch.find(
        'agentsmith.process.exec',
        (r) => r.attributes['process.pid'] === pidOf(deed.proc),
      );
      expectRecord(watch, record, {
        severity: 9,
        program: tier === 'B' ? 'filesystem_mount_exit' : (PROGRAMS[operation] ?? 'filesystem_mount'),
        full: false,
        lean: false,
        own: {
          'agentsmith.mount.operation': operation,
          'file.path': path,
          'agentsmith.mount.source': source,
          'agentsmith.mount.type': type,
          'agentsmith.mount.flags': flags.length > 0 ? flags.map(([name]) => name) : undefined,
          'error.type': error,
          'agentsmith.file.unresolved': callers || undefined,
          'agentsmith.unverified': byCall && tier === 'B' ? unverified : undefined,
        },
        body: `${operation}${type ? ` ${type}` : ''}${source ? ` ${source}` : ''}${path ? ` → ${path}` : ''}${error ? ` ${error}` : ''}`,
        proc: deed.proc,
        // Another root names the same file otherwise.
        ...(operation === 'pivot_root' && {
          instead: Object.fromEntries(EXECUTABLE_ATTRIBUTES.map((name) => [name, exec.attributes[name]])),
        }),
      });
      expectBetween(watch, record, deed.began, deed.ended);
    };

    /** Runs a way, compares all records, and gives what was done. */
    const expectAll = async (context: Mocha.Context, way: string, silent = 0) => {
      const deeds = await watch.lines<Deed>('filesystem-mount', [way, folder]);
      const reason = deeds.find((deed) => deed.skip !== undefined)?.skip;
      if (reason !== undefined) skip(context, reason);
      const records = watch.all(MOUNT, (r) => r.attributes['process.pid'] === pidOf(deeds[0]!.proc));
      assert.equal(records.length, deeds.length + silent);
      // What the trigger did to get there is told behind its first deed.
      const told = [records[0]!, ...records.slice(1 + silent)];
      for (const [i, deed] of deeds.entries()) expectDeed(told[i]!, deed);
      return deeds;
    };

    it('tells what is mounted where, as what', async function () {
      assert.equal((await expectAll(this, 'mount'))[1]!.result, 0);
    });

    it('tells a place relative to the working directory', async function () {
      assert.equal((await expectAll(this, 'relative'))[1]!.result, 0);
    });

    it('tells binds, remounts and moves apart', async function () {
      const deeds = await expectAll(this, 'bind');
      assert.deepEqual(
        deeds.map(({ result }) => result),
        [0, 0, 0, 0],
      );
    });

    it('tells a mount without a place, and when it gets one or not', async function () {
      const deeds = await expectAll(this, 'detached');
      assert.deepEqual(
        deeds.map(({ result }) => result),
        [0, 0, 0, -2],
      );
    });

    it('tells a copy of a tree', async function () {
      await expectAll(this, 'tree', 1);
    });

    it('tells another root', async function () {
      await expectAll(this, 'pivot', 1);
    });

    it('tells what failed', async function () {
      assert.equal((await expectAll(this, 'unknown'))[1]!.result, -19);
    });

    it('tells who may not', async function () {
      assert.equal((await expectAll(this, 'forbidden'))[0]!.result, -1);
    });
  });
}
