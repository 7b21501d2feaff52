// SPDX-License-Identifier: Apache-2.0
// The built CLI, a storm, and a receiver that gives every kind of bad answer. That the agent says the right thing of each:
// test/e2e/delivery.test.ts.
import assert from 'node:assert/strict';
import { Answering, Cutter, type Fate } from './answering.ts';
import { type Finding, prepare, type Stage, scenario, size } from './scenario.ts';

/** gRPC status codes. */
const UNAVAILABLE = 14;
const RESOURCE_EXHAUSTED = 8;

const REFUSED: Fate = { keeps: 'none', reply: { status: UNAVAILABLE, message: 'restarting' } };

interface Trial {
  readonly title: string;
  readonly script: (request: number, bytes: number) => Fate | undefined;
  readonly keeps?: boolean;
  /** Only in `npm run chaos`: in short it shows nothing that others do not. */
  readonly isLong?: boolean;
  readonly whyTwice?: string;
  /** `--timeout`; an answer that comes behind it is none. */
  readonly timeout?: string;
  /** What the losses must be. */
  readonly check: (lost: Readonly<Record<string, number>>) => void;
}

const nothing = (lost: Readonly<Record<string, number>>) => assert.deepEqual(lost, {});
const every = (n: number, fate: Fate) => (request: number) => (request % n === 1 ? fate : undefined);
/** Of eight requests the first six go well. */
const bouts = (fate: Fate) => (request: number) => (request % 8 > 5 ? fate : undefined);

const LOST_ANSWER = 'accepted, but the answer was lost';

const tooOld = every(4, {
  keeps: { allBut: 3 },
  reply: { partialSuccess: { rejected: 3, message: 'too old' } },
});

const TRIALS: readonly Trial[] = [
  { title: 'UNAVAILABLE, again and again', script: bouts(REFUSED), check: nothing },
  {
    title: 'UNAVAILABLE, again and again, with --state-dir',
    script: bouts(REFUSED),
    keeps: true,
    isLong: true,
    check: nothing,
  },
  {
    title: 'RESOURCE_EXHAUSTED with RetryInfo',
    script: bouts({
      keeps: 'none',
      reply: { status: RESOURCE_EXHAUSTED, message: 'slow down', retryInMillis: 100 },
    }),
    check: nothing,
  },
  {
    title: 'RESOURCE_EXHAUSTED without RetryInfo: such records are refused for good',
    script: every(5, { keeps: 'none', reply: { status: RESOURCE_EXHAUSTED, message: 'quota' } }),
    check: (lost) => assert.match(Object.keys(lost).join(), /^([a-z.]+ rejected,?)+$/),
  },
  {
    title: 'answers after 300 ms',
    script: every(1, { reply: { delayMs: 300 } }),
    keeps: true,
    isLong: true,
    check: nothing,
  },
  {
    title: 'answers lost behind the acceptance',
    script: every(4, { reply: { instead: 'drop' } }),
    whyTwice: LOST_ANSWER,
    check: nothing,
  },
  {
    title: 'answers that come too late',
    timeout: '800ms',
    keeps: true,
    script: every(6, { reply: { delayMs: 1500 } }),
    whyTwice: 'accepted, but the answer came behind --timeout',
    check: nothing,
  },
  {
    title: 'partial success: three records of a request refused',
    // Gap records have requests of their own, which hold no three.
    script: (request, bytes) => (bytes > 10_000 ? tooOld(request) : undefined),
    check: (lost) => assert.deepEqual(Object.keys(lost), ['mixed rejected']),
  },
];

/** Deeds before a receiver that answers so, and what came of them. */
async function trial(
  stage: Stage,
  { script, keeps, whyTwice, timeout = '10s', check }: Trial,
): Promise<Finding> {
  const { deeds } = stage;
  // The first requests take what happens before the storm.
  let isStorm = false;
  let before = 0;
  const receiver = stage.closes(
    await Answering.start((request, bytes) => {
      if (isStorm) return script(request - before, bytes);
      before++;
      return undefined;
    }),
  );
  const args = [
    '--batch-records',
    `${size(500, 1000)}`,
    '--timeout',
    timeout,
    ...(keeps ? stage.keeping : []),
  ];
  const agent = await stage.agent(receiver.url, ...args);
  await deeds.eachCpu();
  isStorm = true;
  const rate = size(6_000, 5_000);
  await deeds.storm(rate * size(1, 20), rate);
  await agent.settled(deeds);
  isStorm = false;
  await deeds.eachCpu();
  const books = await agent.settled(deeds);
  await agent.stop(books);
  check(books.lost);
  const { tally, fates } = receiver.tally();
  const tallied = tally.sort();
  // A record that came twice was in a request whose answer never came, or on the same connection when that broke.
  const isUnanswered = (request: number) => {
    const { reply } = fates[request] ?? {};
    return reply?.instead === 'drop' || reply?.delayMs !== undefined;
  };
  for (const { first, second, count } of tallied.again) {
    const near = [0, -1, 1, -2, 2].map((step) => first + step);
    assert.ok(near.some(isUnanswered), `request ${first} was answered, and came again`);
    assert.equal(count, tallied.sizes[second]);
  }
  assert.equal(tallied.again.length > 0, whyTwice !== undefined);
  return { books, tallied, ...(whyTwice !== undefined && { whyTwice }) };
}

describe('chaos: answers of a receiver', () => {
  prepare();

  for (const each of TRIALS.filter(({ isLong }) => !isLong || size(0, 1) === 1))
    scenario(each.title, 'test receiver', (stage) => trial(stage, each));

  scenario('connections cut in the midst of a request', 'test receiver', async (stage) => {
    const { deeds } = stage;
    const receiver = stage.closes(await Answering.start(() => undefined));
    // A request of 500 records is some 200 kB: on each connection one passes, or a few.
    const limits = Array.from({ length: size(3, 40) }, (_, i) => 300_000 + ((i * 7919) % 97) * 6_000);
    const cutter = stage.closes(await Cutter.start(receiver.url, limits));
    const agent = await stage.agent(cutter.url, '--batch-records', '500', ...stage.keeping);
    await deeds.eachCpu();
    const rate = size(6_000, 10_000);
    const most = size(60_000, 1_000_000);
    while (cutter.cuts < limits.length && deeds.made.connects < most) await deeds.storm(rate, rate);
    assert.equal(cutter.cuts, limits.length);
    await agent.settled(deeds);
    await deeds.eachCpu();
    const books = await agent.settled(deeds);
    await agent.stop(books);
    assert.deepEqual(books.lost, {});
    return { books, tallied: receiver.tally().tally.sort(), whyTwice: LOST_ANSWER };
  });
});
