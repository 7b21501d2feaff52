// SPDX-License-Identifier: Apache-2.0
// The grammar of --filter. What the kernel does with it is left to test/kernel/filters.test.ts.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { filterRule, parseNetwork, pathPattern } from '../../../src/config/filters.ts';
import { UsageError } from '../../../src/config/usage-error.ts';

const EXEC = 'agentsmith.process.exec';
const CONNECT = 'agentsmith.network.connect';
const CREATE = 'agentsmith.file.create';
const KNOWN = [EXEC, 'agentsmith.process.exit', CONNECT, CREATE, 'agentsmith.file.rename'];

describe('a filter', () => {
  it('says what becomes of which events of whom', () => {
    assert.deepEqual(filterRule('drop exec uid=1000', KNOWN), {
      action: 'drop',
      events: [EXEC],
      subject: 'uid',
      value: '1000',
    });
    assert.deepEqual(filterRule('  keep  process.*  executable=/opt/a b ', KNOWN), {
      action: 'keep',
      events: [EXEC, 'agentsmith.process.exit'],
      subject: 'executable',
      value: '/opt/a b',
    });
  });

  it('concerns only events that have what it looks at', () => {
    assert.deepEqual(filterRule('drop all destination=::1', KNOWN).events, [CONNECT]);
    assert.deepEqual(filterRule('drop all path=/tmp/', KNOWN).events, [CREATE, 'agentsmith.file.rename']);
    assert.throws(() => filterRule('drop exec path=/tmp/', KNOWN), /none of these events has a path/);
  });

  for (const [text, why] of [
    ['', /write drop\|keep EVENTS/],
    ['drop exec', /write drop\|keep EVENTS/],
    ['ignore exec uid=0', /write drop\|keep EVENTS/],
    ['drop exec comm=sh', /nothing to filter by/],
    ['drop exec user=0', /nothing to filter by/],
    ['drop exec uids=0', /did you mean uid/i],
    ['drop exce uid=0', /did you mean/i],
    ['drop exec uid=root', /no user id/],
    ['drop exec uid=4294967296', /no user id/],
    ['drop exec cgroup=system.slice', /no control group/],
    ['drop exec executable=sh', /no absolute path/],
    ['drop connect destination=10.0.0.0/33', /no network/],
    ['drop connect destination=example.org', /no network/],
    ['drop create path=*', /behind the star/],
    ['drop create path=*/x', /behind the star/],
    ['drop create path=/tmp/a*', /only at the beginning/],
    [`drop create path=/${'x'.repeat(64)}/`, /too long/],
  ] as const) {
    it(`is refused with a reason: ${text.slice(0, 50)}`, () => {
      assert.throws(
        () => filterRule(text, KNOWN),
        (error: Error) => error instanceof UsageError && why.test(error.message),
      );
    });
  }

  it('is refused in one line, whatever was written', () => {
    assert.throws(() => filterRule('drop\nexec\u2028\u001b[2J', KNOWN), {
      name: 'UsageError',
      message: /^"drop\\u\{a\}exec\\u\{2028\}\\u\{1b\}\[2J" is no filter; .*$/,
    });
  });

  it('has paths as the kernel walks them, from the leaf', () => {
    assert.deepEqual(pathPattern('/etc/cron.d/'), { kind: 'below', text: Buffer.from('\0cron.d\0etc\0\0') });
    assert.deepEqual(pathPattern('/'), { kind: 'below', text: Buffer.from('\0\0') });
    assert.deepEqual(pathPattern('/etc/passwd'), { kind: 'exact', text: Buffer.from('passwd\0etc\0\0') });
    assert.deepEqual(pathPattern('*.so'), { kind: 'leaf', text: Buffer.from('.so') });
  });

  it('has networks as IPv6', () => {
    assert.deepEqual(parseNetwork('10.1.0.0/16'), {
      address: Buffer.from('00000000000000000000ffff0a010000', 'hex'),
      bits: 112,
    });
    assert.deepEqual(parseNetwork('2001:db8::1'), {
      address: Buffer.from('20010db8000000000000000000000001', 'hex'),
      bits: 128,
    });
    assert.equal(parseNetwork('::ffff:10.0.0.1').address.toString('hex'), `${'0'.repeat(20)}ffff0a000001`);
    assert.equal(parseNetwork('::/0').bits, 0);
  });

  it('is never anything but a rule or a usage error', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc
            .tuple(
              fc.constantFrom('drop', 'keep', 'x'),
              fc.constantFrom('all', 'exec', '*'),
              fc.constantFrom('uid', 'path', 'destination', 'cgroup', 'executable', 'y'),
              fc.oneof(fc.string(), fc.ipV4(), fc.ipV6(), fc.constantFrom('/', '/a/', '*.b')),
            )
            .map(([action, events, subject, value]) => `${action} ${events} ${subject}=${value}`),
        ),
        (text) => {
          try {
            assert.ok(filterRule(text, KNOWN).events.length > 0);
          } catch (error) {
            assert.ok(error instanceof UsageError, `${error}`);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});
