// SPDX-License-Identifier: Apache-2.0
// Connects of other kinds than TCP and UDP, on both tiers: whom they reach, and how much of that is the caller's word.
import assert from 'node:assert/strict';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expectSocket, socketDeeds } from '../support/socket.ts';
import { TIERS } from '../support/tiers.ts';
import { scaled } from '../support/triggers.ts';
import { openWatch, type Watch } from '../support/watch.ts';

for (const tier of TIERS) {
  describe(`network.socket.connect on tier ${tier}`, function () {
    this.timeout(scaled(30_000));
    let watch: Watch;
    let folder: string;

    before(function () {
      watch = openWatch(this, {
        trampolines: tier === 'A',
        events: ['process.exec', 'process.exit', 'network.socket.connect'],
      });
    });

    beforeEach(() => {
      folder = realpathSync(mkdtempSync(join(tmpdir(), 'socket-')));
    });

    afterEach(() => rmSync(folder, { recursive: true }));

    after(() => watch?.close());

    const expectAll = async (context: Mocha.Context, way: string) => {
      const { deeds, records } = await socketDeeds(context, watch, way, folder);
      assert.equal(records.length, deeds.length);
      for (const [i, deed] of deeds.entries()) expectSocket(watch, records[i]!, deed);
      return deeds.map(({ result }) => result);
    };

    for (const way of ['stream', 'datagram', 'abstract', 'compat', 'netlink']) {
      it(`tells whom a socket was connected to: ${way}`, async function () {
        assert.deepEqual(await expectAll(this, way), [0]);
      });
    }

    it('tells io_uring, which makes no system call for it that tier B could see', async function () {
      if (tier === 'A') return void (await expectAll(this, 'io_uring'));
      const { records } = await socketDeeds(this, watch, 'io_uring', folder);
      assert.deepEqual(records, []);
    });

    it('tells whom it could not reach', async function () {
      assert.deepEqual(await expectAll(this, 'refused'), [-111, -2, -111]);
    });

    it('tells vsock', async function () {
      await expectAll(this, 'vsock');
    });

    it('tells raw sockets', async function () {
      await expectAll(this, 'raw');
    });
  });
}
