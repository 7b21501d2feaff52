// SPDX-License-Identifier: Apache-2.0
// The judge of test/chaos: what it would find if something were missing, twice or new. What it found: results.json.
import assert from 'node:assert/strict';
import { course, isFlat, line } from '../../chaos/slope.ts';
import { type Arrival, Tally } from '../../chaos/tally.ts';
import { readChaos } from '../../support/chaos-outcomes.ts';

const record = (sequence: number, time = sequence, address = `127.0.0.${sequence % 256}`): Arrival => ({
  eventName: 'agentsmith.network.connect',
  time,
  attributes: {
    'agentsmith.event.cpu': 1,
    'agentsmith.event.sequence': sequence,
    'network.peer.address': address,
  },
});

function tallied(requests: readonly (readonly Arrival[])[], bases?: readonly number[]) {
  const tally = new Tally();
  for (const request of requests) tally.enter(request);
  return tally.sort(bases);
}

describe('the tally of what a receiver took', () => {
  it('finds numbers that are missing, and between which times', () => {
    const { holes, different } = tallied([
      [record(7, 70), record(5, 50)],
      [record(4, 40), record(10, 100)],
    ]);
    assert.deepEqual(holes, [
      { cpu: 1, count: 1, after: 50, before: 70 },
      { cpu: 1, count: 2, after: 70, before: 100 },
    ]);
    assert.deepEqual(different, { 'agentsmith.network.connect': 4 });
  });

  it('counts a record that came twice once, and knows in which requests', () => {
    const first = [record(1), record(2)];
    const { again, different, holes, sizes } = tallied([first, [record(3)], first]);
    assert.deepEqual(again, [{ first: 0, second: 2, count: 2 }]);
    assert.deepEqual([different['agentsmith.network.connect'], holes, sizes], [3, [], [2, 1, 2]]);
  });

  it('takes the numbers of the next run for no hole, whichever way the clock went', () => {
    for (const later of [5000, 100]) {
      const requests = [
        [record(1000), record(1001)],
        [record(later), record(later + 1)],
      ];
      assert.deepEqual(tallied(requests, [1000, later]).holes, []);
      assert.equal(tallied(requests).holes.length, 1);
    }
  });

  it('knows which deeds were told of, and what the stream says of losses', () => {
    const gap: Arrival = {
      eventName: 'agentsmith.sensor.gap',
      time: 0,
      attributes: {
        'agentsmith.gap.event': 'mixed',
        'agentsmith.gap.reason': 'unclean_stop',
        'agentsmith.gap.start': '2026-01-01T00:00:00.000Z',
        'agentsmith.gap.end': '2026-01-01T00:00:01.000Z',
      },
    };
    const { has, gaps } = tallied([[record(1, 1, '127.1.2.3'), gap]]);
    assert.deepEqual([has(0x10203), has(0x10204)], [true, false]);
    const start = Date.UTC(2026, 0, 1);
    assert.deepEqual(gaps, [{ event: 'mixed', reason: 'unclean_stop', start, end: start + 1000 }]);
  });
});

describe('the verdict of the soak', () => {
  /** A sample every five seconds for half an hour, minutes and MiB. */
  const samples = (grow: number, noise = 1) =>
    Array.from({ length: 360 }, (_, i): [number, number] => [
      i / 12,
      140 + (grow * i) / 12 + noise * Math.sin(i * 12.9898),
    ]);
  const verdict = (points: readonly [number, number][]) => isFlat(course(points));

  it('tells growth from noise', () => {
    assert.ok(Math.abs(line(samples(0.5, 0)).slope - 0.5) < 1e-9);
    assert.equal(verdict(samples(0.5)), false);
    assert.equal(verdict(samples(0.05)), false);
    assert.equal(verdict(samples(0)), true);
    assert.equal(verdict(samples(-0.5)), true);
  });
});

describe('docs/reliability.md', () => {
  it('is made of scenarios in which nothing was left unexplained', () => {
    const rows = readChaos();
    assert.ok(rows.length >= 16, `${rows.length} scenarios`);
    for (const { scenario, happened, delivered, lost, unclean, unexplained } of rows) {
      const counted = Object.values(lost).reduce((sum, count) => sum + count, 0);
      assert.equal(happened - delivered - counted - unclean, 0, scenario);
      assert.equal(unexplained, 0, scenario);
    }
  });
});
