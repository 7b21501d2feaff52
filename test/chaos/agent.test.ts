// SPDX-License-Identifier: Apache-2.0
// The built CLI, a storm, and what befalls the agent itself: killed, stalled, a disk without room. A real Collector takes
// the records. Damage to the files of the spool: test/unit/export/spool.test.ts.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { withMounts } from '../support/private.ts';
import { AgentUnderFire } from './agent-under-fire.ts';
import { IN_FLIGHT, prepare, scenario, size } from './scenario.ts';
import { checkMissing } from './unclean.ts';

const STALL_MS = 2000;

describe('chaos: a storm and the agent', () => {
  prepare();

  scenario('nobody reads the ring for 2 s (SIGSTOP), at full speed', 'Collector', async (stage) => {
    const { deeds } = stage;
    const collector = await stage.collector();
    const agent = await stage.agent(collector.url);
    await deeds.eachCpu();
    const storm = deeds.storm(size(60_000, 1_200_000), size(30_000, 0));
    await delay(300);
    agent.signal('SIGSTOP');
    await delay(STALL_MS);
    agent.signal('SIGCONT');
    await storm;
    await agent.settled(deeds);
    await deeds.eachCpu();
    const books = await agent.settled(deeds);
    await agent.stop(books);
    const { tally } = await collector.tally();
    return { books, tallied: tally.sort() };
  });

  scenario(
    'the disk full (a tmpfs of 8 MiB for --state-dir), the Collector away',
    'Collector',
    async (stage) => {
      const { deeds } = stage;
      const collector = await stage.collector();
      const state = join(stage.folder, 'state');
      mkdirSync(state, { mode: 0o700 });
      const wrap = withMounts(stage.context, `mount -t tmpfs -o size=8m,mode=700 tmpfs ${state}`);
      const args = [...stage.keeping, '--queue-size', '8MiB'];
      const agent = stage.take(await AgentUnderFire.start(collector.url, deeds, args, { wrap }));
      await deeds.eachCpu();
      await collector.down();
      const rate = 10_000;
      await deeds.storm(rate * size(3, 30), rate);
      await agent.said(/no room for more records|no space left on the device/);
      await collector.up();
      await deeds.storm(rate, rate);
      await agent.settled(deeds);
      await deeds.eachCpu();
      const books = await agent.settled(deeds);
      await agent.stop(books);
      assert.match(Object.keys(books.lost).join(), /spool_full|queue_full|shed/);
      const { tally } = await collector.tally();
      const tallied = tally.sort();
      assert.ok(tallied.again.length <= IN_FLIGHT, `${tallied.again.length} requests came again`);
      return { books, tallied, whyTwice: 'written when the Collector was killed, before it could say so' };
    },
  );

  scenario('the agent killed (kill -9) and started again, three times', 'Collector', async (stage) => {
    const { deeds } = stage;
    const collector = await stage.collector();
    const start = () => stage.agent(collector.url, ...stage.keeping);
    let agent = await start();
    await deeds.eachCpu();
    const rate = size(5_000, 20_000);
    const seconds = size(9, 60);
    const storm = deeds.storm(rate * seconds, rate);
    const phase = seconds * 200;
    const bases: number[] = [];
    // While the Collector takes records; while it is away and they go to disk; while it is back and they are read.
    for (const [isAway, waits] of [
      [false, phase],
      [true, phase],
      [false, phase / 4],
    ] as const) {
      if (isAway) await collector.down();
      await delay(waits);
      if (isAway) await agent.said(/kept within/);
      await agent.kill();
      bases.push(Date.now() * 1000);
      if (isAway) await collector.up();
      agent = await start();
    }
    await storm;
    await agent.settled(deeds);
    await deeds.eachCpu();
    const books = await agent.settled(deeds);
    await agent.stop(books);
    const { tally } = await collector.tally();
    const tallied = tally.sort(bases);
    assert.deepEqual(books.lost, {});
    return {
      books,
      tallied,
      unclean: checkMissing(tallied, deeds, bases.length),
      whyTwice: 'on disk as well, and the agent was killed before it could note that they had arrived',
    };
  });
});
