// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Clock } from '../../src/clock.ts';

const low = (value: bigint) => Number(BigInt.asUintN(32, value));
const high = (value: bigint) => Number(BigInt.asUintN(32, value >> 32n));
const wall = (clock: Clock, boot: bigint) => clock.wall(low(boot), high(boot));

function clockOf(offset: bigint): Clock {
  const clock = new Clock();
  clock.offset = offset;
  return clock;
}

describe('Clock', () => {
  it('adds its offset to a boot time, to the nanosecond', () => {
    const clock = clockOf(1_763_000_000_123_456_789n);
    assert.equal(wall(clock, 987_654_321n), 1_763_000_001_111_111_110n);
    assert.equal(clock.offset, 1_763_000_000_123_456_789n);
  });

  it('carries from the low half into the high one', () => {
    assert.equal(wall(clockOf(1n), 0xffff_ffffn), 0x1_0000_0000n);
    assert.equal(wall(clockOf(0xffff_ffffn), 0xffff_ffffn), 0x1_ffff_fffen);
    assert.equal(wall(clockOf(0x1_ffff_ffffn), 0x1_0000_0001n), 0x3_0000_0000n);
  });

  it('takes a clock that was set to before the boot', () => {
    assert.equal(wall(clockOf(-5n), 7n), 2n);
    assert.equal(wall(clockOf(-0x1_0000_0005n), 0x2_0000_0005n), 0x1_0000_0000n);
  });

  it('is plain addition for any time and offset', () => {
    fc.assert(
      fc.property(
        fc.bigInt(0n, (1n << 64n) - 1n),
        fc.bigInt(-(1n << 63n), (1n << 63n) - 1n),
        (boot, offset) => {
          assert.equal(wall(clockOf(offset), boot), BigInt.asUintN(64, boot + offset));
        },
      ),
    );
  });
});
