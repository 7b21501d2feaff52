// SPDX-License-Identifier: Apache-2.0
// Examples; any bytes: test/fuzz/text.test.ts.
import assert from 'node:assert/strict';
import { decodeText, JoinedPath, needsEscape, PathText } from '../../../src/decode/text.ts';
import { pathBytes } from '../../support/records.ts';

const latin1 = (text: string) => Buffer.from(text, 'latin1');
const decode = (bytes: Buffer) => decodeText(bytes, 0, bytes.length);

describe('text of the kernel', () => {
  const KEPT = ['', 'ls', 'C:\\dir', '\\xff', 'a\nb\x1b[0m', 'Jürgen', '€', '😀', '\u{10ffff}'];
  for (const text of KEPT) {
    it(`is kept as it is when it is UTF-8: ${JSON.stringify(text)}`, () => {
      assert.equal(decode(Buffer.from(text)), text);
      assert.equal(needsEscape(Buffer.from(text), 0, Buffer.byteLength(text)), false);
    });
  }

  const ESCAPED: readonly (readonly [bytes: string, text: string])[] = [
    ['caf\xe9', 'caf\\xe9'],
    ['\\xff\xff', '\\\\xff\\xff'],
    ['\xc0\xaf', '\\xc0\\xaf'], // overlong
    ['\xe0\x80\xaf', '\\xe0\\x80\\xaf'],
    ['\xed\xa0\x80', '\\xed\\xa0\\x80'], // surrogate
    ['\xf4\x90\x80\x80', '\\xf4\\x90\\x80\\x80'], // beyond U+10FFFF
    ['\xf0\x9f\x98', '\\xf0\\x9f\\x98'], // cut
    ['\xc3\xbc\x80', 'ü\\x80'],
  ];
  for (const [bytes, text] of ESCAPED) {
    it(`has \\xNN for what is not UTF-8, and then no single backslash: ${text}`, () => {
      assert.equal(decode(latin1(bytes)), text);
      assert.ok(needsEscape(latin1(bytes), 0, bytes.length));
    });
  }

  it('does not look behind its end for the rest of a character', () => {
    const bytes = Buffer.from('ü');
    assert.equal(decodeText(bytes, 0, 1), '\\xc3');
  });
});

describe('a path of the kernel', () => {
  const turned = (bytes: Buffer) =>
    PathText.bytes.toString('latin1', 0, PathText.turn(bytes, 0, bytes.length));

  const PATHS: readonly (readonly [kernel: string, path: string])[] = [
    ['passwd\0etc\0\0', '/etc/passwd'],
    ['\0', '/'],
    ['memfd:x\0', 'memfd:x'],
    ['', ''],
    ['TCP\0', 'TCP'],
    ['c\0b\0', 'b/c'],
    ['c\0b', 'b/c'],
  ];
  for (const [kernel, path] of PATHS) {
    it(`is turned round: ${JSON.stringify(path)}`, () => assert.equal(turned(latin1(kernel)), path));
  }

  it('is encoded by the builders of the tests as ebpf/events.h describes it', () => {
    for (const [kernel, path] of PATHS.slice(0, 5)) assert.deepEqual(pathBytes(path), latin1(kernel));
  });

  it('keeps its end, without a leading slash, when it is longer than any path may be', () => {
    const path = turned(pathBytes(`/${'directory/'.repeat(600)}leaf`));
    assert.ok(path.length > 4096 && path.endsWith('/directory/leaf') && !path.startsWith('/'));
  });
});

describe('a path in two pieces', () => {
  const join = (path: string, name: string) => {
    const first = pathBytes(path);
    const bytes = Buffer.concat([first, latin1(name)]);
    const length = JoinedPath.join(bytes, 0, first.length, first.length, name.length);
    return JoinedPath.bytes.toString('latin1', 0, length);
  };
  for (const [path, name, whole] of [
    ['/srv/a', '', '/srv/a'],
    ['/', '', '/'],
    ['', '', ''],
    ['/srv/a', 'b/c', '/srv/a/b/c'],
    ['/', 'b', '/b'],
    ['/', '/b', '/b'],
    ['/jail', '/b', '/jail/b'],
    ['', 'b', 'b'],
    ['', '/b', '/b'],
    ['/srv', '../x//y', '/srv/../x//y'],
    [`/${'p'.repeat(4094)}`, 'n'.repeat(4095), `/${'p'.repeat(4094)}/${'n'.repeat(4095)}`],
  ] as const) {
    it(`is one: ${JSON.stringify(path.slice(0, 20))} and ${JSON.stringify(name.slice(0, 20))}`, () =>
      assert.equal(join(path, name), whole));
  }
});
