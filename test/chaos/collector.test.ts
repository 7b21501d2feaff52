// SPDX-License-Identifier: Apache-2.0
// The built CLI, a storm, and a real Collector that dies. What answers of a receiver do: answers.test.ts.
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { checkWhole, IN_FLIGHT, prepare, scenario, size } from './scenario.ts';

describe('chaos: a storm and a Collector', () => {
  prepare();

  scenario('a storm at full speed', 'Collector', async (stage) => {
    const { deeds } = stage;
    const collector = await stage.collector();
    const agent = await stage.agent(collector.url);
    await deeds.eachCpu();
    await deeds.storm(size(60_000, 1_200_000), 0);
    await agent.settled(deeds);
    await deeds.eachCpu();
    const books = await agent.settled(deeds);
    await agent.stop(books);
    const { tally } = await collector.tally();
    return { books, tallied: tally.sort() };
  });

  scenario('a storm, and the Collector killed 20 times', 'Collector', async (stage) => {
    const { deeds } = stage;
    const collector = await stage.collector();
    const agent = await stage.agent(collector.url, ...stage.keeping);
    await deeds.eachCpu();
    const rate = size(6_000, 20_000);
    const storm = deeds.storm(rate * size(6, 60), rate);
    let isOver = false;
    storm.finally(() => (isOver = true)).catch(() => {});
    let kills = 0;
    while (!isOver || kills < size(3, 20)) {
      await delay(size(500, 800));
      if (kills >= size(3, 20)) continue;
      await collector.down();
      kills++;
      await delay(size(300, 600));
      await collector.up();
    }
    await storm;
    await agent.settled(deeds);
    await deeds.eachCpu();
    const books = await agent.settled(deeds);
    await agent.stop(books);
    const { tally, deaths } = await collector.tally();
    const tallied = tally.sort();
    checkWhole(tallied.again, tallied.sizes);
    // What came twice was on its way when the Collector died: written, and not acknowledged.
    for (const [i, death] of deaths.entries()) {
      const before = tallied.again.filter(({ first }) => first < death && first >= (deaths[i - 1] ?? 0));
      assert.ok(before.length <= IN_FLIGHT, `${before.length} requests came again behind death ${i}`);
    }
    return { books, tallied, whyTwice: 'written when the Collector was killed, before it could say so' };
  });

  for (const keeps of [true, false]) {
    const title = `the Collector away for 60 s, ${keeps ? 'with' : 'without'} --state-dir`;
    scenario(title, 'Collector', async (stage) => {
      const { deeds } = stage;
      const collector = await stage.collector();
      const agent = await stage.agent(collector.url, ...(keeps ? stage.keeping : ['--queue-size', '16MiB']));
      await deeds.eachCpu();
      const rate = 10_000;
      const away = size(3, 60);
      const storm = deeds.storm(rate * (away + 2), rate);
      await delay(1000);
      await collector.down();
      await delay(away * 1000);
      await collector.up();
      await storm;
      await agent.settled(deeds);
      await deeds.eachCpu();
      const books = await agent.settled(deeds);
      await agent.stop(books);
      if (keeps) assert.deepEqual(books.lost, {});
      const { tally } = await collector.tally();
      const tallied = tally.sort();
      checkWhole(tallied.again, tallied.sizes);
      assert.ok(tallied.again.length <= IN_FLIGHT, `${tallied.again.length} requests came again`);
      return { books, tallied, whyTwice: 'written when the Collector was killed, before it could say so' };
    });
  }
});
