// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';

/** What a command cost. */
export interface Cost {
  /** User and system time of it and of all that it waited for, s. */
  readonly cpuSeconds: number;
  readonly seconds: number;
}

/** Node does not tell what its children cost; bash does, of what it waited for. */
const TIMED = 'TIMEFORMAT="%3U %3S %3R"; time "$@" >/dev/null';

/** Runs a command to its end. @throws when it fails */
export async function timed(
  command: string,
  args: readonly string[],
  options: { readonly cwd: string },
): Promise<Cost> {
  const child = spawn('bash', ['-c', TIMED, 'bash', command, ...args], {
    ...options,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const [said, code] = await Promise.all([text(child.stderr), ended]);
  const times = /^([\d.]+) ([\d.]+) ([\d.]+)$/m.exec(said);
  if (code !== 0 || !times) throw new Error(`${command} ended with ${code}: ${said}`);
  const [user, system, real] = times.slice(1).map(Number) as [number, number, number];
  return { cpuSeconds: user + system, seconds: real };
}
