// SPDX-License-Identifier: Apache-2.0
/*
 * Runs every scenario at its full length, here and (the clock) in a guest, and writes what came of them to results.json,
 * of which docs/reliability.md is made (npm run docs). Nothing is written unless all went well.
 *
 *   node build/test/chaos/page.js
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CHAOS, type ChaosRow } from '../support/chaos-outcomes.ts';
import { repository } from '../support/repository.ts';
import { runInVm } from '../support/vm.ts';

const SUITE = ['build/test/run.js', 'chaos'];
const SERIES = '6.12';

const parse = (text: string): ChaosRow[] =>
  text
    .split('\n')
    .filter((line) => line.startsWith('{"scenario"'))
    .map((line) => JSON.parse(line) as ChaosRow);

/** On this machine. @throws when a scenario failed */
function here(): ChaosRow[] {
  const folder = mkdtempSync(join(tmpdir(), 'chaos-'));
  const file = join(folder, 'outcomes');
  try {
    const { status } = spawnSync(process.execPath, SUITE, {
      cwd: repository,
      stdio: ['ignore', 2, 2],
      env: { ...process.env, CHAOS_OUTCOMES: file },
    });
    if (status !== 0) throw new Error('a scenario failed');
    return existsSync(file) ? parse(readFileSync(file, 'utf8')) : [];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** In a guest. @throws when it cannot be had, or the scenario failed */
async function inGuest(): Promise<ChaosRow[]> {
  const file = '/run/outcomes';
  const suite = `${process.execPath} ${SUITE.join(' ')} -- build/test/chaos/clock.test.js`;
  const command = `CHAOS_OUTCOMES=${file} ${suite} || exit; echo; cat ${file}`;
  const { skipped, code, output, log } = await runInVm(SERIES, command, { timeoutMs: 15 * 60_000 });
  if (skipped !== undefined) throw new Error(skipped);
  process.stderr.write(output + log);
  if (code !== 0) throw new Error('the scenario in the guest failed');
  return parse(output);
}

const rows = [...here(), ...(await inGuest())];
writeFileSync(CHAOS, `${JSON.stringify(rows, null, 2)}\n`);
console.error(`${rows.length} scenarios: ${CHAOS}; now: npm run docs`);
