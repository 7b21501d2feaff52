// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { Severity } from '../../../src/events/event.ts';
import { Activity } from '../../../src/watch/activity.ts';
import { NOON, record } from './records.ts';

describe('what the screen knows of processes', () => {
  it('is the rate, the count and the last deed of each, the busiest first', () => {
    const activity = new Activity();
    for (let ms = 0; ms < 60_000; ms += 100) {
      activity.take(record(1, 'busy', 'file.create', { ms, body: '/a' }));
      if (ms % 1000 === 0)
        activity.take(
          record(2, 'calm', 'network.connect', { ms, body: '→ 127.0.0.1:1', severity: Severity.WARN }),
        );
    }
    const [busy, calm, ...others] = activity.rows(NOON + 60_000, 10);
    assert.deepEqual(others, []);
    assert.ok(busy && calm);
    // The mean of five seconds: within a tenth of the true rate.
    assert.ok(Math.abs(busy.rate - 10) < 1, `${busy.rate}`);
    assert.ok(Math.abs(calm.rate - 1) < 0.2, `${calm.rate}`);
    assert.ok(Math.abs(activity.rate(NOON + 60_000) - 11) < 1);
    assert.deepEqual([busy.name, busy.events, busy.last, busy.isWarning], ['busy', 600, 'create /a', false]);
    assert.deepEqual([calm.events, calm.last, calm.isWarning], [60, 'connect → 127.0.0.1:1', true]);
    assert.equal(activity.rows(NOON + 60_000, 1).length, 1);
    assert.ok(activity.rows(NOON + 120_000, 1)[0]!.rate < 0.001);
  });

  it('keeps a process that has ended only until it has faded, and takes a pid that comes again for another one', () => {
    const activity = new Activity();
    activity.take(record(7, 'sh', 'process.exec', { body: 'sh -c true' }));
    activity.take(record(7, 'sh', 'process.exit', { ms: 5, body: 'exit 0 after 5.0 ms' }));
    assert.deepEqual(
      activity.rows(NOON + 5, 9).map(({ last, hasEnded }) => ({ last, hasEnded })),
      [{ last: 'exit 0 after 5.0 ms', hasEnded: true }],
    );
    assert.deepEqual(activity.rows(NOON + 20_000, 9), []);
    assert.equal(activity.size, 0);
  });

  it('is bounded in processes, records and letters, and the busy ones stay', () => {
    const activity = new Activity(64);
    for (let i = 1; i <= 10_000; i++) {
      activity.take(record(i, 'x'.repeat(5000), 'process.exec', { ms: i, body: 'y'.repeat(5000) }));
      activity.take(record(99_999, 'busy', 'file.create', { ms: i }));
      assert.ok(activity.size <= 64);
    }
    const [first, second] = activity.rows(NOON + 10_000, 2);
    assert.deepEqual([first!.name, first!.events], ['busy', 10_000]);
    assert.ok(second!.name.length <= 300 && second!.last.length <= 300);
    assert.equal(activity.recent(Number.POSITIVE_INFINITY).length, 100);
    assert.deepEqual(activity.recent(0), []);
  });

  it('has records without a process among the last ones alone', () => {
    const activity = new Activity();
    activity.take(record(undefined, '', 'sensor.gap', { body: '3 process.exec ring_full' }));
    assert.equal(activity.size, 0);
    assert.equal(activity.recent(1)[0]!.body, '3 process.exec ring_full');
  });
});
