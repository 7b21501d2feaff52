// SPDX-License-Identifier: Apache-2.0
// What an exec record says of an honest program. Hostile bytes and sizes: process-exec-hostile.test.ts.
import assert from 'node:assert/strict';
import { type ExecTruth, expectExec } from '../support/exec.ts';
import { scaled } from '../support/triggers.ts';
import { openWatch, type Watch } from '../support/watch.ts';

describe('process.exec', function () {
  this.timeout(scaled(30_000));
  let watch: Watch;

  before(function () {
    watch = openWatch(this);
  });

  after(() => watch?.close());

  it('says who runs what, with which arguments, where, and on which descriptors', async () => {
    const truth = await watch.run<ExecTruth>('process-exec', ['one', 'two words', '']);
    expectExec(watch, truth);
    assert.deepEqual(truth.args.slice(1), ['one', 'two words', '']);
  });
});
