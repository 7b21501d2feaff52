// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import type { Deeds } from './deeds.ts';
import type { Hole, Tallied } from './tally.ts';

/** Everything that is missing lies within a gap `unclean_stop`: each deed, and each number. How much that is. */
export function checkMissing({ gaps, has, holes, different }: Tallied, deeds: Deeds, kills: number): number {
  assert.deepEqual(
    gaps.map(({ reason, event, count }) => [reason, event, count]),
    Array.from({ length: kills }, () => ['unclean_stop', 'mixed', undefined]),
  );
  const lies = (from: number, to: number) => gaps.some(({ start, end }) => start <= to && from <= end);
  let missing = 0;
  let outside = 0;
  for (let deed = 1; deed < deeds.next; deed++) {
    const [from, to] = deeds.between(deed);
    if (!lies(from, to)) outside++;
    if (has(deed)) continue;
    missing++;
    assert.ok(
      lies(from, to),
      `deed ${deed} of ${new Date(from).toISOString()} is missing, outside every gap`,
    );
  }
  assert.ok(missing > 0, 'the agent was killed in a storm, and nothing is missing');
  assert.ok(outside > 0, 'the gaps are as wide as the storm');
  assert.equal(missing, deeds.made.connects - different['agentsmith.network.connect']!);
  const unexplained = (hole: Hole) => !lies(hole.after, hole.before);
  assert.deepEqual(holes.filter(unexplained), [], 'numbers are missing outside every gap');
  const { happened } = deeds;
  const all = Object.values(happened).reduce((sum, count) => sum + count, 0);
  return all - Object.values(different).reduce((sum, count) => sum + count, 0);
}
