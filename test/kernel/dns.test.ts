// SPDX-License-Identifier: Apache-2.0
// Every way to ask a resolver and to be answered: whole records of both. What messages can hold: unit/decode/dns.test.ts.
import assert from 'node:assert/strict';
import { REASSEMBLED_CPU } from '../../src/decode/dns-streams.ts';
import { EventType } from '../../src/decode/layout.gen.ts';
import {
  ANSWER,
  type Exchange,
  type ExchangeExpectation,
  exchanges,
  expectExchange,
  QUERY,
  recordsOf,
} from '../support/dns.ts';
import { scaled, skip, Trigger } from '../support/triggers.ts';
import { pidOf } from '../support/truth.ts';
import { openWatch, type Watch } from '../support/watch.ts';

const DNS_EVENTS = ['dns.query', 'dns.answer', 'network.connect', 'process.exit'];

describe('dns', function () {
  this.timeout(scaled(30_000));
  let watch: Watch;

  before(function () {
    watch = openWatch(this, { events: DNS_EVENTS });
  });

  after(() => watch?.close());

  const expectAll = async (
    context: Mocha.Context,
    args: string[],
    expected: ExchangeExpectation = {},
  ): Promise<Exchange[]> => {
    const made = await exchanges(context, watch, ...args);
    for (const exchange of made) expectExchange(watch, exchange, expected);
    return made;
  };

  for (const [host, what] of [
    ['127.0.0.1', 'IPv4'],
    ['::1', 'IPv6'],
    ['::ffff:127.0.0.1', 'IPv4 written as IPv6'],
  ] as const) {
    it(`tells a query by an unconnected socket and its answer over ${what}`, async function () {
      await expectAll(this, ['sendto', host]);
    });

    it(`tells a query by a connected socket and its answer over ${what}`, async function () {
      await expectAll(this, ['connected', host]);
    });

    it(`tells them over TCP and ${what}`, async function () {
      await expectAll(this, ['tcp', host]);
    });
  }

  for (const way of ['write', 'writev', 'sendmsg', 'sendmmsg', 'readv', 'io_uring', 'splice']) {
    it(`sees ${way}`, async function () {
      await expectAll(this, [way]);
    });
  }

  it('sees every message of sendmmsg and recvmmsg', async function () {
    assert.equal((await expectAll(this, ['batch'])).length, 2);
  });

  it('sees every datagram of one that is segmented', async function () {
    assert.equal((await expectAll(this, ['segmented'])).length, 2);
  });

  it('tells an answer that nobody reads', async function () {
    await expectAll(this, ['never-read']);
  });

  it('tells how long a slow resolver took', async function () {
    const [exchange] = await expectAll(this, ['late']);
    const [answer] = recordsOf(watch, ANSWER, exchange!);
    assert.ok((answer!.attributes['agentsmith.dns.duration'] as number) >= 0.12);
  });

  it('tells that a name does not exist', async function () {
    await expectAll(this, ['nxdomain'], {
      answer: {
        'agentsmith.dns.response_code': 'NXDOMAIN',
        'error.type': 'NXDOMAIN',
        'dns.answers': undefined,
      },
      answerBody: 'A www.example.com → NXDOMAIN',
    });
  });

  it('tells the size that EDNS allows', async function () {
    await expectAll(this, ['edns'], { query: { 'agentsmith.dns.edns.udp_size': 1232 } });
  });

  it('tells an answer that was cut, and the whole one over TCP', async function () {
    const [cut, whole] = await exchanges(this, watch, 'cut');
    expectExchange(watch, cut!, {
      answer: { 'agentsmith.dns.truncated': true, 'dns.answers': undefined },
      answerBody: 'A www.example.com → nothing',
    });
    expectExchange(watch, whole!);
  });

  it('tells an answer of more than 1 KiB by its beginning and its size', async function () {
    const [exchange] = await expectAll(this, ['large'], {
      answer: { 'agentsmith.dns.message.truncated': true },
    });
    assert.ok(exchange!.answerSize > 1024);
  });

  it('tells such an answer whole over TCP', async function () {
    const [exchange] = await expectAll(this, ['tcp-large']);
    assert.ok(exchange!.answerSize > 1024);
  });

  it('tells a segment of more than 4 KiB by its beginning', async function () {
    const [exchange] = await expectAll(this, ['tcp-huge'], {
      answer: { 'agentsmith.dns.message.truncated': true },
    });
    assert.ok(exchange!.answerSize > 4096);
  });

  for (const way of ['tcp-prefix', 'tcp-byte', 'tcp-cut']) {
    it(`finds a message that came in pieces: ${way}`, async function () {
      await expectAll(this, [way]);
    });
  }

  it('finds every message of a segment, each with a number of its own', async function () {
    const made = await expectAll(this, ['tcp-many']);
    assert.equal(made.length, 3);
    const records = made.flatMap((exchange) => [
      ...recordsOf(watch, QUERY, exchange),
      ...recordsOf(watch, ANSWER, exchange),
    ]);
    const numbers = records.map(({ attributes }) => attributes['agentsmith.event.sequence'] as number);
    assert.ok(records.every(({ attributes }) => attributes['agentsmith.event.cpu'] === REASSEMBLED_CPU));
    assert.equal(new Set(numbers).size, 6);
    assert.equal(Math.max(...numbers) - Math.min(...numbers), 5);
  });

  it('names the thread that asks', async function () {
    const [exchange] = await expectAll(this, ['thread']);
    for (const event of [QUERY, ANSWER]) {
      const [record] = recordsOf(watch, event, exchange!);
      assert.equal(record!.attributes['thread.name'], 'asking');
      assert.ok(record!.attributes['thread.id']);
    }
  });

  it('tells the answers of a shared socket of the one who asked', async function () {
    const made = await expectAll(this, ['shared']);
    assert.equal(new Set(made.map(({ proc }) => pidOf(proc))).size, 2);
  });

  it('names the one who asks by a socket that another process connected', async function () {
    const [exchange] = await expectAll(this, ['passed']);
    const connects = watch.all(
      'agentsmith.network.connect',
      ({ attributes }) => attributes['process.pid'] === pidOf(exchange!.proc),
    );
    // It names the resolver once more, as sendto may: that is its own first datagram, and no connect of its socket.
    assert.deepEqual(
      connects.map(({ attributes }) => attributes['agentsmith.network.connect.unconnected']),
      [true],
    );
  });

  it('does not look at other ports', async function () {
    const [exchange] = await exchanges(this, watch, 'sendto', '127.0.0.1', '5353');
    assert.deepEqual(recordsOf(watch, QUERY, exchange!), []);
    assert.deepEqual(recordsOf(watch, ANSWER, exchange!), []);
  });
});

describe('dns on the ports of --dns-ports', function () {
  this.timeout(scaled(30_000));
  let watch: Watch | undefined;
  afterEach(() => watch?.close());

  it('is seen, over UDP and TCP, and on no other', async function () {
    watch = openWatch(this, { events: DNS_EVENTS, dnsPorts: [1053, 5353] });
    for (const port of ['1053', '5353']) {
      for (const way of ['sendto', 'tcp']) {
        const [exchange] = await exchanges(this, watch, way, '127.0.0.1', port);
        expectExchange(watch, exchange!);
      }
    }
    const [exchange] = await exchanges(this, watch, 'sendto');
    assert.deepEqual(recordsOf(watch, QUERY, exchange!), []);
  });

  it('refuses a flood before it drowns the others, and counts what it refuses', async function () {
    // Small enough for a flood, with room for what others on the machine do meanwhile.
    watch = openWatch(this, { events: ['dns.query'], ringBytes: 256 << 10, start: false });
    watch.requires(this, QUERY);
    const flood = new Trigger('dns', ['flood']);
    const [{ skip: reason }] = (await flood.end<Exchange>()) as [Exchange];
    if (reason !== undefined) skip(this, reason);
    const { attempted, submitted, reserved, ringFull } = watch.counts(EventType.DNS_QUERY);
    assert.ok(attempted >= 2000, `${attempted} attempts`);
    assert.ok(submitted > 100 && reserved > 1000, `${submitted} submitted, ${reserved} reserved`);
    assert.equal(ringFull, 0);
    assert.equal(watch.counts(EventType.PROCESS_EXIT).ringFull, 0);
    // The books are compared when the watch is closed.
    watch.start();
  });

  it('uses up no numbers for the event that is off', async function () {
    watch = openWatch(this, { events: ['dns.answer', 'process.exit'] });
    const [exchange] = await exchanges(this, watch, 'sendto');
    assert.equal(recordsOf(watch, ANSWER, exchange!).length, 1);
    assert.equal(watch.counts(EventType.DNS_QUERY).attempted, 0);
  });
});
