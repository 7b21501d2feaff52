// SPDX-License-Identifier: Apache-2.0
import { execBy, expectExec } from '../support/exec.ts';
import { trick } from '../support/trick.ts';

trick(
  {
    number: 7,
    title: 'execveat of a descriptor, without a path',
    how: 'the exec tracepoint fires for every image; the executable is the file that the kernel mapped',
    events: ['process.exec'],
  },
  async (watch, context) => {
    for (const way of ['at', 'descriptor']) expectExec(watch, await execBy(context, watch, [], { way }));
  },
);
