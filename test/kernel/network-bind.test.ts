// SPDX-License-Identifier: Apache-2.0
// Every way to bind, and what each profile can know of the binds that fail.
import assert from 'node:assert/strict';
import { binds, bindsOf, expectBind } from '../support/bind.ts';
import { scaled } from '../support/triggers.ts';
import { pidOf } from '../support/truth.ts';
import { openWatch, type Watch, type WatchOptions } from '../support/watch.ts';

const PLAIN = ['process.exec', 'process.exit', 'network.connect', 'network.bind'];

const PROFILES: readonly (readonly [string, WatchOptions])[] = [
  ['without a hook on system calls', { trampolines: false, events: PLAIN }],
  ['where system calls are watched', { trampolines: false, events: PLAIN, syscalls: true }],
  ['on the best tier of this kernel', { events: PLAIN }],
];

for (const [profile, options] of PROFILES) {
  describe(`network.bind ${profile}`, function () {
    this.timeout(scaled(30_000));
    let watch: Watch;

    before(function () {
      watch = openWatch(this, options);
    });

    after(() => watch?.close());

    /** Each line of truth has its record, failed ones only where they can be known. */
    const expectAll = async (context: Mocha.Context, args: string[], transport: 'tcp' | 'udp' = 'tcp') => {
      const made = await binds(context, watch, ...args);
      const told = made.filter(({ result }) => result === 0 || options.syscalls);
      const records = bindsOf(watch, pidOf(made[0]!.proc));
      assert.equal(records.length, told.length);
      for (const [i, bind] of told.entries()) expectBind(watch, records[i]!, bind, transport);
      return made;
    };

    for (const host of ['127.0.0.1', '0.0.0.0', '::1', '::', '::ffff:127.0.0.1']) {
      it(`tells ${host} with the port that the kernel chose`, async function () {
        await expectAll(this, ['tcp', host]);
        await expectAll(this, ['udp', host], 'udp');
      });

      it(`tells that the port is taken on ${host}`, async function () {
        const made = await expectAll(this, ['in-use', host]);
        assert.deepEqual(
          made.map(({ result }) => result),
          [0, -98],
        );
      });
    }

    it('tells both sockets that share a port', async function () {
      const [first, second] = await expectAll(this, ['reuse'], 'udp');
      assert.equal(first!.local.port, second!.local.port);
    });

    it('tells the port that was asked for', async function () {
      const [bind] = await binds(this, watch, 'port');
      const records = bindsOf(watch, pidOf(bind!.proc));
      assert.equal(records.length, 2);
      expectBind(watch, records[1]!, bind!);
    });

    it('sees MPTCP', async function () {
      await expectAll(this, ['mptcp']);
    });

    for (const way of ['int80', 'socketcall', 'io_uring']) {
      it(`sees ${way}`, async function () {
        assert.equal((await expectAll(this, [way]))[0]!.result, 0);
      });
    }

    it('sees that socketcall fails', async function () {
      const [failed] = await binds(this, watch, 'socketcall-in-use');
      const records = bindsOf(watch, pidOf(failed!.proc));
      assert.equal(failed!.result, -98);
      assert.equal(records.length, options.syscalls ? 2 : 1);
      if (options.syscalls) expectBind(watch, records[1]!, failed!);
    });

    for (const [way, result, transport] of [
      ['foreign', -99, 'udp'],
      ['forbidden', -13, 'tcp'],
    ] as const) {
      it(`tells why: ${way}`, async function () {
        const made = await expectAll(this, [way], transport);
        assert.equal(made[0]!.result, result);
      });
    }

    it('tells that a socket is bound already', async function () {
      const made = await expectAll(this, ['twice']);
      assert.deepEqual(
        made.map(({ result }) => result),
        [0, -22],
      );
    });

    it('does not tell what the kernel chooses for connect, sendto and listen; nor raw sockets', async function () {
      const [made] = await binds(this, watch, 'implicit');
      // Those that the trigger asked for, to have peers.
      assert.equal(bindsOf(watch, pidOf(made!.proc)).length, 2);
    });
  });
}
