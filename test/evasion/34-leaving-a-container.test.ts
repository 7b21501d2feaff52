// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { changes, changesOf } from '../support/credential.ts';
import { execBy, expectExec } from '../support/exec.ts';
import { skip } from '../support/skip.ts';
import { trick } from '../support/trick.ts';
import { hostNamespace, pidOf, type Truth } from '../support/truth.ts';

const REASON =
  'setns, mount and writing to core_pattern or release_agent make no event, nor does unshare of other namespaces than the user’s';

trick(
  {
    number: 34,
    title: 'out of a container: setns, unshare, mount, core_pattern, release_agent',
    how: 'a user namespace of one’s own is a change of credentials; the others stand in the records of what the process does next',
    events: ['process.exec', 'process.credential.change'],
    escapes: { A: REASON, B: REASON },
  },
  async (watch, context) => {
    for (const name of ['mnt', 'net', 'uts']) {
      const { attributes } = expectExec(watch, await execBy(context, watch, ['unshare', name]));
      assert.notEqual(attributes[`agentsmith.namespace.${name}.inode`], `${hostNamespace(name)}`);
    }

    const [change] = await changes(context, watch, 'namespace');
    assert.equal(changesOf(watch, change!).length, 1);
  },
  async (watch, context) => {
    for (const way of ['mount', 'setns', 'core-pattern']) {
      const { proc, skip: reason } = await watch.run<Truth>('escape', [way]);
      if (reason !== undefined) skip(context, reason);
      const seen = watch.records.filter(
        ({ eventName, attributes }) =>
          attributes['process.pid'] === pidOf(proc) && !eventName.startsWith('agentsmith.process.ex'),
      );
      if (seen.length > 0) return;
    }
    assert.fail('nothing was seen');
  },
);
