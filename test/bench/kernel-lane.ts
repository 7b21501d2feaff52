// SPDX-License-Identifier: Apache-2.0
// A whole agent on the running kernel, its receiver in another process; tells its books whenever it is asked.
import { EventType } from '../../src/decode/layout.gen.ts';
import { Acknowledged } from './acknowledged.ts';
import { benchAgent, lostBy, RssWatch } from './agent.ts';
import { attachAll } from './kernel.ts';

/** Since the start, of connect events. */
export interface Books {
  /** In the ring; then acknowledged. */
  readonly submitted: number;
  readonly exported: number;
  /** By the kernel for want of room, and by user space. */
  readonly lost: number;
  readonly cpuSeconds: number;
  /** Since the last reading. */
  readonly maxRssBytes: number;
}

const receiver = await Acknowledged.start();
const sensor = attachAll();
const agent = benchAgent({ sensor, url: receiver.url, pipeline: 'fast', redact: true });
const rss = new RssWatch();

function books(): Books {
  const { submitted, ringFull, reserved } = sensor.counts(EventType.NETWORK_CONNECT);
  const { user, system } = process.cpuUsage();
  return {
    submitted,
    exported: agent.ledger.exported[EventType.NETWORK_CONNECT]!,
    lost: ringFull + reserved + lostBy(agent),
    cpuSeconds: (user + system) / 1e6,
    maxRssBytes: rss.take(),
  };
}

await agent.start();
process.on('message', () => process.send?.(books()));
process.once('disconnect', async () => {
  rss.close();
  await agent.stop(2000);
  await receiver.end();
});
process.send?.('ready');
