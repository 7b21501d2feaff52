// SPDX-License-Identifier: Apache-2.0
/*
 * Behind `npm run soak`: the agent under a steady, mixed load for an hour, and whether its memory grows.
 *
 *   npm run soak                    one hour
 *   npm run soak -- --minutes 20    so long
 *   npm run soak -- --write         also writes test/chaos/soak.json, of which docs/reliability.md is made (npm run docs)
 *   npm run soak -- --note TEXT     what else has to be known of the run
 *
 * The load is that of the soak's own processes: 200 deeds a second, of eight five connects, a DNS query with its answer,
 * a file that is made, a program that starts and ends. What others on the machine do is read and
 * filtered (--tree), but for their connects, which the kernel filters. Before the hour stand two minutes at ten times the
 * rate: what grows with use and not with time (compiled code, buffers) has grown by then.
 */
import { chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { askAgents } from '../../src/health/control-socket.ts';
import type { AgentStatus } from '../../src/health/status.ts';
import { Acknowledged } from '../bench/acknowledged.ts';
import { type Course, SOAK, type Soak } from '../support/chaos-outcomes.ts';
import { Cli } from '../support/cli.ts';
import { Deeds } from './deeds.ts';
import { course, isFlat } from './slope.ts';

const RATE = 200;
const WARM_UP = { rate: 10 * RATE, seconds: 120 };
const SAMPLE_MS = 5000;
const EVENTS = ['process.exec', 'process.exit', 'network.connect', 'file.create', 'dns.query', 'dns.answer'];

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    write: { type: 'boolean', default: false },
    note: { type: 'string' },
  },
});
const minutes = Number(values.minutes);
if (!(minutes > 0)) {
  console.error('--minutes: a number above 0');
  process.exit(64);
}

const folder = mkdtempSync(join(tmpdir(), 'agentsmith-soak-'));
const deeds = new Deeds();
const files = join(folder, 'files');
mkdirSync(files);
chownSync(files, deeds.uid, 0);
const receiver = await Acknowledged.start();
const cli = await new Cli([
  ...['--endpoint', receiver.url, '--events', EVENTS.join(','), '--tree', `${process.pid}`],
  // A storm of connects elsewhere would fill the ring.
  ...['--filter', deeds.filter(['network.connect'])],
  ...['--state-dir', join(folder, 'state')],
]).ready();
/** Resident memory, and of it what the agent has allocated; the rest are pages of files (node's own, the ring). MiB. */
function memory(): { readonly resident: number; readonly own: number } {
  const text = readFileSync(`/proc/${cli.pid}/status`, 'utf8');
  const of = (name: string) => Number(new RegExp(`^${name}:\\s*(\\d+) kB$`, 'm').exec(text)?.[1]) / 1024;
  return { resident: of('VmRSS'), own: of('RssAnon') };
}
const status = async () => (await askAgents(cli.pid))[0] as AgentStatus;

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    cli.signal('SIGKILL');
    rmSync(folder, { recursive: true });
    process.exit(130);
  });
}

await deeds.run('mixed', WARM_UP.rate, WARM_UP.seconds, files);
const before = await status();
const started = performance.now();
const load = deeds.run('mixed', RATE, minutes * 60, files);
let isOver = false;
load.finally(() => (isOver = true)).catch(() => {});
/** [minutes, MiB] */
const samples: Record<'resident' | 'own', [number, number][]> = { resident: [], own: [] };
let told = 0;
try {
  while (!isOver) {
    await delay(SAMPLE_MS);
    const now = memory();
    const at = (performance.now() - started) / 60_000;
    // What a process needs at its beginning is no leak.
    if (at > minutes / 4) {
      samples.resident.push([at, now.resident]);
      samples.own.push([at, now.own]);
    }
    if (Math.floor(at) > told) {
      told = Math.floor(at);
      const { exported, lost } = (await status()).totals;
      console.error(
        `${told} min: ${now.own.toFixed(1)} MiB of its own, ${now.resident.toFixed(1)} resident, ${exported} delivered, ${lost} lost`,
      );
    }
  }
  await load;
  const { process: used, totals } = await status();
  const [resident, own] = [course(samples.resident), course(samples.own)];
  const events = totals.exported - before.totals.exported;
  const soak: Soak = {
    minutes,
    rate: events / (minutes * 60),
    events,
    lost: totals.lost,
    cpuPercent: ((used.cpuTime - before.process.cpuTime) / (minutes * 60)) * 100,
    resident,
    own,
    isFlat: isFlat(resident),
    ...(values.note !== undefined && { note: values.note }),
  };
  const described = ({ least, most, growth, error }: Course) =>
    `${least.toFixed(1)} to ${most.toFixed(1)} MiB, ${growth.toFixed(2)} ± ${error.toFixed(2)} MiB an hour`;
  console.log(
    `${minutes} min, ${soak.rate.toFixed(0)} events/s, ${soak.lost} lost; behind the first quarter`,
  );
  console.log(`resident ${described(resident)}: ${soak.isFlat ? 'flat' : 'NOT FLAT'}`);
  console.log(`of it its own ${described(own)}`);
  if (values.write) writeFileSync(SOAK, `${JSON.stringify(soak, null, 2)}\n`);
  process.exitCode = soak.isFlat && soak.lost === 0 ? 0 : 1;
} finally {
  await cli.stop();
  await receiver.end();
  rmSync(folder, { recursive: true });
}
