// SPDX-License-Identifier: Apache-2.0
// Every outcome of connect(2). Other ways to connect: network-connect-ways.test.ts.
import assert from 'node:assert/strict';
import {
  type Attempt,
  attempts,
  type ConnectExpectation,
  connectOf,
  connectsOf,
  endOf,
  expectConnect,
} from '../support/connect.ts';
import { scaled, Trigger } from '../support/triggers.ts';
import { pidOf } from '../support/truth.ts';
import { openWatch, type Watch, type WatchOptions } from '../support/watch.ts';

/** The kernel repeats a SYN after a second; by then an attempt is pending. */
const PENDING_AFTER_MS = 500;

const PLAIN = ['process.exec', 'process.exit', 'network.connect'];

const PROFILES: readonly (readonly [string, WatchOptions])[] = [
  ['without a hook on system calls', { trampolines: false, events: PLAIN }],
  ['where system calls are watched', { trampolines: false, events: PLAIN, syscalls: true }],
  ['on the best tier of this kernel', {}],
];

for (const [profile, options] of PROFILES) {
  describe(`network.connect ${profile}`, function () {
    this.timeout(scaled(30_000));
    let watch: Watch;

    before(function () {
      watch = openWatch(this, { ...options, pendingAfterMs: PENDING_AFTER_MS });
    });

    after(() => watch?.close());

    /** One deed, one attempt, one record. */
    const expectOne = async (context: Mocha.Context, args: string[], expected: ConnectExpectation = {}) => {
      const made = await attempts(context, watch, 'network-connect', ...args);
      assert.equal(made.length, 1);
      const record = await connectOf(watch, made[0]!);
      expectConnect(watch, record, made[0]!, expected);
      // Behind the record of another process nothing is on its way.
      await watch.run('process-exec');
      assert.equal(connectsOf(watch, made[0]!).length, 1);
      return record;
    };

    for (const [host, what, mapped] of [
      ['127.0.0.1', 'IPv4', undefined],
      ['::1', 'IPv6', undefined],
      ['::ffff:127.0.0.1', 'IPv4 written as IPv6', true],
    ] as const) {
      const expected = mapped ? { mapped } : {};

      it(`tells a connection over ${what} with both of its ends`, function () {
        return expectOne(this, ['ok', host], expected).then(() => {});
      });

      it(`tells a refusal over ${what} with the port it came from`, async function () {
        const record = await expectOne(this, ['refused', host], expected);
        assert.equal(record.attributes['error.type'], 'ECONNREFUSED');
      });

      it(`tells the result of a non-blocking socket over ${what}`, async function () {
        const record = await expectOne(this, ['nonblock', host], expected);
        assert.equal(record.attributes['agentsmith.network.connect.result'], 0);
      });

      it(`tells the refusal of a non-blocking socket over ${what}`, async function () {
        const record = await expectOne(this, ['nonblock-refused', host], expected);
        assert.equal(record.attributes['error.type'], 'ECONNREFUSED');
      });

      it(`tells the peer of a UDP socket over ${what}, and not that it is undone`, function () {
        return expectOne(this, ['udp', host], { ...expected, transport: 'udp' }).then(() => {});
      });
    }

    // Without any address of IPv6 there is none to come from.
    for (const [host, noRoute] of [
      ['192.0.2.1', 'ENETUNREACH'],
      ['2001:db8::1', 'EADDRNOTAVAIL'],
    ] as const) {
      it(`tells that ${host} could not be reached`, async function () {
        const record = await expectOne(this, ['unreachable', host], { outcome: 'immediate' });
        assert.equal(record.attributes['error.type'], endOf(watch) ? noRoute : '_OTHER');
      });

      it(`tells the attempt of a UDP socket to reach ${host}`, async function () {
        const record = await expectOne(this, ['unreachable-udp', host], { transport: 'udp' });
        assert.equal(record.attributes['error.type'], endOf(watch) ? noRoute : undefined);
      });
    }

    it('tells that no local port was left as a failure', async function () {
      const made = await attempts(this, watch, 'network-connect', 'not-available');
      assert.deepEqual(
        made.map(({ result }) => result),
        [0, 0, -99],
      );
      for (const [i, attempt] of made.entries()) {
        const failed = endOf(watch)
          ? ({ outcome: 'immediate' } as const)
          : ({ outcome: 'failed', local: 'address' } as const);
        expectConnect(watch, await connectOf(watch, attempt), attempt, i === 2 ? failed : {});
      }
    });

    it('tells the second failure of a socket by its own error', async function () {
      const [first, second] = await attempts(this, watch, 'network-connect', 'fails-twice');
      assert.deepEqual([first!.result, second!.result], [-101, -111]);
      // The next attempt ends the first.
      const program = 'network_connect4';
      expectConnect(watch, await connectOf(watch, first!, 1), first!, { outcome: 'immediate', program });
      expectConnect(watch, await connectOf(watch, second!, 2), second!);
    });

    it('tells an attempt that is pending, and its end, under one id', async function () {
      const made = await attempts(this, watch, 'network-connect', 'timeout');
      assert.equal(made[1]!.result, -110);
      expectConnect(watch, await connectOf(watch, made[1]!, 1), made[1]!, { outcome: 'pending' });
      const end = await connectOf(watch, made[1]!, 2);
      expectConnect(watch, end, made[1]!);
      assert.equal(end.attributes['error.type'], 'ETIMEDOUT');
      assert.equal(connectsOf(watch, made[1]!).length, 2);
    });

    it('tells an attempt that its program gave up at once as a failure', async function () {
      const made = await attempts(this, watch, 'network-connect', 'closed');
      const record = await connectOf(watch, made[1]!);
      // It ended with close(2), after the trigger spoke.
      const ended = { ...made[1]!, after: `${BigInt(made[1]!.proc.boot) + 60_000_000_000n}` };
      expectConnect(watch, record, ended, { outcome: 'failed' });
    });

    it('tells the end of a pending attempt that its program gives up', async function () {
      watch.requires(this, 'agentsmith.network.connect');
      const trigger = new Trigger('network-connect', ['pending'], { stdin: 'pipe' });
      await trigger.next<Attempt>();
      const attempt = await trigger.next<Attempt>();
      expectConnect(watch, await connectOf(watch, attempt, 1), attempt, { outcome: 'pending' });
      await trigger.end();
      const ended = { ...attempt, after: `${BigInt(attempt.proc.boot) + 60_000_000_000n}` };
      expectConnect(watch, await connectOf(watch, attempt, 2), ended, { outcome: 'failed' });
    });

    it('tells each of more attempts than it has places for, once, and those that come behind them', async function () {
      const [, ...made] = await attempts(this, watch, 'network-connect', 'crowd');
      assert.equal(made.length, 700);
      const ends = () =>
        watch.all('agentsmith.network.connect', (r) => r.attributes['error.type'] === '_OTHER');
      const cookies = new Set(made.map(({ cookie }) => cookie));
      const byCookie = () =>
        Map.groupBy(
          ends().filter((r) => cookies.has(String(r.attributes['agentsmith.network.connect.id']))),
          (r) => String(r.attributes['agentsmith.network.connect.id']),
        );
      await watch.until('the end of each attempt', () => byCookie().size === made.length);
      const told = byCookie();
      for (const attempt of made) {
        const [record, ...more] = told.get(attempt.cookie)!;
        assert.equal(more.length, 0);
        // They end with their process, after the trigger spoke.
        const ended = { ...attempt, after: `${BigInt(attempt.proc.boot) + 60_000_000_000n}` };
        expectConnect(watch, record!, ended, { outcome: 'failed' });
      }
      await expectOne(this, ['ok', '127.0.0.1']);
    });

    it('tells both attempts of a socket of which the first was refused', async function () {
      const [refused, accepted] = await attempts(this, watch, 'network-connect', 'again');
      assert.equal(refused!.cookie, accepted!.cookie);
      expectConnect(watch, await connectOf(watch, refused!, 1), refused!);
      expectConnect(watch, await connectOf(watch, accepted!, 2), accepted!);
    });

    it('names the thread that connects', async function () {
      const record = await expectOne(this, ['thread']);
      assert.equal(record.attributes['thread.name'], 'connecting');
      assert.ok(record.attributes['thread.id']);
    });

    it('names the child that connects with the socket of its parent', async function () {
      const [attempt] = await attempts(this, watch, 'network-connect', 'child');
      const record = await connectOf(watch, attempt!);
      expectConnect(watch, record, attempt!);
      assert.equal(record.attributes['process.pid'], pidOf(attempt!.proc));
      assert.notEqual(record.attributes['process.parent_pid'], process.pid);
    });
  });
}
