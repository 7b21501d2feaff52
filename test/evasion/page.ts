// SPDX-License-Identifier: Apache-2.0
/*
 * Runs every trick on tier B (here, or in a guest without trampolines) and on tier A (a stock kernel in a guest), and
 * writes what became of them to outcomes.json, of which docs/evasion.md is made (npm run docs).
 *
 *   node build/test/evasion/page.js
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OUTCOMES, type OutcomeRow } from '../support/outcomes.ts';
import { repository } from '../support/repository.ts';
import { runInVm } from '../support/vm.ts';

/** The kernel that stands for tier A: the one that the newest Debian ships. */
const SERIES = '6.12';
const SUITE = ['build/test/run.js', 'evasion'];

const parse = (text: string): OutcomeRow[] =>
  text
    .split('\n')
    .filter((line) => line.startsWith('{"number"'))
    .map((line) => JSON.parse(line) as OutcomeRow);

/** On this machine. */
function here(): OutcomeRow[] {
  const folder = mkdtempSync(join(tmpdir(), 'evasion-'));
  const file = join(folder, 'outcomes');
  try {
    spawnSync(process.execPath, SUITE, {
      cwd: repository,
      stdio: ['ignore', 2, 2],
      env: { ...process.env, EVASION_OUTCOMES: file, EVASION_TIER: 'B' },
    });
    return existsSync(file) ? parse(readFileSync(file, 'utf8')) : [];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** In a guest. @throws when it cannot be had */
async function inGuest(): Promise<OutcomeRow[]> {
  const file = '/run/outcomes';
  const command = `EVASION_OUTCOMES=${file} ${process.execPath} ${SUITE.join(' ')}; echo; cat ${file}`;
  const { skipped, output, log } = await runInVm(SERIES, command, { timeoutMs: 15 * 60_000 });
  if (skipped !== undefined) throw new Error(skipped);
  process.stderr.write(output + log);
  return parse(output);
}

const rows = new Map<number, OutcomeRow>();
for (const row of [...here(), ...(await inGuest())])
  rows.set(row.number, { ...rows.get(row.number), ...row });
const sorted = [...rows.values()].sort((a, b) => a.number - b.number);
writeFileSync(OUTCOMES, `${JSON.stringify(sorted, null, 2)}\n`);
console.error(`${sorted.length} tricks: ${OUTCOMES}; now: npm run docs`);
