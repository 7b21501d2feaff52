// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { appendFileSync } from 'node:fs';
import type { Tier } from '../../src/sensor/tiers.ts';
import { type Outcome, type OutcomeRow, readOutcomes } from './outcomes.ts';
import { skip, skipReason } from './skip.ts';
import { scaled } from './triggers.ts';
import { openWatch, type Watch, type WatchOptions } from './watch.ts';

/** One way to get past a sensor, as docs/evasion.md lists it. */
export interface Trick {
  readonly number: number;
  readonly title: string;
  /** What sees it all the same. */
  readonly how: string;
  /** Short names of the events that it would have to get past. */
  readonly events: readonly string[];
  /** Where it does escape, or a part of it, with the reason; the test then holds that it does. */
  readonly escapes?: Partial<Record<Tier, string>>;
  /** Where the trick needs a watch of its own: opening one costs a second, ten of them in a guest. */
  readonly watch?: WatchOptions;
}

/** Does a deed, and throws an AssertionError unless the sensor tells the truth of it. */
export type Attempt = (watch: Watch, context: Mocha.Context, tier: Tier) => Promise<void> | void;

/** With the first of these set outcomes go to that file instead of being compared; the second forces a tier. */
const { EVASION_OUTCOMES, EVASION_TIER } = process.env;

/** One watch for all tricks that want nothing special: a pending connect within the first retry of a SYN. */
const SHARED: WatchOptions = { events: 'all', pendingAfterMs: 500, dnsPorts: [53, 5353] };
let shared: Watch | undefined;
after(function () {
  // Detaching some hundred trampolines takes a kernel that is emulated longer than mocha waits.
  this.timeout(scaled(60_000));
  return shared?.close();
});

function open(context: Mocha.Context, options?: WatchOptions): Watch {
  const tier = EVASION_TIER === 'B' ? { trampolines: false } : {};
  if (options) return openWatch(context, { events: 'all', ...options, ...tier });
  shared ??= openWatch(context, { ...SHARED, ...tier });
  return shared;
}

type Row = Pick<OutcomeRow, 'number' | 'title' | 'how'>;

function tell({ number, title, how }: Row, tier: Tier, outcome: Outcome): void {
  if (EVASION_OUTCOMES) {
    appendFileSync(EVASION_OUTCOMES, `${JSON.stringify({ number, title, how, [tier]: outcome })}\n`);
    return;
  }
  const written = readOutcomes().find((each) => each.number === number);
  assert.deepEqual(
    { title: written?.title, how: written?.how, outcome: written?.[tier] },
    { title, how, outcome },
    'docs/evasion.md says otherwise: npm run evasion',
  );
}

/**
 * A test of one trick. `caught` is what is seen on every tier. `hole` is what escapes where the trick says so; where it
 * does not say so, that must be seen as well.
 */
export function trick(trick: Trick, caught: Attempt, hole?: Attempt): void {
  const { number, title, events, escapes } = trick;
  describe(`evasion ${number}: ${title}`, function () {
    this.timeout(scaled(60_000));
    let watch: Watch | undefined;
    afterEach(() => (watch === shared ? undefined : watch?.close()));

    it('is caught, or escapes as it is written', async function () {
      watch = open(this, trick.watch);
      const tier: Tier = watch.sensor.tier === 'B' ? 'B' : 'A';
      const reason = escapes?.[tier];
      try {
        for (const event of events) watch.requires(this, `agentsmith.${event}`);
        await caught(watch, this, tier);
        const seen = async () => hole?.(watch!, this, tier);
        if (reason === undefined) await seen();
        else await assert.rejects(seen, assert.AssertionError, 'it does not escape any more');
      } catch (error) {
        // What this kernel cannot do is told on the page, and compared nowhere: another kernel can.
        const lacking = skipReason(this.runnable());
        if (lacking !== undefined && EVASION_OUTCOMES) tell(trick, tier, `untried: ${lacking}`);
        throw error;
      }
      tell(trick, tier, reason === undefined ? 'caught' : `escapes: ${reason}`);
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
