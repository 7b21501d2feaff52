// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from './repository.ts';

/** What became of a trick on one tier; reasons stand behind a colon. */
export type Outcome = 'caught' | `escapes: ${string}` | `untried: ${string}`;

/** A row of test/evasion/outcomes.json, from which docs/evasion.md is made. */
export interface OutcomeRow {
  readonly number: number;
  readonly title: string;
  /** What sees it all the same. */
  readonly how: string;
  readonly A?: Outcome;
  readonly B?: Outcome;
}

export const OUTCOMES: string = join(repository, 'test/evasion/outcomes.json');

/** What was written when the suite was last run for the page, by number. */
export function readOutcomes(): readonly OutcomeRow[] {
  return JSON.parse(readFileSync(OUTCOMES, 'utf8')) as OutcomeRow[];
}
