// SPDX-License-Identifier: Apache-2.0
// What a DNS message says, and that it is malformed. Any bytes: test/fuzz/dns.test.ts.
import assert from 'node:assert/strict';
import { type DnsMessage, parseDns } from '../../../src/decode/dns.ts';
import { dnsBytes, MESSAGES, question, resource } from '../../support/dns-messages.ts';

const parse = (bytes: Buffer, isWhole = true) => parseDns(bytes, 0, bytes.length, isWhole);
const parsed = (name: string, isWhole = true) => parse(MESSAGES.get(name)!, isWhole);

const PLAIN: DnsMessage = {
  id: 0x1234,
  isAnswer: false,
  opCode: 0,
  responseCode: 0,
  isCut: false,
  name: 'www.example.com',
  type: 1,
  answers: [],
  addresses: 0,
  udpSize: undefined,
  malformed: false,
};

const SAYS: Readonly<Record<string, Partial<DnsMessage>>> = {
  'a query': {},
  'a query with EDNS': { name: 'example.com', type: 28, udpSize: 1232 },
  'a query of the root': { name: '.', type: 2 },
  'two addresses behind an alias': {
    isAnswer: true,
    answers: ['host.example.com', '192.0.2.7', '2001:db8::7'],
    addresses: 2,
  },
  'names of mail and service hosts': {
    isAnswer: true,
    name: 'example.com',
    type: 15,
    answers: ['mail.example.com', 'a.b'],
  },
  'a name that does not exist': { isAnswer: true, responseCode: 3 },
  'an answer that was cut': { isAnswer: true, isCut: true },
  'a version that is not known': { isAnswer: true, udpSize: 512, responseCode: 16 },
  'a refusal without the question': { isAnswer: true, responseCode: 1, name: undefined, type: undefined },
  'an update': { opCode: 5, name: 'example.com', type: 6 },
  'a text': { isAnswer: true },
  nothing: { id: 0, name: undefined, type: undefined, malformed: true },
  'half a header': { name: undefined, type: undefined, malformed: true },
  'no question': { name: undefined, type: undefined, malformed: true },
  'two questions': { malformed: true },
  'a pointer to itself': { name: undefined, type: undefined, malformed: true },
  'two pointers in a ring': { name: undefined, type: undefined, malformed: true },
  'a pointer ahead': { name: undefined, type: undefined, malformed: true },
  'a chain of pointers': { isAnswer: true, answers: ['www.example.com'] },
  'a name of 256 bytes': {
    name: Array.from({ length: 3 }, () => 'x'.repeat(63)).join('.'),
    type: undefined,
    malformed: true,
  },
  'a label of a kind that is not used': { name: undefined, type: undefined, malformed: true },
  'bytes in labels': { name: 'a\\.b.\\000\\\\\\"\\255\\t .\\195\\188', type: 16 },
  'a question that ends early': { name: 'www', type: undefined, malformed: true },
  'an address of three bytes': { isAnswer: true, malformed: true },
  'a record longer than the message': { isAnswer: true, malformed: true },
  'an alias that ends before its record': { isAnswer: true, malformed: true },
  'counts that promise what is not there': { isAnswer: true, malformed: true },
  'a type without a name': { name: 'x', type: 65280 },
};

describe('a DNS message', () => {
  for (const [name, expected] of Object.entries(SAYS)) {
    it(`is read: ${name}`, () => assert.deepEqual(parsed(name), { ...PLAIN, ...expected }));
  }

  it('has its reading here, each', () => assert.deepEqual(Object.keys(SAYS), [...MESSAGES.keys()]));

  it('is not malformed for what was not captured of it', () => {
    const whole = MESSAGES.get('two addresses behind an alias')!;
    for (let end = 12; end < whole.length; end++) {
      const cut = parse(whole.subarray(0, end), false);
      assert.equal(cut.malformed, false, `${end} bytes`);
      assert.equal(parse(whole.subarray(0, end)).malformed, true, `${end} bytes`);
      assert.deepEqual(cut.answers, parse(whole).answers.slice(0, cut.answers.length));
    }
  });

  it('has a longest name of 255 bytes', () => {
    const longest = ['x'.repeat(63), 'x'.repeat(63), 'x'.repeat(63), 'x'.repeat(61)];
    const { name, malformed } = parse(dnsBytes({}, question(1, ...longest)));
    assert.equal(name, longest.join('.'));
    assert.equal(malformed, false);
  });

  it('shows 128 answers and 16 KiB of names at most, and counts all addresses', () => {
    const self = Buffer.of(0xc0, 0x0c);
    const many = Array.from({ length: 200 }, () => resource(self, 1, Buffer.of(1, 2, 3, 4)));
    const head = { flags: 0x8180, counts: [1, 200, 0, 0] } as const;
    const flood = parse(dnsBytes(head, question(1, 'a'), ...many));
    assert.equal(flood.answers.length, 128);
    assert.equal(flood.addresses, 200);
    const escaped = Array.from({ length: 3 }, () => Buffer.alloc(63));
    const names = Array.from({ length: 200 }, () => resource(self, 5, self));
    const long = parse(dnsBytes(head, question(1, ...escaped), ...names));
    assert.ok(long.answers.join('').length <= 16_384);
    assert.equal(long.malformed, false);
  });

  it('is read in the middle of a buffer, and pointers count from its start', () => {
    const message = MESSAGES.get('two addresses behind an alias')!;
    const bytes = Buffer.concat([Buffer.alloc(100, 0xc0), message, Buffer.alloc(100, 0xc0)]);
    assert.deepEqual(parseDns(bytes, 100, 100 + message.length, true), parse(message));
  });
});
