// SPDX-License-Identifier: Apache-2.0
// How long a process lived, as the summary of its exit shows it.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { shortDuration, writeShortDuration } from '../../../src/events/process-exit.ts';
import { Writer } from '../../../src/otlp-writer.ts';

function written(seconds: number): string {
  const out = new Writer(Buffer.alloc(64));
  writeShortDuration(seconds, out);
  return out.bytes.toString('latin1', 0, out.at);
}

describe('a duration for people', () => {
  it('is in the unit that fits', () => {
    const shown = [0, 0.0004, 0.99995, 1, 1.25, 599.949, 599.96, 600, 7300].map(written);
    const expected = [
      '0.0 ms',
      '0.4 ms',
      '1000.0 ms',
      '1.0 s',
      '1.3 s',
      '599.9 s',
      '600.0 s',
      '10 min',
      '121 min',
    ];
    assert.deepEqual(shown, expected);
  });

  it('is rounded as toFixed rounds, whatever it is', () => {
    const nanos = fc.oneof(
      fc.integer({ min: 0, max: 2_000_000_000 }),
      fc.integer({ min: 0, max: 700_000_000_000 }),
      // Half a tenth, and its neighbours.
      fc
        .integer({ min: 0, max: 40_000 })
        .chain((i) => fc.constantFrom(i * 50_000 - 1, i * 50_000, i * 50_000 + 1)),
      fc.integer({ min: 0, max: 14_000 }).map((i) => i * 50_000_000),
    );
    fc.assert(
      fc.property(nanos, (n) => assert.equal(written(n / 1e9), shortDuration(n / 1e9))),
      { numRuns: 5000 },
    );
  });
});
