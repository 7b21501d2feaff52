// SPDX-License-Identifier: Apache-2.0
import { setTimeout as delay } from 'node:timers/promises';
import { Cli } from '../support/cli.ts';
import { Child } from './child.ts';
import { type Figure, type Part, plain } from './figures.ts';
import { RING_BYTES } from './kernel.ts';
import { cpuOf, rssOf } from './processes.ts';

const MIB = 1 << 20;
/** The CLI as it is started, sending to a receiver, while nothing of ours happens; others may use the machine. */
export const idle: Part = {
  name: 'idle',
  needsRoot: true,
  async run({ quick, progress }) {
    const seconds = quick ? 2 : 60;
    progress(`idle: ${seconds} s`);
    const receiver = new Child('receiver.ts');
    const { url } = await receiver.next<{ url: string }>();
    let events = 0;
    receiver.onMessage = (message) => {
      events = (message as { count: number }).count;
    };
    const cli = await new Cli(['--endpoint', url]).ready();
    try {
      await delay(quick ? 200 : 3000);
      const [cpu, counted] = [cpuOf([cli.pid]), events];
      await delay(seconds * 1000);
      const rss = rssOf([cli.pid]);
      return [
        plain('idle.rss', (rss - 2 * RING_BYTES) / MIB, 'MiB'),
        plain('idle.rss.total', rss / MIB, 'MiB'),
        plain('idle.cpu', ((cpuOf([cli.pid]) - cpu) / seconds) * 100, '%'),
        plain('idle.events', (events - counted) / seconds, 'events/s'),
      ] satisfies Figure[];
    } finally {
      await cli.stop();
      await receiver.end();
    }
  },
};
