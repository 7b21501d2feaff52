// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from './repository.ts';

/** What came of one scenario of test/chaos: a row of test/chaos/results.json, from which docs/reliability.md is made. */
export interface ChaosRow {
  /** Also the title of its test. */
  readonly scenario: string;
  /** What took the records. */
  readonly receiver: 'Collector' | 'test receiver';
  /** Events that happened, as those say who caused them. */
  readonly happened: number;
  /** Different records that arrived. */
  readonly delivered: number;
  /** By event and reason, as the ledger counts them. */
  readonly lost: Readonly<Record<string, number>>;
  /** Missing, and within a gap `unclean_stop`. */
  readonly unclean: number;
  /** Records that came again, and why. */
  readonly twice: number;
  readonly whyTwice?: string;
  /** happened - delivered - lost - unclean, each record and its number looked at. */
  readonly unexplained: number;
  /** Highest resident memory of the agent, MiB. */
  readonly rss: number;
}

/** A size over time. */
export interface Course {
  /** MiB. */
  readonly least: number;
  readonly most: number;
  /** Of a line through it, MiB an hour, and the standard error of that. */
  readonly growth: number;
  readonly error: number;
}

/** What `npm run soak -- --write` measured. */
export interface Soak {
  readonly minutes: number;
  /** Events a second. */
  readonly rate: number;
  readonly events: number;
  readonly lost: number;
  readonly cpuPercent: number;
  /** Behind the first quarter: what is resident, and of it what the agent has allocated. */
  readonly resident: Course;
  readonly own: Course;
  /** What is resident. */
  readonly isFlat: boolean;
  /** What else has to be known of the run. */
  readonly note?: string;
}

export const CHAOS: string = join(repository, 'test/chaos/results.json');
export const SOAK: string = join(repository, 'test/chaos/soak.json');

/** Of the last `npm run chaos`. */
export function readChaos(): readonly ChaosRow[] {
  return JSON.parse(readFileSync(CHAOS, 'utf8')) as ChaosRow[];
}

/** Of the last `npm run soak -- --write`. */
export function readSoak(): Soak {
  return JSON.parse(readFileSync(SOAK, 'utf8')) as Soak;
}
