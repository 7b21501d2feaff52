// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Child } from './child.ts';
import { type BenchOptions, type Figure, median, type Part, plain, short } from './figures.ts';
import { type BillKind, KINDS, PEERS, type Peer, toolsFor } from './peer-table.ts';
import { cpuOf, rssOf, tree } from './processes.ts';
import { programPath, runProgram } from './programs.ts';

const run = promisify(execFile);
const MIB = 1 << 20;
const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
/** Of 300 ms: nobody is waited for longer. */
const SETTLE_WAITS = 60;

/** Events a second, and how many; an exec takes so long that nothing reaches 5,000. 0 = as fast as it can. */
const PACES: Readonly<
  Record<BillKind, Readonly<Record<'paced' | 'full', readonly [rate: number, count: number]>>>
> = {
  connect: { paced: [5000, 15_000], full: [0, 40_000] },
  file: { paced: [5000, 15_000], full: [0, 60_000] },
  exec: { paced: [300, 900], full: [0, 4000] },
};
type Pace = 'paced' | 'full';
/**
 * As many as fast as they can be made before the first of a kind is measured: an agent that has run for some seconds is what
 * people have. (What runs in a virtual machine, ours or others', is compiled meanwhile.)
 */
const WARM_UP: Readonly<Record<BillKind, number>> = { connect: 40_000, file: 40_000, exec: 5000 };

/** What the program of the workload says. */
interface Made {
  readonly made: number;
  readonly cpuSeconds: number;
}

/** One measurement of one agent. */
interface Bill {
  /** µs for each event that was made: the agent's own, and the workload's. */
  readonly agent: number;
  readonly workload: number;
  /** Of what was made, in percent. */
  readonly lost: number;
}

/** An agent that runs, and what came of it so far. */
class Running {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'agentsmith-bench-'));
  readonly #peer: Peer;
  readonly #out: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #receiver: Child;
  #child: ChildProcess | undefined;
  rss = 0;

  private constructor(peer: Peer, receiver: Child, url: string) {
    this.#peer = peer;
    this.#receiver = receiver;
    this.#out = join(this.folder, 'out');
    const tools = toolsFor(peer.packages);
    const libraries = ['usr/lib', 'lib'].map((path) => join(tools, path, 'x86_64-linux-gnu')).join(':');
    this.#env = {
      PATH: process.env.PATH,
      OUT: this.#out,
      URL: url,
      WORKLOAD: programPath('bill'),
      FOLDER: this.folder,
      TOOLS: tools,
      ...(peer.packages.length > 0 && { LD_LIBRARY_PATH: libraries }),
    };
  }

  /** @throws with the reason when it cannot be had, or does not run here */
  static async start(peer: Peer): Promise<{ running: Running; readyMs: number }> {
    const events = Object.values(peer.counts).filter((mark) => typeof mark === 'string');
    const receiver = new Child('bill-receiver.ts', { events });
    const { url } = await receiver.next<{ url: string }>();
    const running = new Running(peer, receiver, url);
    try {
      return { running, readyMs: await running.#launch() };
    } catch (error) {
      await running.stop();
      throw error;
    }
  }

  /** Until the first of its events has come. */
  async #launch(): Promise<number> {
    const began = performance.now();
    let said = '';
    const child = spawn('bash', ['-c', this.#peer.command], {
      env: this.#env,
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
    });
    this.#child = child;
    for (const signal of SIGNALS) process.once(signal, this.#interrupted);
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-2000)));
    while ((await this.count('file')) === 0) {
      if (child.exitCode !== null) throw new Error(`it ended: ${said.trim().split('\n').at(-1)}`);
      if (performance.now() - began > 30_000) throw new Error(`it shows nothing in 30 s: ${said.trim()}`);
      await work('file', 1, 0, this.folder);
      await delay(20);
    }
    return performance.now() - began;
  }

  async count(kind: BillKind): Promise<number> {
    const mark = this.#peer.counts[kind];
    if (typeof mark === 'string') {
      this.#receiver.send({});
      return (await this.#receiver.next<Record<string, number>>())[mark]!;
    }
    if (!existsSync(this.#out)) return 0;
    return readFileSync(this.#out, 'latin1')
      .split('\n')
      .filter((line) => mark.test(line)).length;
  }

  /** Makes events, and waits until no more of them come. */
  async bill(kind: BillKind, [rate, count]: readonly [number, number]): Promise<Bill> {
    const pids = tree(this.#child!.pid!, this.#peer.threads);
    const [before, cpu] = [await this.count(kind), cpuOf(pids)];
    const { made, cpuSeconds } = await work(kind, count, rate, this.folder);
    this.rss = Math.max(this.rss, rssOf(pids));
    const now = await this.#settled(kind, before + made);
    this.rss = Math.max(this.rss, rssOf(pids));
    return {
      agent: ((cpuOf(pids) - cpu) / made) * 1e6,
      workload: (cpuSeconds / made) * 1e6,
      lost: Math.max(0, 1 - (now - before) / made) * 100,
    };
  }

  /** Makes events that nobody measures, and waits until no more of them come. */
  async warmUp(kind: BillKind, count: number): Promise<void> {
    const before = await this.count(kind);
    const { made } = await work(kind, count, 0, this.folder);
    await this.#settled(kind, before + made);
  }

  /** Waits for so many events, or until no more come; how many there are. */
  async #settled(kind: BillKind, expected: number): Promise<number> {
    let now = await this.count(kind);
    let still = 0;
    for (let waits = 0; waits < SETTLE_WAITS && still < 5 && now < expected; waits++) {
      await delay(300);
      const next = await this.count(kind);
      still = next === now ? still + 1 : 0;
      now = next;
    }
    return now;
  }

  /** A group of its own: a pipe of two programs ends as one. */
  #kill(signal: NodeJS.Signals): void {
    try {
      process.kill(-this.#child!.pid!, signal);
    } catch {
      // It has ended meanwhile.
    }
  }

  /** When the benchmark itself is ended. */
  readonly #interrupted = (): never => {
    this.#kill('SIGKILL');
    this.#cleanUp();
    process.exit(130);
  };

  #cleanUp(): void {
    if (this.#peer.cleanUp !== undefined)
      execFileSync('bash', ['-c', this.#peer.cleanUp], { env: this.#env, stdio: 'ignore' });
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (child && child.exitCode === null) {
      const ended = new Promise((resolve) => child.once('close', resolve));
      this.#kill('SIGTERM');
      const timer = setTimeout(() => this.#kill('SIGKILL'), 10_000);
      await ended;
      clearTimeout(timer);
    }
    for (const signal of SIGNALS) process.off(signal, this.#interrupted);
    this.#cleanUp();
    await this.#receiver.end();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function work(kind: BillKind, count: number, rate: number, folder: string): Promise<Made> {
  const { stdout } = await run(programPath('bill'), [kind, `${count}`, `${rate}`, folder], { env: {} });
  return JSON.parse(stdout) as Made;
}

const PACED: readonly Pace[] = ['paced', 'full'];
/** Each kind at each pace, with the word that its figures are known by. */
const WORKLOADS = KINDS.flatMap((kind) => PACED.map((pace) => ({ kind, pace, key: `${kind}.${pace}` })));
const scaled = ([rate, count]: readonly [number, number], quick: boolean) =>
  [rate, quick ? Math.ceil(count / 50) : count] as const;
/** Of 20,000 calls, of which the best counts. */
const TAX_RUNS = 50;

/** What the workloads cost without an agent, µs an event, and a getpid, ns. */
interface Alone {
  readonly workloads: ReadonlyMap<string, number>;
  readonly getpid: number;
}

async function alone(quick: boolean): Promise<Alone> {
  const folder = mkdtempSync(join(tmpdir(), 'agentsmith-bench-'));
  const workloads = new Map<string, number>();
  try {
    for (const { kind, pace, key } of WORKLOADS) {
      const [rate, count] = scaled(PACES[kind][pace], quick);
      const { made, cpuSeconds } = await work(kind, count, rate, folder);
      workloads.set(key, (cpuSeconds / made) * 1e6);
    }
    return { workloads, getpid: await runProgram('getpid', TAX_RUNS) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** One agent, one round: each kind at each pace. */
interface Round {
  readonly bills: ReadonlyMap<string, Bill>;
  readonly getpid: number;
  readonly readyMs: number;
  readonly rss: number;
}

async function round(peer: Peer, quick: boolean): Promise<Round> {
  const { running, readyMs } = await Running.start(peer);
  try {
    const bills = new Map<string, Bill>();
    for (const { kind, pace, key } of WORKLOADS) {
      if (pace === PACED[0]) await running.warmUp(kind, scaled([0, WARM_UP[kind]], quick)[1]);
      bills.set(key, await running.bill(kind, scaled(PACES[kind][pace], quick)));
    }
    return { bills, getpid: await runProgram('getpid', TAX_RUNS), readyMs, rss: running.rss };
  } finally {
    await running.stop();
  }
}

/** What was measured of an agent, and right before and behind it without one. */
interface Turn extends Round {
  readonly beside: readonly [Alone, Alone];
}

/** The mean of what was measured on both sides of a turn. */
const between = ({ beside: [before, behind] }: Turn, of: (alone: Alone) => number): number =>
  (of(before) + of(behind)) / 2;

function figuresOf(name: string, turns: readonly Turn[]): Figure[] {
  const figures = WORKLOADS.flatMap(({ key }) => {
    const all = turns.map((turn) => {
      const { agent, workload, lost } = turn.bills.get(key)!;
      return { agent, lost, added: workload - between(turn, ({ workloads }) => workloads.get(key)!) };
    });
    const of = (what: 'agent' | 'added' | 'lost') => median(all.map((bill) => bill[what]));
    const total = median(all.map(({ agent, added }) => agent + added));
    return [
      {
        ...plain(`bill.${key}.${name}`, total, 'us'),
        against: `agent ${short(of('agent'))}, added to the workload ${short(of('added'))}`,
      },
      plain(`bill.${key}.${name}.lost`, of('lost'), '%'),
    ];
  });
  const added = turns.map((turn) => turn.getpid - between(turn, ({ getpid }) => getpid));
  return [
    ...figures,
    plain(`bill.getpid.${name}`, median(added), 'ns'),
    plain(`bill.ready.${name}`, median(turns.map(({ readyMs }) => readyMs)), 'ms'),
    plain(`bill.rss.${name}`, median(turns.map(({ rss }) => rss)) / MIB, 'MiB'),
  ];
}

/** The whole bill of an event, of our agent and of others, in turns with none, in one run. */
export const peers: Part = {
  name: 'peers',
  needsRoot: true,
  async run({ quick, progress }: BenchOptions) {
    const found = new Map<string, Turn[]>();
    const gone = new Set<string>();
    let before = await alone(quick);
    for (let turn = 0; turn < (quick ? 1 : 3); turn++) {
      for (const peer of PEERS.filter(({ name }) => !gone.has(name))) {
        progress(`peers: round ${turn + 1}, ${peer.name}`);
        try {
          const measured = await round(peer, quick);
          const behind = await alone(quick);
          found.set(peer.name, [...(found.get(peer.name) ?? []), { ...measured, beside: [before, behind] }]);
          before = behind;
        } catch (error) {
          // The others are worth having; ours is not left out.
          if (peer === PEERS[0]) throw error;
          gone.add(peer.name);
          progress(`peers: ${peer.name} is left out: ${(error as Error).message}`);
        }
      }
    }
    return [...found].flatMap(([name, turns]) => figuresOf(name, turns));
  },
};
