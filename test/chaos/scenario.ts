// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sumOf } from '../../src/health/status.ts';
import { type ChaosRow, readChaos } from '../support/chaos-outcomes.ts';
import { cleanUp } from '../support/cli.ts';
import { needsKernel } from '../support/needs.ts';
import { scaled } from '../support/triggers.ts';
import { AgentUnderFire, type Books } from './agent-under-fire.ts';
import { CollectorUnderFire } from './collector-under-fire.ts';
import { Deeds } from './deeds.ts';
import type { Again, Tallied } from './tally.ts';

/** With it set the scenarios are as long as `npm run chaos` wants them, and their outcomes go to that file. */
const { CHAOS_OUTCOMES } = process.env;

/** Requests on their way at the same time, at most (src/export/sender.ts). */
export const IN_FLIGHT = 2;

/** How much of something: in `npm test`, and in `npm run chaos`. */
export const size = (short: number, long: number): number => (CHAOS_OUTCOMES ? long : short);

/** What a scenario has at its disposal; everything is taken down behind it. */
export class Stage {
  readonly context: Mocha.Context;
  readonly deeds: Deeds = new Deeds();
  /** Only ours, for `--state-dir`. */
  readonly folder: string = realpathSync(mkdtempSync(join(tmpdir(), 'agentsmith-chaos-')));
  readonly #agents: AgentUnderFire[] = [];
  readonly #closing: { close(): Promise<void> }[] = [];

  constructor(context: Mocha.Context) {
    this.context = context;
  }

  /** `--state-dir` of this scenario. */
  get keeping(): readonly string[] {
    return ['--state-dir', join(this.folder, 'state')];
  }

  async agent(url: string, ...args: readonly string[]): Promise<AgentUnderFire> {
    return this.take(await AgentUnderFire.start(url, this.deeds, args));
  }

  /** Counts an agent that was started elsewhere in. */
  take(agent: AgentUnderFire): AgentUnderFire {
    this.#agents.push(agent);
    return agent;
  }

  async collector(): Promise<CollectorUnderFire> {
    return this.closes(await CollectorUnderFire.start(this.context));
  }

  closes<T extends { close(): Promise<void> }>(what: T): T {
    this.#closing.push(what);
    return what;
  }

  get rss(): number {
    return Math.max(...this.#agents.map(({ rss }) => rss));
  }

  async close(): Promise<void> {
    for (const each of [...this.#agents, ...this.#closing]) await each.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** What a scenario found. */
export interface Finding {
  readonly books: Books;
  readonly tallied: Tallied;
  /** Missing, and within a gap `unclean_stop`; of a run that was killed nobody has the books. */
  readonly unclean?: number;
  /** Why records came twice, where they may. */
  readonly whyTwice?: string;
}

/** One scenario: a test, and a row of docs/reliability.md. */
export function scenario(
  title: string,
  receiver: ChaosRow['receiver'],
  run: (stage: Stage) => Promise<Finding>,
): void {
  it(`${title}${CHAOS_OUTCOMES ? '' : ', in short'}`, async function () {
    this.timeout(scaled(size(3, 30) * 60_000));
    const stage = new Stage(this);
    try {
      tell(rowOf(title, receiver, stage, await run(stage)));
    } finally {
      await stage.close();
    }
  });
}

/** For every suite of scenarios. */
export function prepare(): void {
  before(needsKernel);
  cleanUp();
}

/** Holds what was found against what happened. @throws AssertionError for whatever is not explained */
function rowOf(scenario: string, receiver: ChaosRow['receiver'], stage: Stage, finding: Finding): ChaosRow {
  const { books, tallied, unclean = 0, whyTwice } = finding;
  const { happened } = stage.deeds;
  const delivered = sumOf(tallied.different);
  const lost = sumOf(books.lost);
  const twice = tallied.again.reduce((sum, { count }) => sum + count, 0);
  const row: ChaosRow = {
    scenario,
    receiver,
    happened: sumOf(happened),
    delivered,
    lost: books.lost,
    unclean,
    twice,
    ...(twice > 0 && whyTwice !== undefined && { whyTwice }),
    unexplained: sumOf(happened) - delivered - lost - unclean,
    rss: Math.round(stage.rss),
  };
  const facts = `${JSON.stringify(row)} ${JSON.stringify({ books, happened, different: tallied.different, holes: tallied.holes.slice(0, 20), gaps: tallied.gaps.slice(0, 20), again: tallied.again.slice(0, 20) }, null, 1)}`;
  assert.equal(row.unexplained, 0, facts);
  assert.ok(twice === 0 || whyTwice !== undefined, `records came twice: ${facts}`);
  if (unclean > 0) return row;
  // The kernel saw each deed, once.
  assert.deepEqual(books.seen, happened, facts);
  // A reader who knows nothing but the numbers finds as many missing as the ledger says.
  assert.equal(
    tallied.holes.reduce((sum, { count }) => sum + count, 0),
    lost,
    facts,
  );
  // And the stream itself told of each of them, unless the receiver refused what told of it as well.
  const told = tallied.gaps.reduce((sum, gap) => sum + (gap.count ?? 0), 0);
  if (sumOf(books.own) === 0) assert.equal(told, lost, facts);
  else assert.ok(told < lost, facts);
  return row;
}

function tell(row: ChaosRow): void {
  console.log(`      ${JSON.stringify(row)}`);
  if (CHAOS_OUTCOMES) {
    appendFileSync(CHAOS_OUTCOMES, `${JSON.stringify(row)}\n`);
    return;
  }
  const written = readChaos().find(({ scenario }) => scenario === row.scenario);
  assert.equal(written?.receiver, row.receiver, `docs/reliability.md lacks "${row.scenario}": npm run chaos`);
}

/** Of requests that came again: each came as a whole. */
export function checkWhole(again: readonly Again[], sizes: readonly number[]): void {
  for (const { first, second, count } of again) {
    assert.equal(count, sizes[first], `request ${first} came again in part, in ${second}`);
    assert.equal(count, sizes[second], `request ${second} has a part of ${first}`);
  }
}
