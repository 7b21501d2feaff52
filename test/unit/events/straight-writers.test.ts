// SPDX-License-Identifier: Apache-2.0
// What is generated from the columns is what they are now. That it writes what the columns say: straight.test.ts.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isWrittenStraight } from '../../../src/events/event.ts';
import { writersFile } from '../../../src/events/straight/generate.ts';
import { STRAIGHT } from '../../../src/events/straight/writers.gen.ts';
import { EVENTS } from '../../support/lanes.ts';
import { repository } from '../../support/repository.ts';

describe('the generated writers', () => {
  it('are what generate.ts makes of the columns', () => {
    const written = readFileSync(join(repository, 'src/events/straight/writers.gen.ts'), 'utf8');
    assert.equal(written, writersFile(), 'columns have changed: run `npm run gen:writers`, then build again');
  });

  it('are there for every event that comes in floods', () => {
    const names = EVENTS.filter(isWrittenStraight).map(({ name }) => name);
    assert.ok(names.includes('agentsmith.network.connect') && names.includes('agentsmith.file.create'));
    assert.deepEqual([...STRAIGHT.keys()].sort(), names.sort());
  });
});
