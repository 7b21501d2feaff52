// SPDX-License-Identifier: Apache-2.0
// Which path a record tells: the real one from the root of the mount namespace, whatever the caller called it.
import assert from 'node:assert/strict';
import { deeds, expectDeeds, FILE_EVENTS } from '../support/files.ts';
import { TIERS } from '../support/tiers.ts';
import { scaled } from '../support/triggers.ts';
import { openWatch, type Watch } from '../support/watch.ts';

for (const tier of TIERS) {
  describe(`the path of a file event on tier ${tier}`, function () {
    this.timeout(scaled(30_000));
    let watch: Watch;

    before(function () {
      watch = openWatch(this, { events: FILE_EVENTS, trampolines: tier === 'A' });
    });

    after(() => watch?.close());

    for (const [place, what] of [
      ['absolute', 'of a name from the root'],
      ['dots', 'of a name with dots and double slashes'],
      ['symlink', 'behind a symbolic link to a directory'],
      ['dangling', 'of what a symbolic link leads to'],
      ['bind-mount', 'below a bind mount in an own mount namespace'],
      ['tmpfs', 'on another file system in an own mount namespace'],
      ['chroot', 'from the host’s root, of a process that has another'],
      ['longest-name', 'with a name of 255 bytes'],
      ['long', 'of nearly 4096 bytes'],
      ['deep', 'of 600 directories'],
      ['bytes', 'of bytes that are no UTF-8'],
      ['control', 'with control characters'],
      ['utf8', 'with characters of four bytes and a byte order mark'],
    ] as const) {
      it(`is told ${what}`, async function () {
        expectDeeds(watch, await deeds(this, watch, 'file-paths', place));
      });
    }

    it('is told once on overlayfs, and not of its layers', async function () {
      const made = await deeds(this, watch, 'file-paths', 'overlay');
      const records = expectDeeds(watch, made);
      for (const record of records) assert.doesNotMatch(String(record.attributes['file.path']), /layers/);
    });
  });
}
