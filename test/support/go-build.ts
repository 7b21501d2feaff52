// SPDX-License-Identifier: Apache-2.0
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile, rename, rm } from 'node:fs/promises';
import { constants, setPriority } from 'node:os';
import { join } from 'node:path';
import { cachePath, withLock } from './cache.ts';
import type { SkipReason } from './skip.ts';

/** A program in Go that tests run. */
export interface GoProgram {
  /** As messages call it: `the Collector`. */
  readonly name: string;
  /** Name of the executable. */
  readonly program: string;
  /** The folder of its go.mod and go.sum. */
  readonly sources: string;
  /** The package with its main function, where it is not the folder itself. */
  readonly package?: string;
  /** How long a first build takes, for who waits. */
  readonly minutes: string;
}

export interface BuildOptions {
  /** Tests of the build itself have sources, a cache and an environment of their own. */
  readonly sources?: string;
  readonly cache?: string;
  readonly environment?: NodeJS.ProcessEnv;
}

// -s -w: without symbols; nobody debugs them here, and links need half of the memory.
const FLAGS = ['-trimpath', '-ldflags', '-s -w'];

// Not what the user's shell says: with -mod=mod Go would rewrite go.mod, with a workspace use other modules.
const GO_SETTINGS = { CGO_ENABLED: '0', GOFLAGS: '-mod=readonly -buildvcs=false', GOWORK: 'off' };

const BUILD_LIMIT_MS = 30 * 60_000;

/** A module could not be fetched, in the words of Go's resolver, dialer, TLS and proxy client. */
const UNREACHABLE =
  /dial tcp|lookup \S+.*(no such host|server misbehaving|i\/o timeout)|connection (refused|reset)|network is unreachable|handshake timeout|Client\.Timeout|i\/o timeout|proxyconnect|unexpected EOF|: (403|404|407|410|429|5\d\d) |GOPROXY=off/i;

const TOO_OLD = /requires go >= \S+|invalid go version|toolchain not available|unknown directive: toolchain/;

/**
 * Builds a program when no earlier run has left it in the cache. A missing Go or network is a reason to skip; sources
 * that do not compile are an error.
 */
export async function buildGo(what: GoProgram, options: BuildOptions = {}): Promise<string | SkipReason> {
  const { name, package: main = '.' } = what;
  const sources = options.sources ?? what.sources;
  const folder = join(options.cache ?? cachePath(), `${what.program}-${await fingerprint(sources)}`);
  const program = join(folder, what.program);
  if (existsSync(program)) return program;

  const go = (...args: string[]) =>
    run('go', args, sources, { ...process.env, ...options.environment, ...GO_SETTINGS });
  const version = await go('version');
  if (version.missing) return { skipped: `Go is not installed, and the tests build ${name} with it` };

  return withLock(join(folder, 'lock'), BUILD_LIMIT_MS, async () => {
    if (existsSync(program)) return program;
    const progress = reportProgress(what, folder);
    try {
      // First everything that needs the network, so that a failure of the second step is the sources' own.
      const fetched = await go('list', '-deps', '-f', '', main);
      if (fetched.failed) return unavailable(name, fetched.output, version.output);
      const unfinished = `${program}.${process.pid}`;
      const built = await go('build', ...FLAGS, '-o', unfinished, main);
      if (built.failed) {
        await rm(unfinished, { force: true });
        throw new Error(`${name} in ${sources} does not build:\n${built.output}`);
      }
      await rename(unfinished, program);
      return program;
    } finally {
      clearInterval(progress);
    }
  });
}

/** Of all that goes into the program, so that the cache never answers for other sources. */
async function fingerprint(sources: string): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify([process.arch, FLAGS]));
  const names = (await readdir(sources)).filter((name) => /\.go$|^go\.(mod|sum)$/.test(name)).sort();
  for (const name of names) {
    const content = await readFile(join(sources, name));
    hash.update(`\0${name}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}

function unavailable(name: string, output: string, version: string): SkipReason {
  const lines = output.split('\n').filter((line) => !line.startsWith('go: downloading'));
  const old = lines.find((line) => TOO_OLD.test(line));
  if (old) return { skipped: `${version.trim()} is too old for ${name}: ${old.trim()}` };
  const unreachable = lines.find((line) => UNREACHABLE.test(line));
  if (unreachable) return { skipped: `${name}'s Go modules cannot be fetched: ${unreachable.trim()}` };
  throw new Error(`${name}'s Go modules do not resolve:\n${lines.join('\n')}`);
}

function reportProgress({ name, minutes }: GoProgram, folder: string): NodeJS.Timeout {
  let seconds = 0;
  return setInterval(() => {
    if (seconds === 0) console.error(`building ${name}, once: ${minutes} minutes, then kept in ${folder}`);
    seconds += 5;
    if (seconds % 30 === 0) console.error(`building ${name}: ${seconds} s`);
  }, 5000);
}

interface Outcome {
  readonly failed: boolean;
  /** There is no such program. */
  readonly missing: boolean;
  readonly output: string;
}

function run(command: string, args: string[], cwd: string, env: NodeJS.ProcessEnv): Promise<Outcome> {
  return new Promise((resolve) => {
    const limits = { timeout: BUILD_LIMIT_MS, maxBuffer: 64 * 1024 * 1024 };
    const child = execFile(command, args, { cwd, env, ...limits }, (error, stdout, stderr) => {
      const cause = error && !stderr ? `${error.message}\n` : '';
      resolve({ failed: error !== null, missing: error?.code === 'ENOENT', output: cause + stdout + stderr });
    });
    // Minutes of compiling must not slow down what else the machine does; compilers inherit it.
    if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_LOW);
  });
}
