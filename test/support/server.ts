// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts } from './ports.ts';

export interface ServerCommand {
  readonly file: string;
  readonly args: readonly string[];
  /** Added to our own environment. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface ServerOptions {
  /** As messages call it: `the Collector`. */
  readonly name: string;
  /** Its working directory and that of its log; made when missing. */
  readonly dir: string;
  /** Name of the log without `.log`: several servers may share a folder. */
  readonly log: string;
  /** How many it listens on, or those of one that was stopped, to start it again where its clients look for it. */
  readonly ports: number | readonly number[];
  /** Before each start, for what the ports go into. */
  prepare?(ports: readonly number[]): Promise<void>;
  command(ports: readonly number[]): ServerCommand;
  /** Asks it for something that only a working one answers; an error means not yet. */
  ready(ports: readonly number[]): Promise<boolean>;
  readonly timeoutMs?: number;
  /** How it ends on SIGTERM in good order; `exit 0` by default. */
  readonly goodEnd?: RegExp;
}

/** A server that runs as a child of the test. */
export interface Server {
  readonly pid: number;
  readonly ports: readonly number[];
  readonly logPath: string;
  logTail(lines?: number): string;
  /** Ends it and waits until it has gone; with SIGTERM it has to go in good order, in 10 s. Once is enough. */
  stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>;
}

const ATTEMPTS = 3;
const STOP_LIMIT_MS = 10_000;

/** Starts a server on free loopback ports and returns when it answers. @throws with the end of its log */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { name, ports, timeoutMs = 30_000 } = options;
  await mkdir(options.dir, { recursive: true });
  for (let attempt = 1; ; attempt++) {
    const chosen = typeof ports === 'number' ? await freePorts(ports) : ports;
    await options.prepare?.(chosen);
    const server = launch(options, chosen);
    const problem = await untilReady(server, options, timeoutMs);
    if (problem === undefined) return server;
    await server.stop('SIGKILL');
    const log = server.logTail();
    // Between our look and its start somebody else may have taken a port.
    if (typeof ports === 'number' && attempt < ATTEMPTS && /address (is )?already in use/i.test(log))
      continue;
    throw new Error(`${name} ${problem}; end of ${server.logPath}:\n${log}`);
  }
}

interface Launched extends Server {
  /** How it ended, once it has. */
  readonly ended: () => string | undefined;
}

function launch(options: ServerOptions, ports: readonly number[]): Launched {
  const { name, dir, goodEnd = /^exit 0$/ } = options;
  const logPath = join(dir, `${options.log}.log`);
  const { file, args, env } = options.command(ports);
  const log = openSync(logPath, 'a');
  const child = spawn(file, args, { cwd: dir, env: { ...process.env, ...env }, stdio: ['ignore', log, log] });
  closeSync(log);
  let how: string | undefined;
  const ended = ending(child).then((end) => (how = end));
  const logTail = (lines = 30) =>
    readFileSync(logPath, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');

  let stopping: Promise<void> | undefined;
  async function end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    child.kill(signal);
    const limit = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
    await ended;
    clearTimeout(limit);
    if (signal === 'SIGTERM' && !goodEnd.test(how!))
      throw new Error(`${name} ended with ${how}; end of ${logPath}:\n${logTail()}`);
  }
  return {
    pid: child.pid ?? -1,
    ports,
    logPath,
    logTail,
    ended: () => how,
    stop: (signal = 'SIGTERM') => (stopping ??= end(signal)),
  };
}

/** How it ended, whenever it does. A test run that dies takes its servers along. */
function ending(child: ChildProcess): Promise<string> {
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  return new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal ?? `exit ${code}`));
  }).finally(() => process.off('exit', kill));
}

/** Undefined once it is ready, else what keeps it from being so. */
async function untilReady(
  server: Launched,
  options: ServerOptions,
  limitMs: number,
): Promise<string | undefined> {
  const deadline = performance.now() + limitMs;
  while (performance.now() < deadline) {
    const ready = await options.ready(server.ports).catch(() => false);
    const end = server.ended();
    if (end !== undefined) return `ended while starting (${end})`;
    if (ready) return undefined;
    await sleep(25);
  }
  return `was not ready within ${limitMs} ms`;
}

const REQUEST_LIMIT_MS = 5000;

/** GET answers with a status of success; a refused connection is an error. */
export async function answers(url: string): Promise<boolean> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(REQUEST_LIMIT_MS) });
  await answer.body?.cancel();
  return answer.ok;
}
