// SPDX-License-Identifier: Apache-2.0
// Any bytes are a DNS message or a malformed one: no throw, bounded output, nothing read outside.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Clock } from '../../src/clock.ts';
import { parseDns } from '../../src/decode/dns.ts';
import { DnsStreams } from '../../src/decode/dns-streams.ts';
import { dnsMessage, EventType } from '../../src/decode/layout.gen.ts';
import { dnsMessages } from '../support/arbitraries.ts';
import { MESSAGES } from '../support/dns-messages.ts';
import { fuzz } from '../support/fuzz.ts';
import { HOST } from '../support/lanes.ts';
import { batchOf, dnsSegment } from '../support/records.ts';

const clock = HOST.clock as Clock;

/** The messages that the pieces of a stream give. */
function messagesOf(pieces: readonly { at: number; bytes: Buffer }[], first: number): Buffer[] {
  const streams = new DnsStreams(clock);
  const found: Buffer[] = [];
  const records = pieces.map(({ at, bytes }) =>
    dnsSegment({ tcpSequence: (first + at) >>> 0, message: bytes, flags: 8 }),
  );
  for (const segment of batchOf(records)) {
    for (const event of streams.take(segment)) {
      assert.equal(event.type, EventType.DNS_ANSWER);
      const start = event.textStart(dnsMessage.message);
      found.push(Buffer.from(event.bytes.subarray(start, start + event.textLength(dnsMessage.message))));
    }
  }
  return found;
}

describe('the DNS parser', function () {
  this.timeout('5m');

  it('takes any bytes, and what lies around them says nothing', () => {
    fuzz(
      30_000,
      fc.property(dnsMessages, fc.boolean(), fc.nat({ max: 255 }), (bytes, isWhole, filler) => {
        const among = Buffer.concat([Buffer.alloc(40, filler), bytes, Buffer.alloc(40, filler)]);
        const message = parseDns(bytes, 0, bytes.length, isWhole);
        assert.deepEqual(parseDns(among, 40, 40 + bytes.length, isWhole), message);
        assert.ok((message.name ?? '').length <= 4 * 255);
        assert.match(message.name ?? '', /^[\x20-\x7e]*$/);
        assert.ok(message.answers.length <= 128);
        for (const answer of message.answers) assert.match(answer, /^[\x20-\x7e]+$/);
      }),
    );
  });

  it('never takes two different names for one', () => {
    const label = fc.uint8Array({ minLength: 1, maxLength: 4 });
    const wire = fc
      .array(label, { minLength: 1, maxLength: 3 })
      .map((labels) => Buffer.concat([...labels.flatMap((l) => [Buffer.of(l.length), l]), Buffer.of(0)]));
    const nameOf = (name: Buffer) => {
      const message = Buffer.concat([
        Buffer.from('123401000001000000000000', 'hex'),
        name,
        Buffer.of(0, 1, 0, 1),
      ]);
      return parseDns(message, 0, message.length, true).name;
    };
    fuzz(
      5000,
      fc.property(wire, wire, (a, b) => assert.equal(nameOf(a) === nameOf(b), a.equals(b))),
    );
  });

  it('gets the same messages from a stream however it is cut, sent again and mixed up', () => {
    const real = [...MESSAGES.values()].filter((message) => message.length >= 12);
    fuzz(
      3000,
      fc.property(
        fc.array(fc.constantFrom(...real), { minLength: 1, maxLength: 4 }),
        fc.array(fc.nat(), { maxLength: 6 }),
        fc.array(fc.nat(), { maxLength: 6 }),
        fc.oneof(fc.nat({ max: 0xffffffff }), fc.constantFrom(0xffffffff, 0xfffffff0)),
        (messages, cuts, order, first) => {
          const stream = Buffer.concat(
            messages.flatMap((message) => [Buffer.of(message.length >> 8, message.length), message]),
          );
          const ends = [...cuts.map((cut) => cut % stream.length), stream.length].sort((a, b) => a - b);
          const pieces = ends
            .map((end, i) => ({ at: ends[i - 1] ?? 0, bytes: stream.subarray(ends[i - 1] ?? 0, end) }))
            .filter(({ bytes }) => bytes.length > 0);
          assert.deepEqual(messagesOf(pieces, first), messages);
          // The first one comes first: where a stream begins is known by it.
          const [head, ...rest] = pieces;
          for (const at of order) {
            const from = at % (rest.length || 1);
            if (rest.length > 0) rest.push(...rest.splice(from, 1), rest[0] ?? head!);
          }
          const mixed = messagesOf([head!, ...rest.slice(0, 8), ...pieces], first);
          assert.deepEqual(mixed, messages);
        },
      ),
    );
  });
});
