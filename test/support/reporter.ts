// SPDX-License-Identifier: Apache-2.0
import { writeSync } from 'node:fs';
import Mocha from 'mocha';
import { skipReason } from './skip.ts';

/** What the runner (test/run.ts) learns of a test, one line of JSON each; `end` says that none was cut off. */
export type Report =
  | { readonly kind: 'passed'; readonly title: string }
  | { readonly kind: 'failed'; readonly title: string; readonly message: string }
  | { readonly kind: 'skipped'; readonly title: string; readonly reason: string }
  | { readonly kind: 'end' };

/** The descriptor on which the runner listens. */
export const REPORT_FD = 3;

/** Characters: the difference of two long values may have thousands of lines, and stands in what mocha prints. */
const MESSAGE_MAX = 1000;

/** mocha's own spec reporter, which also tells the runner what it counts. */
export default class RunnerReporter extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    const tell = (report: Report) => writeSync(REPORT_FD, `${JSON.stringify(report)}\n`);
    runner.on('pass', (test) => tell({ kind: 'passed', title: test.fullTitle() }));
    runner.on('fail', (test, error: Error | undefined) =>
      tell({ kind: 'failed', title: test.fullTitle(), message: `${error?.message}`.slice(0, MESSAGE_MAX) }),
    );
    runner.on('pending', (test) => {
      const reason = skipReason(test) ?? 'no reason given';
      console.log(`      skipped: ${reason}`);
      tell({ kind: 'skipped', title: test.fullTitle(), reason });
    });
    runner.once('end', () => tell({ kind: 'end' }));
  }
}
