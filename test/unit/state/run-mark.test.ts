// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { RunMark } from '../../../src/state/run-mark.ts';
import { eventually } from '../../support/eventually.ts';

const NOW = 1_763_000_000_000_000_000n;

describe('RunMark', () => {
  let folder: string;
  let path: string;
  const text = () => readFileSync(path, 'utf8');

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'mark-'));
    path = join(folder, 'run');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('knows of no run before the first, nor after one that ended by itself', () => {
    const first = new RunMark(path, NOW);
    assert.equal(first.uncleanSince, undefined);
    assert.equal(text(), `running 0${NOW}\n`);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    first.close();
    assert.equal(text(), `stopped 0${NOW}\n`);
    const second = new RunMark(path, NOW + 5n);
    assert.equal(second.uncleanSince, undefined);
    assert.equal(second.time, NOW + 5n);
    second.close();
  });

  it('says since when events of a killed run may be missing, until somebody tells a later time', async () => {
    const killed = new RunMark(path, NOW);
    killed.write(NOW + 7n);
    await eventually(() => text() === `running 0${NOW + 7n}\n`);
    const second = new RunMark(path, NOW + 100n);
    assert.equal(second.uncleanSince, NOW + 7n);
    const third = new RunMark(path, NOW + 200n);
    assert.equal(third.uncleanSince, NOW + 7n);
    for (const mark of [killed, second, third]) mark.close();
  });

  it('goes back with a clock that was set back, and has the last of many times', async () => {
    const mark = new RunMark(path, NOW);
    for (const time of [NOW + 1n, NOW + 2n, NOW - 3n]) mark.write(time);
    mark.close();
    mark.write(NOW + 9n);
    await eventually(() => text() === `stopped 0${NOW - 3n}\n`);
  });

  it('of which nothing can be read means: since it was made', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 60 }), (bytes) => {
        writeFileSync(path, bytes);
        const mark = new RunMark(path, NOW);
        const { uncleanSince } = mark;
        mark.close();
        const made = statSync(path, { bigint: true }).birthtimeNs;
        assert.ok(uncleanSince === made, `${uncleanSince} of ${made}`);
        assert.equal(text(), `stopped ${`${made}`.padStart(20, '0')}\n`);
      }),
      { numRuns: 50 },
    );
  });
});
