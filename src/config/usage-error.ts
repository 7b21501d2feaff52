// SPDX-License-Identifier: Apache-2.0
import { ExitCode } from './exit-codes.ts';

/** The command line or an AGENTSMITH_* variable is wrong. The message is one line: what is wrong, what to do. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly exitCode = ExitCode.USAGE;

  /** @param message may hold what somebody wrote: what would begin another line, or move a terminal's cursor, is escaped */
  constructor(message: string) {
    super(message.replace(/[\p{Cc}\u2028\u2029]/gu, escaped));
  }
}

const escaped = (character: string) => `\\u{${character.codePointAt(0)!.toString(16)}}`;

/** Longer words are no typing mistakes of ours; the bound keeps the table small. */
const WORD_MAX = 64;

/** ` (did you mean "x"?)` for the nearest name that is near enough, else nothing. */
export function didYouMean(word: string, names: readonly string[]): string {
  const near = nearest(word, names);
  return near === undefined ? '' : ` (did you mean ${near}?)`;
}

/** The name with the smallest edit distance, at most a third of its letters and at least one. */
export function nearest(word: string, names: readonly string[]): string | undefined {
  if (word === '' || word.length > WORD_MAX) return undefined;
  let best: string | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const name of names) {
    const distance = editDistance(word.toLowerCase(), name.toLowerCase());
    if (distance < bestDistance && distance <= Math.max(1, Math.floor(name.length / 3))) {
      best = name;
      bestDistance = distance;
    }
  }
  return best;
}

/** Insertions, deletions, replacements and swaps of neighbours that make `b` of `a` (optimal string alignment). */
export function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1;
      let cost = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + change);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, before[j - 2]! + 1);
      row.push(cost);
    }
    before = last;
    last = row;
  }
  return last[b.length]!;
}
