// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { askAgents } from '../../src/health/control-socket.ts';
import type { AgentStatus } from '../../src/health/status.ts';
import { Cli } from '../support/cli.ts';
import { OtlpSink } from '../support/otlp-sink.ts';
import { lastLine } from '../support/sent.ts';
import { type Part, plain } from './figures.ts';
import { RING_BYTES } from './kernel.ts';
import { rssOf } from './processes.ts';
import { runProgram } from './programs.ts';

const MIB = 1 << 20;
/** Events a second while the receiver is there, away, and there again. */
const RATE = 5000;
const LOOK_MS = 100;

/** The highest resident memory while something lasts, beside the ring's pages, which are mapped twice. */
async function highest<T>(pid: number, during: Promise<T>): Promise<number> {
  let most = 0;
  const timer = setInterval(() => {
    most = Math.max(most, rssOf([pid]) - 2 * RING_BYTES);
  }, LOOK_MS);
  await during.finally(() => clearInterval(timer));
  return most;
}

/** The CLI with a spool at a steady rate, while its receiver goes away and comes back. */
export const outage: Part = {
  name: 'outage',
  needsRoot: true,
  async run({ quick, progress }) {
    const away = quick ? 2 : 60;
    const around = quick ? 1 : 15;
    progress(`outage: ${away} s without a receiver, ${RATE} events/s, with --state-dir`);
    const folder = realpathSync(mkdtempSync(join(tmpdir(), 'agentsmith-bench-')));
    let sink = await OtlpSink.start({ counting: true });
    const port = Number(new URL(sink.url).port);
    const args = ['--endpoint', sink.url, '--tree', `${process.pid}`, '--events', 'network.connect'];
    const cli = await new Cli([...args, '--state-dir', join(folder, 'state')]).ready();
    const spooled = async () => {
      const [status] = (await askAgents(cli.pid)) as AgentStatus[];
      return status!.events.reduce((sum, event) => sum + event.spooled, 0);
    };
    try {
      await runProgram('storm', 'udp', RATE, around);
      const before = await highest(cli.pid, runProgram('storm', 'udp', RATE, around));
      await sink.close();
      const during = await highest(cli.pid, runProgram('storm', 'udp', RATE, away));
      const waiting = await spooled();
      sink = await OtlpSink.start({ counting: true, port });
      const drained = (async () => {
        while ((await spooled()) > 0) await delay(LOOK_MS);
      })();
      const after = await highest(cli.pid, Promise.all([runProgram('storm', 'udp', RATE, around), drained]));
      const { stderr } = await cli.stop();
      return [
        plain('outage.rss.before', before / MIB, 'MiB'),
        plain('outage.rss', during / MIB, 'MiB'),
        plain('outage.rss.replay', after / MIB, 'MiB'),
        plain('outage.spooled', waiting, 'events'),
        plain('outage.lost', lastLine(stderr).lost, 'events'),
      ];
    } finally {
      await cli.kill();
      await sink.close();
      rmSync(folder, { recursive: true });
    }
  },
};
