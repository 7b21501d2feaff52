// SPDX-License-Identifier: Apache-2.0
// DNS over TCP: which messages are found, whose they are, what is given up. Any cuts and orders: test/fuzz/dns.test.ts.
import assert from 'node:assert/strict';
import { Clock } from '../../../src/clock.ts';
import { DnsStreams, REASSEMBLED_CPU } from '../../../src/decode/dns-streams.ts';
import { DnsFlag, dnsMessage, EventType } from '../../../src/decode/layout.gen.ts';
import { MESSAGES } from '../../support/dns-messages.ts';
import { batchOf, type DnsValues, dnsSegment } from '../../support/records.ts';

const QUERY = MESSAGES.get('a query')!;
const REPLY = MESSAGES.get('two addresses behind an alias')!;
const framed = (...messages: Buffer[]): Buffer =>
  Buffer.concat(messages.flatMap((message) => [Buffer.of(message.length >> 8, message.length), message]));

interface Found {
  readonly type: number;
  readonly bytes: Buffer;
  readonly size: number;
  readonly pid: number;
  readonly fd: number;
  readonly flags: number;
  readonly took: bigint;
  readonly cpu: number;
  readonly sequence: number;
}

const streamsOf = (): DnsStreams => {
  const clock = new Clock();
  clock.offset = 1_763_000_000_000_000_000n;
  return new DnsStreams(clock);
};

function take(streams: DnsStreams, ...segments: DnsValues[]): Found[] {
  const found: Found[] = [];
  for (const segment of batchOf(segments.map(dnsSegment))) {
    for (const event of streams.take(segment)) {
      const start = event.textStart(dnsMessage.message);
      found.push({
        type: event.type,
        bytes: Buffer.from(event.bytes.subarray(start, start + event.textLength(dnsMessage.message))),
        size: event.u32(dnsMessage.size),
        pid: event.u32(dnsMessage.who.pid),
        fd: event.u32(dnsMessage.fd),
        flags: event.u32(dnsMessage.flags),
        took: event.u64(dnsMessage.took),
        cpu: event.u16(dnsMessage.header.cpu),
        sequence: event.number64(dnsMessage.header.sequence),
      });
    }
  }
  return found;
}

const lost = ({ incomplete }: DnsStreams) => [
  incomplete[EventType.DNS_QUERY],
  incomplete[EventType.DNS_ANSWER],
];

describe('DnsStreams', () => {
  it('gives an answer to who asked, with the time since', () => {
    const streams = streamsOf();
    const ask = (id: number, pid: number, at: number, time: bigint): DnsValues => {
      const message = Buffer.from(QUERY);
      message.writeUInt16BE(id, 0);
      return {
        message: framed(message),
        who: { pid },
        fd: pid,
        flags: DnsFlag.FD_KNOWN,
        tcpSequence: at,
        header: { time },
      };
    };
    const first = Buffer.from(REPLY);
    first.writeUInt16BE(1, 0);
    const found = take(streams, ask(1, 10, 100, 5_000n), ask(2, 20, 100 + QUERY.length + 2, 6_000n), {
      message: framed(first),
      who: { pid: 20 },
      flags: DnsFlag.ANSWER,
      header: { time: 9_000n },
    });
    assert.deepEqual(
      found.map(({ type, pid, fd, took }) => [type, pid, fd, took]),
      [
        [EventType.DNS_QUERY, 10, 10, 0n],
        [EventType.DNS_QUERY, 20, 20, 0n],
        [EventType.DNS_ANSWER, 10, 10, 4_000n],
      ],
    );
    assert.equal(found[2]!.flags, DnsFlag.FD_KNOWN | DnsFlag.TOOK_KNOWN);
  });

  it('gives each message a number, from the time of the first segment on, under one CPU', () => {
    const found = take(streamsOf(), { message: framed(QUERY, QUERY, QUERY), header: { time: 7_000_000n } });
    assert.deepEqual(
      found.map(({ cpu, sequence }) => [cpu, sequence]),
      [0, 1, 2].map((i) => [REASSEMBLED_CPU, 1_763_000_000_007_000 + i]),
    );
  });

  it('waits for the segment in between, and takes no byte twice', () => {
    const bytes = framed(QUERY, REPLY);
    // The numbers pass 2^32 on the way.
    const piece = (from: number, to: number): DnsValues => ({
      message: bytes.subarray(from, to),
      tcpSequence: (0xfffffff0 + from) % 2 ** 32,
    });
    const streams = streamsOf();
    const pieces = [piece(0, 10), piece(60, bytes.length), piece(5, 30), piece(0, 10), piece(30, 70)];
    const found = take(streams, ...pieces);
    assert.deepEqual(
      found.map(({ bytes }) => bytes),
      [QUERY, REPLY],
    );
    assert.deepEqual(lost(streams), [0, 0]);
  });

  it('keeps 4 KiB of a message and says how long it is', () => {
    const long = Buffer.concat([REPLY, Buffer.alloc(6000)]);
    const [message] = take(streamsOf(), { message: framed(long) });
    assert.equal(message!.size, long.length);
    assert.deepEqual(message!.bytes, long.subarray(0, 4096));
  });

  it('goes on behind bytes that were not captured where a message covers them', () => {
    const streams = streamsOf();
    const long = Buffer.concat([REPLY, Buffer.alloc(3000)]);
    const bytes = framed(long, QUERY);
    const found = take(
      streams,
      { message: bytes.subarray(0, 200), size: 2000, tcpSequence: 0 },
      { message: bytes.subarray(2000), tcpSequence: 2000 },
    );
    assert.deepEqual(
      found.map(({ size, bytes }) => [size, bytes.length]),
      [
        [long.length, 198],
        [QUERY.length, QUERY.length],
      ],
    );
    assert.deepEqual(lost(streams), [0, 0]);
  });

  it('counts what ends among bytes that were not captured, and begins anew', () => {
    const streams = streamsOf();
    const found = take(
      streams,
      { message: framed(QUERY), size: 500, tcpSequence: 0 },
      { message: framed(REPLY), tcpSequence: 500 },
    );
    assert.deepEqual(
      found.map(({ bytes }) => bytes),
      [QUERY, REPLY],
    );
    assert.deepEqual(lost(streams), [1, 0]);
  });

  it('gives up what stands behind a segment that never comes', () => {
    const streams = streamsOf();
    const flags = DnsFlag.ANSWER;
    const later = Array.from({ length: 9 }, (_, i) => ({
      message: framed(REPLY),
      tcpSequence: 1000 + i * (REPLY.length + 2),
      flags,
    }));
    const found = take(streams, { message: framed(REPLY).subarray(0, 20), tcpSequence: 0, flags }, ...later);
    assert.equal(found.length, 1);
    assert.deepEqual(lost(streams), [0, 1]);
  });

  it('looks no further at a stream that is not DNS', () => {
    const streams = streamsOf();
    const zeros = take(
      streams,
      { message: Buffer.alloc(1000) },
      { message: framed(QUERY), tcpSequence: 1000 },
    );
    assert.deepEqual(
      zeros.map(({ size }) => size),
      [0],
    );
    const many = take(streams, {
      message: framed(...Array.from({ length: 70 }, () => Buffer.alloc(12))),
      cookie: 2n,
    });
    assert.equal(many.length, 64);
    assert.deepEqual(lost(streams), [1, 0]);
  });

  it('takes datagrams that came as one packet apart, the last one shorter', () => {
    const streams = streamsOf();
    const long = Buffer.concat([REPLY, Buffer.alloc(3)]);
    const found = take(streams, {
      message: Buffer.concat([long, long, REPLY]),
      protocol: 17,
      tcpSequence: long.length,
      flags: DnsFlag.ANSWER | DnsFlag.TOOK_KNOWN,
      took: 5n,
    });
    assert.deepEqual(
      found.map(({ type, bytes, flags }) => [type, bytes, flags]),
      [
        [EventType.DNS_ANSWER, long, DnsFlag.TOOK_KNOWN],
        [EventType.DNS_ANSWER, long, 0],
        [EventType.DNS_ANSWER, REPLY, 0],
      ],
    );
    const cut = take(streams, {
      message: QUERY,
      size: 5 * QUERY.length,
      protocol: 17,
      tcpSequence: QUERY.length,
    });
    assert.equal(cut.length, 1);
    assert.deepEqual(lost(streams), [1, 0]);
  });

  it('forgets idle connections, and the least recently used one when there are too many', () => {
    const streams = streamsOf();
    const half = framed(QUERY).subarray(0, 20);
    take(streams, { message: half, cookie: 1n, header: { time: 1n } });
    take(streams, { message: half, cookie: 2n, header: { time: 200_000_000_000n } });
    assert.equal(streams.size, 1);
    assert.deepEqual(lost(streams), [1, 0]);
    const others = Array.from({ length: 600 }, (_, i) => ({
      message: framed(QUERY),
      cookie: BigInt(10 + i),
      header: { time: 200_000_000_001n },
    }));
    assert.equal(take(streams, ...others).length, 600);
    assert.equal(streams.size, 512);
    assert.deepEqual(lost(streams), [2, 0]);
  });

  it('remembers the last 32 queries of a connection', () => {
    const streams = streamsOf();
    const numbered = (message: Buffer, id: number) => {
      const copy = Buffer.from(message);
      copy.writeUInt16BE(id, 0);
      return copy;
    };
    take(streams, { message: framed(...Array.from({ length: 33 }, (_, id) => numbered(QUERY, id))) });
    const [forgotten, known] = take(streams, {
      message: framed(numbered(REPLY, 0), numbered(REPLY, 1)),
      flags: DnsFlag.ANSWER,
    });
    assert.equal(forgotten!.flags & DnsFlag.TOOK_KNOWN, 0);
    assert.equal(known!.flags & DnsFlag.TOOK_KNOWN, DnsFlag.TOOK_KNOWN);
  });
});
