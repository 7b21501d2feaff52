// SPDX-License-Identifier: Apache-2.0
/*
 * Behind `npm test`: each part in a mocha of its own, so that a crash or a hang in one does not take the others along.
 *
 *   node build/test/run.js [unit|kernel|evasion|fuzz|e2e|chaos|vm|backends|all ...] [-- MOCHA ARGUMENTS]
 *
 * Without a name: all parts but `backends`, whose servers take long to build; with `all`: that one too.
 *
 * Prints what mocha prints, then a table, the reason of every skipped test, what failed and why, and as its last line
 * `N passed, N failed, N skipped`. Fails when a test failed, when a part crashed, did not end in time or has files but
 * no test.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type PartResult, runPart } from './support/part.ts';
import { repository } from './support/repository.ts';
import { scaled } from './support/triggers.ts';

const MINUTES = 60_000;

/** In this order: what is quick and breaks most often first. The deadline is for a part that hangs, not a target. */
const DEADLINES: Readonly<Record<string, number>> = {
  unit: 5 * MINUTES,
  kernel: 10 * MINUTES,
  evasion: 10 * MINUTES,
  fuzz: 10 * MINUTES * Math.max(1, Number(process.env.FUZZ_RUNS ?? 1) || 1),
  e2e: 45 * MINUTES,
  chaos: (process.env.CHAOS_OUTCOMES ? 60 : 10) * MINUTES,
  vm: 60 * MINUTES,
  // The first run builds Loki.
  backends: 60 * MINUTES,
};
const PARTS = Object.keys(DEADLINES);

/** Parts, then mocha's arguments; npm leaves a `--` behind when one more is needed to get past it. */
function parse(args: readonly string[]): { parts: readonly string[]; mocha: readonly string[] } {
  const options = args.findIndex((argument) => argument.startsWith('-'));
  const named = options < 0 ? args : args.slice(0, options);
  const mocha = args.slice(named.length).filter((argument) => argument !== '--');
  const strange = named.find((name) => name !== 'all' && !PARTS.includes(name));
  if (strange !== undefined) {
    console.error(`no such part: ${strange} (there are ${PARTS.join(', ')}, all)`);
    process.exit(64);
  }
  if (named.includes('all')) return { parts: PARTS, mocha };
  return { parts: named.length > 0 ? named : PARTS.filter((part) => part !== 'backends'), mocha };
}

/** The compiled tests of a part; those whose source has gone are left over from an earlier build. */
function filesOf(part: string): string[] {
  const folder = join(import.meta.dirname, part);
  const names = existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: 'utf8' }) : [];
  return names
    .filter(
      (name) =>
        name.endsWith('.test.js') && existsSync(join(repository, 'test', part, name.replace(/js$/, 'ts'))),
    )
    .sort()
    .map((name) => join(folder, name));
}

const { parts, mocha } = parse(process.argv.slice(2));
const results: PartResult[] = [];
for (const part of parts) {
  const files = filesOf(part);
  if (files.length === 0) continue;
  console.log(`\n── ${part} ${'─'.repeat(60 - part.length)}`);
  results.push(await runPart(part, { files, deadlineMs: scaled(DEADLINES[part]!), mocha }));
  if (results.at(-1)!.interrupted) break;
}

const sum = (of: 'passed' | 'failed') => results.reduce((total, result) => total + result[of], 0);
const skips = results.flatMap((result) => result.skipped.map((skip) => ({ part: result.part, ...skip })));

const row = (...cells: readonly (string | number)[]) =>
  cells.map((cell, i) => (i === 0 ? String(cell).padEnd(8) : String(cell).padStart(9))).join('');
console.log(`\n${row('part', 'passed', 'failed', 'skipped', 'seconds')}`);
for (const { part, passed, failed, skipped, seconds } of results) {
  console.log(row(part, passed, failed, skipped.length, seconds.toFixed(1)));
}
for (const { part, title, reason } of skips) console.log(`skipped: ${part}: ${title}: ${reason}`);
for (const { part, failures } of results)
  for (const { title, message } of failures)
    console.log(`FAILED: ${part}: ${title}\n${message.replace(/^/gm, '  ')}`);
for (const { part, problem } of results) if (problem) console.log(`FAILED: ${part}: ${problem}`);
if (results.length === 0) console.log('FAILED: there are no tests: run `npm run build:ts`');

console.log(`${sum('passed')} passed, ${sum('failed')} failed, ${skips.length} skipped`);
process.exitCode = sum('failed') > 0 || results.length === 0 ? 1 : 0;
