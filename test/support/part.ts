// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from 'node:child_process';
import { extname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { REPORT_FD, type Report } from './reporter.ts';
import { repository } from './repository.ts';

/** How a part of the tests went. */
export interface PartResult {
  readonly part: string;
  readonly passed: number;
  /** Tests; one more where the part itself did not go well. */
  readonly failed: number;
  readonly skipped: readonly { readonly title: string; readonly reason: string }[];
  readonly failures: readonly { readonly title: string; readonly message: string }[];
  readonly seconds: number;
  /** What went wrong beside tests. */
  readonly problem: string | undefined;
  /** Somebody wants all to end. */
  readonly interrupted: boolean;
}

export interface PartOptions {
  /** Compiled tests. */
  readonly files: readonly string[];
  /** After so long it is ended. */
  readonly deadlineMs: number;
  /** Between the last test and the end of the process: what keeps it alive longer is a leak. */
  readonly graceMs?: number;
  /** More arguments for mocha. */
  readonly mocha: readonly string[];
  /** Where mocha prints to; our own by default. */
  readonly output?: 'inherit' | 'ignore';
}

const GRACE_MS = 15_000;
/** For the tests' own clean-up once they were told to end. */
const TERMINATION_MS = 5_000;

/** Runs test files in a mocha of their own and counts them; what mocha prints goes straight on. */
export async function runPart(part: string, options: PartOptions): Promise<PartResult> {
  const { deadlineMs, graceMs = GRACE_MS, output = 'inherit' } = options;
  const started = performance.now();
  // Its own process group: what a test left running ends with it.
  const child = spawn(process.execPath, mochaArguments(options), {
    cwd: repository,
    stdio: ['ignore', output, output, 'pipe'],
    detached: true,
  });
  let passed = 0;
  let ended = false;
  let late: string | undefined;
  const skipped: { title: string; reason: string }[] = [];
  const failures: { title: string; message: string }[] = [];
  const limit = (ms: number, reason: string) =>
    setTimeout(() => {
      late = reason;
      end(child);
    }, ms);
  const timers = [limit(deadlineMs, `did not end within ${deadlineMs / 1000} s`)];
  let interrupted = false;
  const stop = (signal: NodeJS.Signals) => {
    interrupted = true;
    late = `ended by ${signal}`;
    end(child);
  };
  process.on('SIGINT', stop).on('SIGTERM', stop);

  const lines = createInterface({ input: child.stdio[REPORT_FD] as Readable });
  lines.on('line', (line) => {
    const report = JSON.parse(line) as Report;
    if (report.kind === 'passed') passed++;
    else if (report.kind === 'failed') failures.push(report);
    else if (report.kind === 'skipped') skipped.push(report);
    else {
      ended = true;
      timers.push(limit(graceMs, `something kept it alive for ${graceMs / 1000} s behind its last test`));
    }
  });
  const how = await new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
  for (const timer of timers) clearTimeout(timer);
  process.off('SIGINT', stop).off('SIGTERM', stop);
  killGroup(child, 'SIGKILL');

  const problem =
    late ??
    (ended ? undefined : `it crashed (${how})`) ??
    (passed + failures.length + skipped.length === 0 ? 'no test was run' : undefined) ??
    (failures.length === 0 && how !== 'exit code 0' ? `it failed behind its tests (${how})` : undefined);
  return {
    part,
    passed,
    failed: failures.length + (problem ? 1 : 0),
    skipped,
    failures,
    seconds: (performance.now() - started) / 1000,
    problem,
    interrupted,
  };
}

function mochaArguments({ files, mocha }: PartOptions): string[] {
  const reporter = join(import.meta.dirname, `reporter${extname(import.meta.filename)}`);
  const chosen = mocha.some((argument) => /\.[jt]s$/.test(argument)) ? [] : files;
  return [join(repository, 'node_modules/mocha/bin/mocha.js'), '--reporter', reporter, ...mocha, ...chosen];
}

/** Ends the part: politely first, so that tests can take down what they started. */
function end(child: ChildProcess): void {
  killGroup(child, 'SIGTERM');
  setTimeout(() => killGroup(child, 'SIGKILL'), TERMINATION_MS).unref();
}

/** The group is the child's own (detached), so nothing else is in it. */
function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // Nobody is left in it.
  }
}
