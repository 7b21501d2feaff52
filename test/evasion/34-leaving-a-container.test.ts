// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { changes, changesOf } from '../support/credential.ts';
import { execBy, expectExec } from '../support/exec.ts';
import { skip } from '../support/skip.ts';
import { trick } from '../support/trick.ts';
import { hostNamespace, pidOf, type Truth } from '../support/truth.ts';
import type { Watch } from '../support/watch.ts';

/** What the triggers of these events say of each step. */
interface Step extends Truth {
  readonly call?: string;
  readonly operation?: string;
  readonly path?: string;
  readonly name?: string;
  readonly value?: string;
  readonly result?: number;
}

/** Runs a trigger; its steps and the records of one event that it made. */
async function steps(
  context: Mocha.Context,
  watch: Watch,
  event: string,
  [trigger, ...args]: [string, ...string[]],
) {
  const made = await watch.lines<Step>(trigger, args);
  const reason = made.find((step) => step.skip !== undefined)?.skip;
  if (reason !== undefined) skip(context, reason);
  const pid = pidOf(made[0]!.proc);
  return {
    made,
    told: watch
      .all(`agentsmith.${event}`, (r) => r.attributes['process.pid'] === pid)
      .map((r) => r.attributes),
  };
}

trick(
  {
    number: 34,
    title: 'out of a container: setns, unshare, mount, core_pattern, release_agent',
    how: 'each call that enters or makes a namespace, or mounts, old or new; what is written to /proc/sys; release_agent when it is opened for writing',
    events: [
      'process.exec',
      'process.credential.change',
      'process.namespace.change',
      'filesystem.mount',
      'kernel.parameter.change',
      'kernel.helper.change',
    ],
  },
  async (watch, context) => {
    for (const name of ['mnt', 'net', 'uts']) {
      const { attributes } = expectExec(watch, await execBy(context, watch, ['unshare', name]));
      assert.notEqual(attributes[`agentsmith.namespace.${name}.inode`], `${hostNamespace(name)}`);
    }

    const [change] = await changes(context, watch, 'namespace');
    assert.equal(changesOf(watch, change!).length, 1);

    for (const way of [
      ['unshare', 'uts', 'net'],
      ['setns', 'net'],
      ['setns-any', 'mnt'],
      ['clone', 'pid', 'net'],
    ]) {
      const { made, told } = await steps(context, watch, 'process.namespace.change', [
        'process-namespace',
        ...way,
      ]);
      assert.deepEqual(
        told.map((attributes) => attributes['agentsmith.namespace.call']),
        made.map(({ call }) => call),
      );
    }

    const folder = realpathSync(mkdtempSync(join(tmpdir(), 'leaving-')));
    try {
      for (const way of ['mount', 'bind', 'detached']) {
        const { made, told } = await steps(context, watch, 'filesystem.mount', [
          'filesystem-mount',
          way,
          folder,
        ]);
        assert.deepEqual(
          told.map((attributes) => [attributes['agentsmith.mount.operation'], attributes['file.path']]),
          made.map(({ operation, path }) => [operation, path]),
        );
      }
      // Not every root can be left.
      const pivots = await watch.lines<Step>('filesystem-mount', ['pivot', folder]);
      if (pivots.at(-1)!.operation === 'pivot_root') {
        const pid = pidOf(pivots.at(-1)!.proc);
        watch.find(
          'agentsmith.filesystem.mount',
          ({ attributes }) =>
            attributes['process.pid'] === pid && attributes['agentsmith.mount.operation'] === 'pivot_root',
        );
      }

      const core = await steps(context, watch, 'kernel.parameter.change', [
        'kernel-parameter',
        'core-pattern',
      ]);
      assert.deepEqual(
        core.told.map((attributes) => attributes['agentsmith.kernel.parameter.value']),
        core.made.map(({ value }) => value),
      );
      const agent = await steps(context, watch, 'kernel.helper.change', [
        'kernel-parameter',
        'release-agent',
        folder,
      ]);
      assert.deepEqual(
        agent.told.map((attributes) => attributes['file.path']),
        agent.made.map(({ path }) => path),
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);
