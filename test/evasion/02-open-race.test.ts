// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { inFolder } from '../support/folder.ts';
import { type Attempt, trick } from '../support/trick.ts';
import { pidOf, type Truth } from '../support/truth.ts';

/** So often the race is won. */
const WON = 20;

/** What is made while its path is rewritten is told under the name that it got. */
const tells =
  (way: 'open' | 'mkdir', event: string): Attempt =>
  (watch) =>
    inFolder(async (folder) => {
      const race = await watch.run<Truth & { made: string[] }>('rewrite-path', [way, `${WON}`], {
        cwd: folder,
      });
      const made = race.made.filter((name) => name !== '');
      assert.equal(made.length, WON, 'the race was lost');
      const told = new Set(
        watch
          .all(event, ({ attributes }) => attributes['process.pid'] === pidOf(race.proc))
          .map(({ attributes }) => attributes['file.path']),
      );
      for (const name of made) assert.ok(told.has(`${folder}/${name}`), `${name} was told as another`);
    });

trick(
  {
    number: 2,
    title: 'another thread rewrites the path while a call takes it',
    how: 'of an open the path is that of the file that came of it; on tier A so is every other',
    events: ['file.create', 'file.directory.create'],
    escapes: {
      B: 'the path of a mkdir, link, rename or removal is what the caller’s memory says when the call ends; such records are marked unresolved',
    },
  },
  tells('open', 'agentsmith.file.create'),
  tells('mkdir', 'agentsmith.file.directory.create'),
);
