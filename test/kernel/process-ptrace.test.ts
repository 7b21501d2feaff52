// SPDX-License-Identifier: Apache-2.0
// Who reaches into whom, on both tiers: every request, by every way in, also where it is refused.
import assert from 'node:assert/strict';
import { EventType } from '../../src/decode/layout.gen.ts';
import { deeds, expectDeed } from '../support/ptrace.ts';
import { TIERS } from '../support/tiers.ts';
import { scaled } from '../support/triggers.ts';
import { openWatch, type Watch } from '../support/watch.ts';

/** Enough that one record in a hundred steps would show among what others on the machine do; emulated, one takes 5 ms. */
const STEPS = process.env.AGENTSMITH_VM ? 2000 : 20_000;

for (const tier of TIERS) {
  describe(`process.ptrace on tier ${tier}`, function () {
    this.timeout(scaled(30_000));
    let watch: Watch;

    before(function () {
      watch = openWatch(this, { events: ['process.ptrace', 'process.exit'], trampolines: tier === 'A' });
    });

    after(() => watch?.close());

    const expectAll = async (context: Mocha.Context, way: string, abi?: 'compat') => {
      const found = await deeds(context, watch, way);
      for (const [deed, record] of found) expectDeed(watch, record, deed, tier, abi);
      return found.map(([{ request, result }]) => [request, result] as const);
    };

    it('sees the requests that attach and write, with address and data, and no others', async function () {
      const told = await expectAll(this, 'requests');
      assert.equal(told.length, 10);
      assert.deepEqual(told[0], ['PTRACE_POKEDATA', -3]);
    });

    it('sees what is refused, with its errno', async function () {
      const told = await expectAll(this, 'refused');
      assert.deepEqual(
        told.map(([, result]) => result),
        [-3, -3, -1, -5, -1, -22],
      );
    });

    it('sees a child that asks to be traced, as INFO', async function () {
      assert.deepEqual(await expectAll(this, 'traceme'), [
        ['PTRACE_TRACEME', 0],
        ['PTRACE_TRACEME', -1],
      ]);
    });

    it('names the process of a thread that is attached to', async function () {
      await expectAll(this, 'thread');
    });

    it('sees process_vm_readv and process_vm_writev', async function () {
      const told = await expectAll(this, 'memory');
      assert.deepEqual(
        told.map(([, result]) => result),
        [0, 0, -14, -3, 0],
      );
    });

    it('sees pidfd_getfd', async function () {
      const told = await expectAll(this, 'getfd');
      assert.deepEqual(
        told.map(([, result]) => result),
        [0, -9, -22, -9, -9],
      );
    });

    it('sees /proc/PID/mem opened for writing, by every call, and not for reading', async function () {
      assert.ok((await expectAll(this, 'mem-file')).length >= 4);
    });

    it('sees the 32-bit system calls', async function () {
      assert.equal((await expectAll(this, 'int80', 'compat')).length, 6);
    });

    it('tells the numbers of another pid namespace as the host has them', async function () {
      await expectAll(this, 'namespace');
    });

    it('makes nothing of a debugger that steps', async function () {
      const before = watch.counts(EventType.PROCESS_PTRACE).attempted;
      const found = await deeds(this, watch, 'stepping', `${STEPS}`);
      assert.equal(found.length, 1);
      const attempted = watch.counts(EventType.PROCESS_PTRACE).attempted - before;
      assert.ok(attempted < STEPS / 100, `${attempted} attempts`);
    });

    if (tier === 'A') {
      it('sees a /proc/PID/mem that is refused', async function () {
        assert.deepEqual(await expectAll(this, 'mem-refused'), [['proc_mem_write', -13]]);
      });
    } else {
      it('sees x32, whether the kernel knows it or not', async function () {
        await expectAll(this, 'x32');
      });
    }
  });
}
