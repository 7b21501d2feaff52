// SPDX-License-Identifier: Apache-2.0
import { deeds, expectDeeds } from '../support/files.ts';
import { trick } from '../support/trick.ts';

trick(
  {
    number: 16,
    title: 'renameat2: two files change places, or one is moved where nothing may be overwritten',
    how: 'renames are seen whatever call and flag; on tier B with the paths as the caller wrote them, and marked',
    events: ['file.rename'],
  },
  async (watch, context) => {
    for (const way of ['renameat2', 'rename-exchange'])
      expectDeeds(watch, await deeds(context, watch, 'file-ways', way));
  },
);
