// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Cli } from '../support/cli.ts';
import { repository } from '../support/repository.ts';
import { Child } from './child.ts';
import { beside, type Figure, median, type Part } from './figures.ts';
import { timed } from './timed.ts';

/** What people do with a host, as shell scripts; `$1` is a folder of their own. */
export const WORKLOADS = {
  /** Much CPU, and three programs started for each file. */
  compile: {
    prepare: '',
    script: 'for i in $(seq $2); do cc -O2 -c test/bench/programs/storm.c -o $1/$i.o; done',
    times: 12,
  },
  /** Several thousand small files made, and deleted. */
  files: {
    prepare: 'tar -C node_modules -cf $1/tree.tar @opentelemetry',
    script: 'for i in $(seq $2); do mkdir $1/t && tar -C $1/t -xf $1/tree.tar && rm -r $1/t; done',
    times: 1,
  },
} as const;

/** A whole agent that sends to a receiver in another process. */
export async function withAgent<T>(use: (cli: Cli) => Promise<T>): Promise<T> {
  const receiver = new Child('receiver.ts');
  try {
    const { url } = await receiver.next<{ url: string }>();
    receiver.onMessage = () => {};
    const cli = await new Cli(['--endpoint', url]).ready();
    try {
      return await use(cli);
    } finally {
      await cli.stop();
    }
  } finally {
    await receiver.end();
  }
}

/** CPU and time of whole jobs with the agent as it is started by default, against the same without it, in turns. */
export const macro: Part = {
  name: 'macro',
  needsRoot: true,
  async run({ quick, progress }) {
    const rounds = quick ? 1 : 7;
    const figures: Figure[] = [];
    for (const [name, { prepare, script, times }] of Object.entries(WORKLOADS)) {
      const folder = mkdtempSync(join(tmpdir(), 'agentsmith-bench-'));
      const args = [folder, String(quick ? 1 : times)];
      const job = () => timed('bash', ['-c', script, 'bash', ...args], { cwd: repository });
      try {
        execFileSync('bash', ['-c', prepare, 'bash', ...args], { cwd: repository });
        await job(); // The page cache is warm for both.
        const found = {
          with: { cpu: [] as number[], wall: [] as number[] },
          without: { cpu: [] as number[], wall: [] as number[] },
        };
        for (let round = 0; round < rounds; round++) {
          progress(`macro.${name}: round ${round + 1} of ${rounds}`);
          const measure = async (which: 'with' | 'without') => {
            const { cpuSeconds, seconds } = await job();
            found[which].cpu.push(cpuSeconds);
            found[which].wall.push(seconds);
          };
          const first = round % 2 === 0;
          if (first) await measure('without');
          await withAgent(() => measure('with'));
          if (!first) await measure('without');
        }
        for (const what of ['cpu', 'wall'] as const) {
          const { with: on, without: off } = { with: found.with[what], without: found.without[what] };
          const ratio = median(on.map((value, i) => off[i]! / value));
          figures.push(
            beside(
              `macro.${name}.${what}`,
              median(on),
              's',
              median(off),
              'without the agent, in turns',
              ratio,
            ),
          );
        }
      } finally {
        rmSync(folder, { recursive: true });
      }
    }
    return figures;
  },
};
