// SPDX-License-Identifier: Apache-2.0
// The built CLI and a clock that is set, forward and back. The clock is the whole machine's: only a guest may lose it
// (test/vm/chaos.test.ts).
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { skip } from '../support/skip.ts';
import { Answering } from './answering.ts';
import type { Deeds } from './deeds.ts';
import { prepare, scenario } from './scenario.ts';
import { type Arrival, deedOf, PEER } from './tally.ts';
import { checkMissing } from './unclean.ts';

const HOUR_MS = 3_600_000;
/** Forward, then back. */
const STEPS: readonly number[] = [HOUR_MS, -2 * HOUR_MS];
/** What was in the ring when the clock was set, and what took its time: far less than an hour. */
const NEAR_MS = 60_000;
/** Emulated, a guest is ten times slower. */
const RATE = 500;

/**
 * Each record has the time that the clock showed; those that were in the ring when it was set have what it showed then,
 * and stand side by side.
 */
function checkTimes(records: readonly Arrival[], deeds: Deeds): void {
  const moved = new Map<number, number[]>(STEPS.map((step) => [step, []]));
  for (const { time, attributes } of records) {
    const { [PEER]: address } = attributes;
    if (typeof address !== 'string') continue;
    const deed = deedOf(address);
    const times = deeds.between(deed);
    const isNear = (step: number) => times.some((each) => Math.abs(each + step - time) < NEAR_MS);
    if (isNear(0)) continue;
    const step = STEPS.find(isNear);
    const [from, to] = times.map((each) => new Date(each).toISOString());
    assert.ok(step !== undefined, `deed ${deed}, ${from} to ${to}, at ${new Date(time).toISOString()}`);
    moved.get(step)!.push(deed);
  }
  for (const [step, numbers] of moved) {
    const span = Math.max(...numbers) - Math.min(...numbers) + 1;
    assert.ok(numbers.length === 0 || span === numbers.length, `${step} ms off: ${numbers}`);
  }
}

const setBy = (ms: number) =>
  execFileSync('date', ['-s', `@${((Date.now() + ms) / 1000).toFixed(3)}`], { stdio: 'ignore' });

describe('chaos: the clock of the machine', () => {
  before(function () {
    if (!process.env.AGENTSMITH_VM)
      skip(this, "it would set this machine's clock: test/vm runs it in a guest");
  });
  prepare();

  scenario(
    'the clock set one hour forward, then two back, then the agent killed',
    'test receiver',
    async (stage) => {
      const { deeds } = stage;
      const receiver = stage.closes(await Answering.start(() => undefined));
      const start = () => stage.agent(receiver.url, ...stage.keeping);
      const bases = [Date.now() * 1000];
      const first = await start();
      await deeds.eachCpu();
      for (const step of STEPS) {
        const storm = deeds.storm(4 * RATE, RATE, 100);
        await delay(2000);
        setBy(step);
        await storm;
      }
      await first.settled(deeds);
      const before = deeds.next;
      const storm = deeds.storm(60 * RATE, RATE, 100);
      await delay(5000);
      await first.kill();
      bases.push(Date.now() * 1000);
      const second = await start();
      await storm;
      await second.settled(deeds);
      await deeds.eachCpu();
      const books = await second.settled(deeds);
      await second.stop(books);
      assert.deepEqual(books.lost, {});
      const tallied = receiver.tally().tally.sort(bases);
      for (let deed = 1; deed < before; deed++) assert.ok(tallied.has(deed), `deed ${deed} is missing`);
      const [gap] = tallied.gaps;
      assert.ok(gap!.start <= gap!.end, 'a gap that ends before it begins');
      checkTimes(receiver.records(), deeds);
      return {
        books,
        tallied,
        unclean: checkMissing(tallied, deeds, 1),
        whyTwice: 'on disk as well, and the agent was killed before it could note that they had arrived',
      };
    },
  );
});
