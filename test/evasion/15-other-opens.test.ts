// SPDX-License-Identifier: Apache-2.0
import { deeds, expectDeeds } from '../support/files.ts';
import { trick } from '../support/trick.ts';

trick(
  {
    number: 15,
    title: 'files made otherwise than by open: creat, openat2, mknod, O_TMPFILE with linkat',
    how: 'a file counts as made when it has its first name, whatever call gave it',
    events: ['file.create', 'file.link'],
  },
  async (watch, context) => {
    for (const way of ['creat', 'openat2', 'mknod', 'tmpfile', 'tmpfile-empty'])
      expectDeeds(watch, await deeds(context, watch, 'file-ways', way));
  },
);
