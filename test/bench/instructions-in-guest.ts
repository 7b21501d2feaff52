// SPDX-License-Identifier: Apache-2.0
/*
 * Runs in the guest of instructions.ts: the jobs of macro.ts, without the agent and beside it, and the handlers. A nanosecond is
 * an instruction there, and nothing else runs, so a few times are enough.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { repository } from '../support/repository.ts';
import { median } from './figures.ts';
import { handler } from './handler.ts';
import { WORKLOADS, withAgent } from './macro.ts';
import { timed } from './timed.ts';

const TIMES = 3;

/** Instructions of a job, in user and system mode, its own and those of all that it waited for. */
export interface Counted {
  readonly name: string;
  readonly without: number;
  readonly beside: number;
}

/** All that is counted in the guest. */
export interface Instructions {
  readonly jobs: readonly Counted[];
  /** Of one run of each handler, by the names of handler.ts. */
  readonly handlers: readonly { readonly name: string; readonly value: number }[];
}

const counted: Counted[] = [];
for (const [name, { prepare, script }] of Object.entries(WORKLOADS)) {
  const args = [mkdtempSync(join(tmpdir(), 'agentsmith-')), '1'];
  const count = async () => {
    const found: number[] = [];
    for (let i = 0; i < TIMES; i++) {
      const { cpuSeconds } = await timed('bash', ['-c', script, 'bash', ...args], { cwd: repository });
      found.push(Math.round(cpuSeconds * 1e9));
    }
    return median(found);
  };
  execFileSync('bash', ['-c', prepare, 'bash', ...args], { cwd: repository });
  await count(); // Files are in memory from then on.
  const without = await count();
  const beside = await withAgent((cli) => {
    assert.match(cli.stderr, /, tier A: /);
    return count();
  });
  counted.push({ name, without, beside });
}
const handlers = await handler.run({ quick: true, progress() {} });
console.log(JSON.stringify({ jobs: counted, handlers } satisfies Instructions));
