// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { attempts, connectOf } from '../support/connect.ts';
import { deeds, expectDeeds } from '../support/files.ts';
import { trick } from '../support/trick.ts';
import { pidOf } from '../support/truth.ts';

trick(
  {
    number: 6,
    title:
      'io_uring without a system call: a thread of the kernel finds the request (SQPOLL), or a worker does it',
    how: 'these threads belong to the process that made the ring: the record names it, and the thread',
    events: ['network.connect', 'file.create'],
  },
  async (watch, context) => {
    for (const [trigger, thread] of [
      ['sqpoll-connect', /^iou-sqp-/],
      ['connect-ways', /^iou-wrk-/],
    ] as const) {
      const [attempt] = await attempts(context, watch, trigger, 'io_uring-worker');
      assert.equal(attempt!.result, 0);
      const { attributes } = await connectOf(watch, attempt!);
      assert.equal(attributes['process.pid'], pidOf(attempt!.proc));
      assert.equal(attributes['network.peer.port'], attempt!.peer.port);
      assert.match(String(attributes['thread.name']), thread);
    }
    for (const way of ['uring-open-sqpoll', 'uring-open-async'])
      expectDeeds(watch, await deeds(context, watch, 'file-ways', way));
  },
);
