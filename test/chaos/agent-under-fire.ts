// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { askAgents } from '../../src/health/control-socket.ts';
import { type AgentStatus, sumOf } from '../../src/health/status.ts';
import { MIXED } from '../../src/ledger.ts';
import { Cli, type CliOptions } from '../support/cli.ts';
import { lastLine } from '../support/sent.ts';
import { scaled } from '../support/triggers.ts';
import { type Deeds, WATCHED } from './deeds.ts';

const MIB = 1 << 20;
const LOOK_MS = 250;

/** The books when nothing is in the ring, in memory or on disk any more. */
export interface Books {
  /** What the kernel saw of the deeds, by event: all attempts but those of other users. */
  readonly seen: Readonly<Record<string, number>>;
  /** By event and reason. */
  readonly lost: Readonly<Record<string, number>>;
  /** Of what the agent tells of itself, gap records among them. */
  readonly own: Readonly<Record<string, number>>;
}

/** The built CLI, watching one scenario's deeds alone; looked at four times a second while it lives. */
export class AgentUnderFire {
  /** Highest resident memory so far, MiB. */
  rss = 0;
  readonly #cli: Cli;
  readonly #timer: NodeJS.Timeout;
  #isLooking = false;
  #problem: Error | undefined;

  static async start(
    url: string,
    deeds: Deeds,
    args: readonly string[],
    options?: CliOptions,
  ): Promise<AgentUnderFire> {
    const cli = new Cli(
      [
        ...['--endpoint', url, '--events', WATCHED.join(','), '--filter', deeds.filter()],
        ...['--detail', 'lean', '--no-body', '--metrics-interval', '1h', ...args],
      ],
      options,
    );
    return new AgentUnderFire(await cli.ready());
  }

  private constructor(cli: Cli) {
    this.#cli = cli;
    this.#timer = setInterval(() => void this.#look(), LOOK_MS);
  }

  get pid(): number {
    return this.#cli.pid;
  }

  get stderr(): string {
    return this.#cli.stderr;
  }

  said(pattern: RegExp): Promise<void> {
    return this.#cli.said(pattern);
  }

  signal(name: NodeJS.Signals): void {
    this.#cli.signal(name);
  }

  async status(): Promise<AgentStatus> {
    const [status] = await askAgents(this.#cli.pid);
    if (!status) throw new Error(`the agent has gone:\n${this.#cli.stderr.slice(-2000)}`);
    return status as AgentStatus;
  }

  /** At any moment of a run no event was delivered or lost that had not been received. */
  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    // It may be stopped, or just have been killed.
    const status = await this.status().catch(() => undefined);
    this.#isLooking = false;
    if (!status) return;
    this.rss = Math.max(this.rss, status.process.memory / MIB);
    const [waiting] = waitingOf(status);
    if (waiting < 0) this.#problem ??= new Error(`${waiting} records in memory: ${JSON.stringify(status)}`);
  }

  /** Waits until every event of the deeds is delivered or lost, and the equations hold. */
  async settled(deeds: Deeds, limitMs = 120_000): Promise<Books> {
    const deadline = performance.now() + scaled(limitMs);
    for (;;) {
      // On a busy machine it may be too busy to answer.
      const status = await this.status().catch((error: Error) => error);
      const problem = status instanceof Error ? status.message : unsettled(status, deeds);
      if (!(status instanceof Error) && problem === undefined) return booksOf(status);
      if (performance.now() > deadline) throw new Error(`${problem}:\n${JSON.stringify(status, null, 1)}`);
      await delay(LOOK_MS);
    }
  }

  /** SIGTERM: it ends well, and its last line says what the books said. */
  async stop(books: Books): Promise<void> {
    clearInterval(this.#timer);
    const { code, stderr } = await this.#cli.stop();
    assert.equal(code, 0, stderr.slice(-2000));
    const { lost, waiting } = lastLine(stderr);
    assert.deepEqual({ lost, waiting }, { lost: sumOf(books.lost) + sumOf(books.own), waiting: 0 });
    if (this.#problem) throw this.#problem;
  }

  async kill(): Promise<void> {
    await this.close();
    if (this.#problem) throw this.#problem;
  }

  /** Whatever its state is. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#cli.kill();
  }
}

/** [records in memory and on disk, those on disk alone], of all events. Of batches taken in part no event is known. */
function waitingOf({ events, mixed }: AgentStatus): readonly [number, number] {
  const inMemory =
    events.reduce((sum, event) => sum + event.inMemory, 0) - mixed.exported - sumOf(mixed.lost);
  const spooled = events.reduce((sum, event) => sum + event.spooled, 0);
  return [inMemory + spooled, spooled];
}

const kernelLost = ({ lost }: AgentStatus['events'][number]) =>
  (lost.ring_full ?? 0) + (lost.reserved ?? 0) + (lost.rate_limited ?? 0) + (lost.no_memory ?? 0);

/** What is not yet as it is in the end. */
function unsettled(status: AgentStatus, { happened }: Deeds): string | undefined {
  for (const [name, count] of Object.entries(happened)) {
    const event = status.events.find((each) => each.name === name);
    if (!event) return `there is no ${name}`;
    const { attempted, filtered, submitted, received } = event;
    // The kernel counts on while its counters are summed.
    if (attempted !== submitted + filtered + kernelLost(event)) return `attempts of ${name}`;
    if (submitted !== received) return `${name} is in the ring`;
    if (attempted - filtered > count) return `${name}: ${attempted - filtered} seen, ${count} happened`;
  }
  const [waiting] = waitingOf(status);
  return waiting === 0 ? undefined : `${waiting} records wait`;
}

const isWatched = (name: string) => WATCHED.some((each) => name === `agentsmith.${each}`);

function booksOf({ events, mixed }: AgentStatus): Books {
  const lost: Record<string, number> = {};
  const own: Record<string, number> = {};
  for (const { name, lost: reasons } of [...events, { name: MIXED, lost: mixed.lost }])
    for (const [reason, count] of Object.entries(reasons))
      (isWatched(name) || name === MIXED ? lost : own)[`${name.replace('agentsmith.', '')} ${reason}`] =
        count;
  const watched = events.filter(({ name }) => isWatched(name));
  const seen = Object.fromEntries(
    watched.map(({ name, attempted, filtered }) => [name, attempted - filtered]),
  );
  return { seen, lost, own };
}
