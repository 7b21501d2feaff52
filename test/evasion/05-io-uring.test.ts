// SPDX-License-Identifier: Apache-2.0
import { attempts, connectOf, expectConnect } from '../support/connect.ts';
import { exchanges, expectExchange } from '../support/dns.ts';
import { deeds, expectDeeds } from '../support/files.ts';
import { trick } from '../support/trick.ts';

/** Ways of test/kernel/triggers/file-ways.c. */
const FILES = [
  'uring-open',
  'uring-openat2',
  'uring-open-direct',
  'uring-link',
  'uring-rename',
  'uring-unlink',
];

trick(
  {
    number: 5,
    title: 'io_uring instead of system calls: connect, send, open, link, rename, unlink',
    how: 'sockets and their packets, and on tier A files, are seen behind the call; on tier B the requests themselves',
    events: ['network.connect', 'dns.query', 'file.create', 'file.link', 'file.rename', 'file.delete'],
  },
  async (watch, context) => {
    const [attempt] = await attempts(context, watch, 'connect-ways', 'io_uring');
    expectConnect(watch, await connectOf(watch, attempt!), attempt!, { fd: false });
    const [exchange] = await exchanges(context, watch, 'io_uring');
    expectExchange(watch, exchange!);
    for (const way of FILES) expectDeeds(watch, await deeds(context, watch, 'file-ways', way));
  },
);
