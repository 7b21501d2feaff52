// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Tier } from '../../src/sensor/tiers.ts';
import { repository } from './repository.ts';
import { skip } from './skip.ts';
import { scaled } from './triggers.ts';
import { openWatch, type Watch } from './watch.ts';

/** One way to get past a sensor, as docs/evasion.md lists it. */
export interface Trick {
  readonly number: number;
  readonly title: string;
  /** What sees it all the same. */
  readonly how: string;
  /** Short names of the events that it would have to get past. */
  readonly events: readonly string[];
  /** Where it does escape, with the reason; the test then holds that it does. */
  readonly escapes?: Partial<Record<Tier, string>>;
}

/** What became of a trick on one tier; reasons stand behind a colon. */
export type Outcome = 'caught' | `escapes: ${string}` | `untried: ${string}`;

/** A row of test/evasion/outcomes.json, from which docs/evasion.md is made. */
export interface OutcomeRow extends Pick<Trick, 'number' | 'title' | 'how'> {
  readonly A?: Outcome;
  readonly B?: Outcome;
}

export const OUTCOMES: string = join(repository, 'test/evasion/outcomes.json');

/** With the first of these set outcomes go to that file instead of being compared; the second forces a tier. */
const { EVASION_OUTCOMES, EVASION_TIER } = process.env;

function tell(row: Pick<Trick, 'number' | 'title' | 'how'>, tier: Tier, outcome: Outcome): void {
  const { number, title, how } = row;
  if (EVASION_OUTCOMES) {
    appendFileSync(EVASION_OUTCOMES, `${JSON.stringify({ number, title, how, [tier]: outcome })}\n`);
    return;
  }
  const rows = JSON.parse(readFileSync(OUTCOMES, 'utf8')) as OutcomeRow[];
  const written = rows.find((each) => each.number === number);
  assert.deepEqual(
    { title: written?.title, how: written?.how, outcome: written?.[tier] },
    { title, how, outcome },
    'docs/evasion.md says otherwise: npm run evasion',
  );
}

/** The tier on which the trick's events are seen here. */
function tierOf(watch: Watch): Tier {
  return watch.sensor.tier === 'B' ? 'B' : 'A';
}

/**
 * A test of one trick. `attempt` does the deed and throws an AssertionError unless the sensor tells the truth of it.
 */
export function trick(trick: Trick, attempt: (watch: Watch, context: Mocha.Context) => Promise<void>): void {
  const { number, title, events, escapes } = trick;
  describe(`evasion ${number}: ${title}`, function () {
    this.timeout(scaled(120_000));
    let watch: Watch | undefined;
    afterEach(() => watch?.close());

    it('is caught, or escapes as it is written', async function () {
      watch = openWatch(this, EVASION_TIER === 'B' ? { trampolines: false } : {});
      const tier = tierOf(watch);
      for (const event of events) watch.requires(this, `agentsmith.${event}`);
      const reason = escapes?.[tier];
      if (reason === undefined) {
        await attempt(watch, this);
        tell(trick, tier, 'caught');
        return;
      }
      await assert.rejects(attempt(watch, this), assert.AssertionError, 'it does not escape any more');
      tell(trick, tier, `escapes: ${reason}`);
    });
  });
}

/** A trick that nobody tries here, on either tier, with the reason. */
export function untried(number: number, title: string, reason: string): void {
  it(`evasion ${number}: ${title}`, function () {
    const row = { number, title, how: '' };
    for (const tier of ['A', 'B'] as const) tell(row, tier, `untried: ${reason}`);
    skip(this, reason);
  });
}
