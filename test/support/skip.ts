// SPDX-License-Identifier: Apache-2.0

/** What the machine lacks, in one line; whoever gets it prints it and skips. */
export interface SkipReason {
  readonly skipped: string;
}

const REASONS = new WeakMap<object, string>();

/** What mocha runs: a test, or a hook that stands for all tests of its suite. */
interface Runnable {
  readonly type?: string;
  readonly parent?: object | undefined;
}

/**
 * Skips the test, or in a `before` hook the tests of its suite, for a reason that the runner lists at the end. Every
 * skip goes through here: one that nobody can explain is a hole.
 */
export function skip(context: Mocha.Context, reason: string): never {
  const runnable = context.runnable() as Runnable;
  REASONS.set(runnable.type === 'hook' && runnable.parent ? runnable.parent : runnable, reason);
  return context.skip() as never;
}

/** For what is built or fetched for a suite: what came of it, or the suite is skipped. */
export function orSkip<T extends string | object>(context: Mocha.Context, got: T | SkipReason): T {
  return typeof got === 'object' && 'skipped' in got ? skip(context, got.skipped) : got;
}

/** The reason for which a test was skipped: its own or that of a suite around it. */
export function skipReason(test: object): string | undefined {
  for (let at: object | undefined = test; at; at = (at as Runnable).parent) {
    const reason = REASONS.get(at);
    if (reason !== undefined) return reason;
  }
  return undefined;
}
