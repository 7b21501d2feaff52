// SPDX-License-Identifier: Apache-2.0

/* DNS messages as resolvers write them, and as nobody should. */

const u16 = (...values: number[]): Buffer =>
  Buffer.from(values.flatMap((value) => [value >> 8, value & 255]));

/** Labels with their lengths and the root behind them. */
export const dnsName = (...labels: (string | Uint8Array)[]): Buffer =>
  Buffer.concat([
    ...labels.flatMap((label) => {
      const bytes = Buffer.from(label as string);
      return [Buffer.of(bytes.length), bytes];
    }),
    Buffer.of(0),
  ]);

/** A compressed name: labels, and a pointer to the rest. */
const pointed = (at: number, ...labels: string[]): Buffer =>
  Buffer.concat([dnsName(...labels).subarray(0, -1), u16(0xc000 | at)]);

export interface Head {
  readonly id?: number;
  readonly flags?: number;
  /** Of question, answer, authority and additional section. */
  readonly counts?: readonly [number, number, number, number];
}

export const dnsBytes = (
  { id = 0x1234, flags = 0x0100, counts = [1, 0, 0, 0] }: Head,
  ...parts: Uint8Array[]
): Buffer => Buffer.concat([u16(id, flags, ...counts), ...parts]);

export const question = (type: number, ...labels: (string | Uint8Array)[]): Buffer =>
  Buffer.concat([dnsName(...labels), u16(type, 1)]);

export const resource = (name: Uint8Array, type: number, data: Uint8Array, length = data.length): Buffer =>
  Buffer.concat([name, u16(type, 1, 0, 60, length), data]);

/** OPT with its size and the upper bits of the response code. */
export const opt = (udpSize: number, extended = 0): Buffer =>
  Buffer.concat([Buffer.of(0), u16(41, udpSize), Buffer.of(extended, 0, 0, 0), u16(0)]);

const WWW = question(1, 'www', 'example', 'com');
const ANSWER = 0x8180;
const self = u16(0xc00c);

/** By what they are: parsers, encoders and fuzzers take them all. */
export const MESSAGES: ReadonlyMap<string, Buffer> = new Map<string, Buffer>([
  ['a query', dnsBytes({}, WWW)],
  ['a query with EDNS', dnsBytes({ counts: [1, 0, 0, 1] }, question(28, 'example', 'com'), opt(1232))],
  ['a query of the root', dnsBytes({}, question(2))],
  [
    'two addresses behind an alias',
    dnsBytes(
      { flags: ANSWER, counts: [1, 3, 0, 0] },
      WWW,
      resource(self, 5, pointed(16, 'host')),
      resource(u16(0xc02d), 1, Buffer.of(192, 0, 2, 7)),
      resource(u16(0xc02d), 28, Buffer.from('20010db8000000000000000000000007', 'hex')),
    ),
  ],
  [
    'names of mail and service hosts',
    dnsBytes(
      { flags: ANSWER, counts: [1, 2, 0, 0] },
      question(15, 'example', 'com'),
      resource(self, 15, Buffer.concat([u16(10), pointed(12, 'mail')])),
      resource(self, 33, Buffer.concat([u16(1, 2, 443), dnsName('a', 'b')])),
    ),
  ],
  ['a name that does not exist', dnsBytes({ flags: ANSWER | 3 }, WWW)],
  ['an answer that was cut', dnsBytes({ flags: ANSWER | 0x200 }, WWW)],
  ['a version that is not known', dnsBytes({ flags: ANSWER, counts: [1, 0, 0, 1] }, WWW, opt(512, 1))],
  ['a refusal without the question', dnsBytes({ flags: ANSWER | 1, counts: [0, 0, 0, 0] })],
  ['an update', dnsBytes({ flags: 5 << 11, counts: [1, 0, 0, 0] }, question(6, 'example', 'com'))],
  [
    'a text',
    dnsBytes({ flags: ANSWER, counts: [1, 1, 0, 0] }, WWW, resource(self, 16, Buffer.of(2, 0x68, 0x69))),
  ],
  ['nothing', Buffer.alloc(0)],
  ['half a header', Buffer.from('12340100', 'hex')],
  ['no question', dnsBytes({ counts: [0, 0, 0, 0] })],
  ['two questions', dnsBytes({ counts: [2, 0, 0, 0] }, WWW, WWW)],
  ['a pointer to itself', dnsBytes({}, self, u16(1, 1))],
  ['two pointers in a ring', dnsBytes({}, u16(0xc00e, 0xc00c), u16(1, 1))],
  ['a pointer ahead', dnsBytes({}, u16(0xc020), u16(1, 1), Buffer.alloc(40))],
  [
    'a chain of pointers',
    dnsBytes({ counts: [1, 1, 0, 0], flags: ANSWER }, WWW, resource(self, 5, u16(0xc00c))),
  ],
  ['a name of 256 bytes', dnsBytes({}, question(1, ...Array.from({ length: 4 }, () => 'x'.repeat(63))))],
  ['a label of a kind that is not used', dnsBytes({}, Buffer.of(0x41, 0x41), Buffer.alloc(70))],
  ['bytes in labels', dnsBytes({}, question(16, 'a.b', Buffer.of(0, 0x5c, 0x22, 0xff, 9, 0x20), 'ü'))],
  ['a question that ends early', dnsBytes({}, dnsName('www'))],
  [
    'an address of three bytes',
    dnsBytes({ flags: ANSWER, counts: [1, 1, 0, 0] }, WWW, resource(self, 1, Buffer.of(1, 2, 3))),
  ],
  [
    'a record longer than the message',
    dnsBytes({ flags: ANSWER, counts: [1, 1, 0, 0] }, WWW, resource(self, 1, Buffer.of(1, 2, 3, 4), 40)),
  ],
  [
    'an alias that ends before its record',
    dnsBytes({ flags: ANSWER, counts: [1, 1, 0, 0] }, WWW, resource(self, 5, Buffer.concat([self, self]))),
  ],
  [
    'counts that promise what is not there',
    dnsBytes({ flags: ANSWER, counts: [1, 65535, 65535, 65535] }, WWW),
  ],
  ['a type without a name', dnsBytes({}, question(65280, 'x'))],
]);
