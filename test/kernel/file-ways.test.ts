// SPDX-License-Identifier: Apache-2.0
// Every way to make, link, move and remove a name: one record each, and none of what failed or was there before.
// Which path is told where names are tricky: file-paths.test.ts. Races on descriptors: file-races.test.ts.
import { deeds, expectDeeds, FILE_EVENTS } from '../support/files.ts';
import { TIERS } from '../support/tiers.ts';
import { scaled } from '../support/triggers.ts';
import { openWatch, type Watch } from '../support/watch.ts';

/** What the trigger is told to do, by what is to be seen. */
const WAYS: Readonly<Record<string, readonly string[]>> = {
  'a file that is opened into being': ['open', 'open-exclusive', 'creat', 'openat', 'openat2'],
  'a file that gets its first name': ['tmpfile', 'tmpfile-empty'],
  'a file or a node by mknod': ['mknod', 'mknodat', 'mknod-socket', 'fifo', 'device'],
  'a socket that is bound': ['bind', 'bind-datagram'],
  'what 32-bit system calls do': [
    'int80-open',
    'int80-creat',
    'int80-openat',
    'int80-mkdir',
    'int80-mknod',
    'int80-rename',
    'int80-bind',
    'int80-socketcall',
  ],
  'a file that io_uring opens into being': [
    'uring-open',
    'uring-openat2',
    'uring-open-direct',
    'uring-open-direct-allocated',
    'uring-open-async',
    'uring-open-sqpoll',
    'uring-open-silent',
  ],
  'what else io_uring does': [
    'uring-mkdir',
    'uring-unlink',
    'uring-rename',
    'uring-link',
    'uring-symlink',
    'uring-bind',
  ],
  'a link': ['link', 'linkat', 'link-symlink'],
  'a rename': ['rename', 'rename-over', 'rename-directory', 'renameat', 'renameat2', 'rename-exchange'],
  'a symbolic link': ['symlink', 'symlinkat', 'symlink-long'],
  'what is removed': ['unlink', 'unlinkat', 'rmdir', 'unlinkat-directory'],
  'a directory': ['mkdir', 'mkdirat'],
  'nothing but the file behind it': ['existing', 'existing-uring', 'failed', 'nameless'],
};

for (const tier of TIERS) {
  describe(`file events on tier ${tier}`, function () {
    this.timeout(scaled(30_000));
    let watch: Watch;

    before(function () {
      watch = openWatch(this, { events: FILE_EVENTS, trampolines: tier === 'A' });
    });

    after(() => watch?.close());

    for (const [what, ways] of Object.entries(WAYS)) {
      for (const way of ways) {
        it(`tell ${what} (${way})`, async function () {
          expectDeeds(watch, await deeds(this, watch, 'file-ways', way));
        });
      }
    }
  });
}
