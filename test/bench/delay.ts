// SPDX-License-Identifier: Apache-2.0
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Cli } from '../support/cli.ts';
import { Child } from './child.ts';
import type { DelayReceiverOptions, Delays } from './delay-receiver.ts';
import { type Figure, type Part, plain } from './figures.ts';
import { programPath, runProgram } from './programs.ts';

const run = promisify(execFile);
const FILE = 'agentsmith.file.create';
const WARNING = 'agentsmith.process.ptrace';
/** Files a second, for ten seconds; meanwhile a warning every 50 ms. */
const RATE = 1000;
const BETWEEN_WARNINGS_MS = 50;

const percentile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) * share)] ?? Number.NaN;

/** From what happened in the kernel until its record is with a receiver, through the CLI as it is started. */
export const delay: Part = {
  name: 'delay',
  needsRoot: true,
  async run({ quick, progress }) {
    const seconds = quick ? 1 : 10;
    progress(`delay: ${seconds} s`);
    const actors = { [FILE]: 'bill', [WARNING]: 'storm' };
    const receiver = new Child('delay-receiver.ts', { actors } satisfies DelayReceiverOptions);
    const { url } = await receiver.next<{ url: string }>();
    const folder = mkdtempSync(join(tmpdir(), 'agentsmith-bench-'));
    const cli = await new Cli(['--endpoint', url]).ready();
    try {
      const made = RATE * seconds;
      const files = run(programPath('bill'), ['file', `${made}`, `${RATE}`, folder], { env: {} });
      const warnings = (seconds * 1000) / BETWEEN_WARNINGS_MS;
      for (let i = 0; i < warnings; i++) {
        await runProgram('storm', 'ptrace', 1);
        await pause(BETWEEN_WARNINGS_MS);
      }
      await files;
      await pause(1000);
      receiver.send({});
      const found = await receiver.next<Delays>();
      const [file, warning] = [found[FILE] ?? [], found[WARNING] ?? []];
      if (file.length !== made || warning.length < warnings)
        throw new Error(`delay: ${file.length} of ${made} files and ${warning.length} warnings arrived`);
      return [
        plain('delay.p50', percentile(file, 0.5), 'ms'),
        plain('delay.p99', percentile(file, 0.99), 'ms'),
        plain('delay.warning.p50', percentile(warning, 0.5), 'ms'),
        plain('delay.warning.p99', percentile(warning, 0.99), 'ms'),
      ] satisfies Figure[];
    } finally {
      await cli.stop();
      await receiver.end();
      rmSync(folder, { recursive: true });
    }
  },
};
