// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { attempts, connectOf, expectConnect } from '../support/connect.ts';
import { expectSocket, type SocketDeed, socketRecords } from '../support/socket.ts';
import { trick } from '../support/trick.ts';

trick(
  {
    number: 24,
    title: 'connect over IPv6, IPv4 written as IPv6, raw, vsock, netlink, UNIX',
    how: 'IPv6 has a hook of its own, an IPv4 address is told as one however it was written, and other sockets have an event of their own (off by default)',
    events: ['network.connect', 'network.socket.connect'],
  },
  async (watch, context) => {
    for (const host of ['::1', '::ffff:127.0.0.1']) {
      const [attempt] = await attempts(context, watch, 'network-connect', 'ok', host);
      const mapped = host === '::1' ? {} : { mapped: true };
      expectConnect(watch, await connectOf(watch, attempt!), attempt!, mapped);
    }
    const folder = realpathSync(mkdtempSync(join(tmpdir(), 'families-')));
    try {
      for (const way of ['raw', 'netlink', 'abstract', 'stream', 'vsock']) {
        const deeds = await watch.lines<SocketDeed>('network-socket', [way, folder]);
        // A kernel without vsock is none that connects by it.
        if (deeds[0]!.skip !== undefined) {
          assert.equal(way, 'vsock');
          continue;
        }
        const records = socketRecords(watch, deeds);
        assert.equal(records.length, deeds.length);
        for (const [i, deed] of deeds.entries()) expectSocket(watch, records[i]!, deed);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);
