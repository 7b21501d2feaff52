// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { programPath } from '../bench/programs.ts';
import { Cli, type CliEnd } from './cli.ts';
import { buildCollector, type Collector, type CollectorOptions, startCollector } from './collector.ts';
import type { Attempt } from './connect.ts';
import type { ExecTruth } from './exec.ts';
import { needsKernel } from './needs.ts';
import { tellingCgroup } from './private.ts';
import { CONNECT, EXEC, EXIT, type lastLine, named, trueNumbers, upTo } from './sent.ts';
import type { Server } from './server.ts';
import { Shell } from './shell.ts';
import { orSkip } from './skip.ts';
import { triggerPath } from './triggers.ts';
import { escaped, pidOf } from './truth.ts';

/** What the deeds of a road need of a record, wherever it was read. */
export interface RoadRecord {
  readonly eventName: string;
  readonly attributes: Readonly<Record<string, unknown>>;
}

export interface RoadOptions {
  /** More arguments for the agent, asked for when the backend runs. */
  args?(): readonly string[];
  /** What is special about its Collector; asked for when the backend runs. */
  collector?(): Pick<CollectorOptions, 'config' | 'overlays' | 'wrap'>;
  /** The agent also writes {@link Road.ownPath}. Not for storms: the file is no part of the books, and may lack some. */
  readonly own?: boolean;
}

/** `cpu-sequence`: which event it is, on this host. Undefined for what the agent says of itself. */
export function identity({ attributes }: RoadRecord): string | undefined {
  const sequence = attributes['agentsmith.event.sequence'];
  return sequence === undefined ? undefined : `${attributes['agentsmith.event.cpu']}-${sequence}`;
}

/** How many numbers are not there, between the first and the last of each CPU. */
function missingOf(identities: Iterable<string>): number {
  const seen = new Map<number, { first: number; last: number; count: number }>();
  for (const each of new Set(identities)) {
    const [cpu, number] = each.split('-').map(Number) as [number, number];
    const { first, last, count } = seen.get(cpu) ?? { first: number, last: number, count: 0 };
    seen.set(cpu, { first: Math.min(first, number), last: Math.max(last, number), count: count + 1 });
  }
  assert.ok(seen.size > 0, 'no record has a sequence number');
  return [...seen.values()].reduce((sum, { first, last, count }) => sum + last - first + 1 - count, 0);
}

/** The agent, a Collector behind it, and deeds whose truth is known: the part of a road that is ours. */
export class Road {
  readonly dir: string;
  /** All deeds are its. */
  readonly shell: Shell;
  /** OTLP-JSON of all that the agent sent, in its own words. */
  readonly ownPath: string;
  #collector: CollectorOptions;
  collector!: Collector;
  cli!: Cli;
  readonly #execs: ExecTruth[] = [];
  readonly #attempts: Attempt[] = [];
  #numbers = 0;
  /** The kernel tells the deeds from others' by their cgroup, and gives only them a number. */
  readonly #cgroup = tellingCgroup();

  private constructor(binary: string) {
    this.dir = realpathSync(mkdtempSync(join(tmpdir(), 'agentsmith-road-')));
    this.ownPath = join(this.dir, 'own.jsonl');
    this.shell = new Shell(this.#cgroup?.wrap);
    this.#collector = {
      binary,
      dir: join(this.dir, 'collector'),
      // What the agent itself writes is looked at, so nobody reads console and file.
      env: { AGENTSMITH_LOCAL: 'nop' },
    };
  }

  /**
   * Starts both. @param backend starts what is behind the Collector, with its files in a folder of the road; gives the
   * variables that switch it on
   */
  static async open(
    context: Mocha.Context,
    backend: (dir: string) => Promise<Record<string, string>>,
    more: RoadOptions = {},
  ): Promise<Road> {
    needsKernel.call(context);
    const binary = orSkip(context, await buildCollector());
    const road = new Road(binary);
    try {
      const env = { ...road.#collector.env, ...(await backend(join(road.dir, 'backend'))) };
      road.#collector = { ...road.#collector, env, ...more.collector?.() };
      road.collector = await startCollector(road.#collector);
      const own = more.own ? ['--output', `file:${road.ownPath}`, '--output-size', '1GiB'] : [];
      const cgroup = road.#cgroup?.id;
      const ours = cgroup ? ['--filter', `keep * cgroup=${cgroup}`] : ['--tree', `${road.shell.pid}`];
      const args = ['--endpoint', road.collector.grpcUrl, ...ours, ...own];
      // The largest ring: a storm on a machine that is busy otherwise is no reason to lose an event.
      road.cli = await new Cli([...args, '--ring-size', '64MiB', ...(more.args?.() ?? [])]).ready();
    } catch (error) {
      await Road.end(road);
      throw error;
    }
    return road;
  }

  /** The Collector is killed, and another one takes its place. */
  async replaceCollector(): Promise<void> {
    const { ports } = this.collector;
    await this.collector.stop('SIGKILL');
    this.collector = await startCollector({ ...this.#collector, ports });
  }

  /** Programs that end, one with arguments that are hard to quote, and connections that are taken and refused. */
  async deeds(): Promise<void> {
    const exec = await this.#trigger<ExecTruth>('process-exec', `one 'two words' '' '%s\\"ü]' 'a\nb'`);
    this.#execs.push(...exec);
    for (const outcome of ['ok 127.0.0.1', 'refused 127.0.0.1'])
      this.#attempts.push(...(await this.#trigger<Attempt>('network-connect', outcome)));
    const from = this.#numbers;
    this.#numbers += 20;
    await this.shell.run(`i=${from}; while [ $i -lt ${this.#numbers} ]; do /bin/true $i; i=$((i+1)); done`);
  }

  async #trigger<T>(name: string, args: string): Promise<T[]> {
    const path = join(this.dir, 'truth');
    assert.equal(await this.shell.run(`${triggerPath(name)} ${args} 3>${path}`), 0, name);
    return readFileSync(path, 'latin1')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as T);
  }

  /** Connections of datagram sockets, about so many a second; how many there were. */
  async storm(rate: number, seconds: number): Promise<number> {
    const path = join(this.dir, 'storm');
    assert.equal(await this.shell.run(`${programPath('storm')} udp ${rate} ${seconds} >${path}`), 0);
    return Number(readFileSync(path, 'latin1'));
  }

  /** Each deed is among the records, and is what the program that did it said. */
  expectDeeds(records: readonly RoadRecord[]): void {
    assert.ok(this.#execs.length > 0);
    for (const { proc, args } of this.#execs) {
      const of = (name: string) =>
        named(records, name).filter(({ attributes }) => attributes['process.pid'] === pidOf(proc));
      const [exec, exit] = [of(EXEC), of(EXIT)];
      assert.deepEqual([exec.length, exit.length], [1, 1], `exec and exit of ${pidOf(proc)}`);
      assert.deepEqual(
        exec[0]!.attributes['process.command_args'],
        args.map((arg) => escaped(arg)),
      );
      assert.equal(exec[0]!.attributes['process.executable.path'], triggerPath('process-exec'));
      assert.equal(exit[0]!.attributes['process.exit.code'], 0);
    }
    for (const { cookie, result, peer } of this.#attempts) {
      const found = named(records, CONNECT).filter(
        ({ attributes }) => attributes['agentsmith.network.connect.id'] === cookie,
      );
      assert.equal(found.length, 1, `connection ${cookie}`);
      const { attributes } = found[0]!;
      assert.equal(attributes['network.peer.address'], peer.address);
      assert.equal(attributes['network.peer.port'], peer.port);
      assert.equal(attributes['agentsmith.network.connect.result'], result);
      assert.equal(attributes['error.type'], result === 0 ? undefined : 'ECONNREFUSED');
    }
    assert.deepEqual(trueNumbers(records), upTo(this.#numbers));
  }

  /** Every number of each CPU is there, from its first to its last, but for those of events that the agent left out. */
  expectNoneMissing(records: Iterable<string>, { filtered }: ReturnType<typeof lastLine>): void {
    const missing = missingOf(records);
    // Where no cgroup can be made it is the agent that leaves others' events out, behind the kernel, and they have numbers.
    const others = this.#cgroup ? 0 : filtered;
    assert.ok(missing <= others, `${missing} sequence numbers are missing, of ${others} events left out`);
  }

  /** The agent has delivered what it saw; what it said at its end. */
  async stopAgent(): Promise<CliEnd> {
    await this.shell.end();
    return this.cli.stop();
  }

  /**
   * Ends a road, or what there is of it when it could not be opened, then what is behind the Collector, whose files are in
   * the folder of the road.
   */
  static async end(
    road: Road | undefined,
    ...behind: readonly (Pick<Server, 'stop'> | undefined)[]
  ): Promise<void> {
    if (road) await road.#stop();
    for (const server of behind) await server?.stop();
    if (road) rmSync(road.dir, { recursive: true, force: true });
  }

  async #stop(): Promise<void> {
    await this.cli?.kill();
    await this.shell.end();
    this.#cgroup?.cleanUp();
    await this.collector?.stop();
  }
}
