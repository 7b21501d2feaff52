// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { UsageError } from '../../../src/config/usage-error.ts';
import {
  count,
  duration,
  endpoint,
  eventNames,
  matches,
  output,
  ports,
  powerOfTwoSize,
  processId,
  size,
  variableNames,
} from '../../../src/config/values.ts';

const MIB = 2 ** 20;
const KNOWN = ['agentsmith.process.exec', 'agentsmith.process.exit', 'agentsmith.network.connect'];
const [EXEC, EXIT, CONNECT] = KNOWN;

describe('values', () => {
  it('read a time with its unit, or as plain seconds', () => {
    for (const [text, ms] of [
      ['30s', 30_000],
      ['5m', 300_000],
      ['1h', 3_600_000],
      ['1h30m', 5_400_000],
      ['500ms', 500],
      ['10', 10_000],
      ['0.5', 500],
      ['24d', 2_073_600_000],
    ] as const) {
      assert.equal(duration(text), ms, text);
    }
    for (const text of ['', '0', '-1', '5 m', '1x', 's', '25d', '1e3', '999999999d'])
      assert.throws(() => duration(text), UsageError, text);
  });

  it('read where a server listens', () => {
    for (const [text, host, port] of [
      ['13134', '127.0.0.1', 13_134],
      ['127.0.0.1:0', '127.0.0.1', 0],
      ['[::1]:80', '::1', 80],
      ['localhost:65535', 'localhost', 65_535],
    ] as const) {
      assert.deepEqual(endpoint(text), { host, port }, text);
    }
    for (const text of ['', ':1', '::1:80', 'a', 'a:', '1.2.3.4:65536', 'a b:1', '[x]:1'])
      assert.throws(() => endpoint(text), UsageError, text);
  });

  it('read up to 8 ports', () => {
    assert.deepEqual(ports('53'), [53]);
    assert.deepEqual(ports('53, 5353,53,65535'), [53, 5353, 65_535]);
    assert.deepEqual(ports('1,2,3,4,5,6,7,8'), [1, 2, 3, 4, 5, 6, 7, 8]);
    for (const text of ['', ',', '0', '65536', 'dns', '5 3', '-1', '1e2', '1,2,3,4,5,6,7,8,9'])
      assert.throws(() => ports(text), UsageError, text);
  });

  it('read a size in powers of 1024', () => {
    for (const [text, bytes] of [
      ['8MiB', 8 * MIB],
      ['8m', 8 * MIB],
      ['8MB', 8 * MIB],
      ['1024k', MIB],
      ['1048576', MIB],
      ['1048576B', MIB],
      ['1GiB', 1024 * MIB],
    ] as const) {
      assert.equal(size(text, MIB, 1024 * MIB), bytes, text);
    }
    for (const text of ['', '8X', '1.5MiB', '-8MiB', '1023k', '2GiB', '999999999999999g']) {
      assert.throws(() => size(text, MIB, 1024 * MIB), UsageError, text);
    }
    assert.equal(powerOfTwoSize('64MiB', MIB, 64 * MIB), 64 * MIB);
    assert.throws(() => powerOfTwoSize('1048577', MIB, 64 * MIB), /nearest are 1MiB and 2MiB/);
  });

  it('read a whole number within its bounds', () => {
    assert.deepEqual([count('1', 1, 1000), count('1000', 1, 1000)], [1, 1000]);
    for (const text of ['', '0', '1001', '-1', '1.5', 'x', '1e2'])
      assert.throws(() => count(text, 1, 1000), UsageError, text);
  });

  it('read an output, and leave the path of a file as it is', () => {
    for (const text of ['console', 'json', 'none', 'file:x', 'file:/A b/ü:y'] as const)
      assert.equal(output(text), text);
    for (const text of ['', 'file', 'file:', 'File:x', '/x', 'jsonn'])
      assert.throws(() => output(text), UsageError, text);
    assert.throws(() => output('events.jsonl'), /none of console, json, none; or write file:PATH/);
  });

  it('read names of variables that the programs can hold', () => {
    assert.deepEqual(variableNames('LD_PRELOAD, A,,A'), ['LD_PRELOAD', 'A']);
    assert.deepEqual(variableNames(''), []);
    assert.deepEqual(variableNames('A'.repeat(31)), ['A'.repeat(31)]);
    assert.throws(() => variableNames('A'.repeat(32)), UsageError);
    assert.throws(() => variableNames('1A'), UsageError);
    assert.throws(() => variableNames('A,B,C,D,E,F,G,H,I'), /9 names are too many; at most 8/);
  });

  it('read process ids of Linux', () => {
    assert.equal(processId('4194304'), 4_194_304);
    for (const text of ['0', '-1', '4194305', '1.5', 'self'])
      assert.throws(() => processId(text), UsageError, text);
  });

  it('find events by full name, short name, last word, glob and all', () => {
    assert.deepEqual(eventNames('agentsmith.process.exec', KNOWN), [EXEC]);
    assert.deepEqual(eventNames('connect,process.exec', KNOWN), [EXEC, CONNECT]);
    assert.deepEqual(eventNames('process.*', KNOWN), [EXEC, EXIT]);
    assert.deepEqual(eventNames('ex??', KNOWN), [EXEC, EXIT]);
    assert.deepEqual(eventNames('all', KNOWN), KNOWN);
    assert.throws(() => eventNames('file.*', KNOWN), UsageError);
    assert.throws(() => eventNames(' , ', KNOWN), UsageError);
  });

  it('match globs as the regular expression does that they stand for', () => {
    const letter = fc.constantFrom('a', 'b', '.');
    const text = fc.array(letter, { maxLength: 8 }).map((letters) => letters.join(''));
    const glob = fc
      .array(fc.oneof(letter, fc.constantFrom('*', '?')), { maxLength: 6 })
      .map((letters) => letters.join(''));
    fc.assert(
      fc.property(glob, text, (pattern, word) => {
        const same = new RegExp(
          `^${pattern.replaceAll('.', '\\.').replaceAll('*', '.*').replaceAll('?', '.')}$`,
        );
        assert.equal(matches(pattern, word), same.test(word));
      }),
      { numRuns: 5000 },
    );
  });

  it('give a number in range or refuse, whatever is written', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ maxLength: 20 }), fc.stringMatching(/^[0-9.]{1,12}[a-zA-Z]{0,3}$/)),
        (text) => {
          for (const read of [() => duration(text), () => size(text, 1, 2 ** 40)]) {
            try {
              const value = read();
              assert.ok(Number.isInteger(value) && value > 0);
            } catch (error) {
              assert.ok(error instanceof UsageError, `${error}`);
            }
          }
        },
      ),
      { numRuns: 5000 },
    );
  });
});
