// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { ERRNO_NAMES, SIGNAL_NAMES, ttyPath } from '../../../src/decode/names.ts';

describe('errno names', () => {
  it('are those of the kernel where a number has two', () => {
    assert.equal(ERRNO_NAMES.get(11), 'EAGAIN');
    assert.equal(ERRNO_NAMES.get(95), 'EOPNOTSUPP');
  });

  it('know all that a connect can answer, also those that Node has no constant for', () => {
    // net/ipv4/icmp.c icmp_err_convert, net/ipv6/icmp.c tab_unreach, connect(2)
    const answers = [
      'EACCES',
      'ECONNREFUSED',
      'ECONNRESET',
      'EHOSTDOWN',
      'EHOSTUNREACH',
      'EINPROGRESS',
      'EMSGSIZE',
    ];
    answers.push(
      'ENETUNREACH',
      'ENONET',
      'ENOPROTOOPT',
      'EOPNOTSUPP',
      'EPERM',
      'EPROTO',
      'ETIMEDOUT',
      'ESHUTDOWN',
    );
    const known = new Set(ERRNO_NAMES.values());
    assert.deepEqual(
      answers.filter((name) => !known.has(name)),
      [],
    );
  });
});

describe('signal names', () => {
  it('are those that kill -l prints where a number has two', () => {
    assert.equal(SIGNAL_NAMES.get(6), 'SIGABRT');
    assert.equal(SIGNAL_NAMES.get(29), 'SIGIO');
    assert.equal(SIGNAL_NAMES.get(9), 'SIGKILL');
  });

  it('know all 31 signals', () => {
    for (let number = 1; number <= 31; number++)
      assert.match(SIGNAL_NAMES.get(number) ?? '', /^SIG[A-Z0-9]+$/);
  });
});

describe('the path of a controlling terminal', () => {
  const device = (major: number, minor: number) => ((major << 20) | minor) >>> 0;
  const TERMINALS: readonly (readonly [number, number, string])[] = [
    [136, 0, '/dev/pts/0'],
    [136, 300, '/dev/pts/300'],
    [137, 1, '/dev/pts/257'],
    [4, 1, '/dev/tty1'],
    [4, 64, '/dev/ttyS0'],
    [5, 1, '/dev/console'],
    [204, 64, '/dev/ttyAMA0'],
    [229, 0, '/dev/hvc0'],
    [188, 3, 'tty:188:3'],
  ];
  for (const [major, minor, path] of TERMINALS) {
    it(`is told from its number: ${path}`, () => assert.equal(ttyPath(device(major, minor)), path));
  }

  it('is absent when there is none', () => assert.equal(ttyPath(0), undefined));
});
