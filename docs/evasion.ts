// SPDX-License-Identifier: Apache-2.0
import type { Outcome, OutcomeRow } from '../test/support/outcomes.ts';

/** What is written of a tier on which a trick was not run. */
const UNKNOWN = 'untried: not run';

const kindOf = (outcome: string) =>
  outcome.slice(0, outcome.includes(':') ? outcome.indexOf(':') : undefined);
const reasonOf = (outcome: string) => outcome.slice(outcome.indexOf(': ') + 2);

/** The last of the tricks that are about single events. */
const LAST = 34;

/** `caught` of tricks 1 to 34 on a tier. */
export function caughtOf(rows: readonly OutcomeRow[], tier: 'A' | 'B'): number {
  return rows.filter((row) => row.number <= LAST && row[tier] === 'caught').length;
}

function cell(outcome: Outcome | undefined): string {
  return kindOf(outcome ?? UNKNOWN);
}

/** What escapes and what was not tried, each reason once for the tiers that share it. */
function reasons({ A = UNKNOWN, B = UNKNOWN }: OutcomeRow): string {
  const told = [
    ['A', A],
    ['B', B],
  ].filter(([, outcome]) => outcome !== 'caught') as [string, string][];
  if (told.length === 2 && A === B) return reasonOf(A);
  return told
    .map(([tier, outcome]) => `${told.length === 2 || A !== B ? `${tier}: ` : ''}${reasonOf(outcome)}`)
    .join('; ');
}

/** The sentence of the README. */
export function evasionSentence(rows: readonly OutcomeRow[]): string {
  return (
    `Of ${LAST} known ways to get past a sensor ${caughtOf(rows, 'A')} are caught on tier A and ${caughtOf(rows, 'B')} on tier B, each tried for real. ` +
    'What\nescapes, what was not tried, and why: [docs/evasion.md](docs/evasion.md), made from the run.\n'
  );
}

/** docs/evasion.md, without its first line. */
export function evasionPage(rows: readonly OutcomeRow[]): string {
  let page = `# Evasion

Ways to get past a host sensor, collected from what is known to work against others. Each is a test in \`test/evasion/\` that does
the deed for real, proves that it worked, and compares the records with the truth. \`npm run evasion\` runs them on tier B
(system calls and tracepoints) and on tier A (BPF trampolines; a stock kernel in a guest), with every event switched on, and makes
this page of what came out; a test fails when something is caught, or escapes, that this page says otherwise of.

Of the first ${LAST} tricks ${caughtOf(rows, 'A')} are caught on tier A and ${caughtOf(rows, 'B')} on tier B. A trick of which a part escapes counts as
escaping. The others are about the agent itself, and about what is not there yet.

| # | trick | A | B | seen by | what is not |
| --- | --- | --- | --- | --- | --- |
`;
  for (const row of rows)
    page +=
      `| ${row.number} | ${row.title} | ${cell(row.A)} | ${cell(row.B)} | ${row.how} | ${reasons(row)} |\n`.replaceAll(
        '  |',
        ' |',
      );
  return page;
}
