// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent } from '../../src/agent.ts';
import { type ReceiverOverrides, receiverSettings, type Signal } from '../../src/config/receiver-settings.ts';
import { eventDefinitions } from '../../src/events/index.ts';
import { type ExporterOptions, FastExporter, type Kept, StockExporter } from '../../src/export/exporter.ts';
import { openable } from '../../src/export/receiver.ts';
import { hostResource } from '../../src/export/resource.ts';
import { Spool } from '../../src/export/spool.ts';
import { Format } from '../../src/export/spool-frame.ts';
import type { Sensor } from '../../src/sensor/sensor.ts';
import { RunMark } from '../../src/state/run-mark.ts';

export interface BenchAgentOptions {
  readonly sensor: Sensor;
  readonly url: string;
  /** Beside the CLI's defaults. */
  readonly given?: ReceiverOverrides;
  readonly pipeline: 'fast' | 'sdk';
  readonly redact: boolean;
  /** As with `--state-dir`. */
  readonly kept?: Kept | undefined;
}

/** What `--state-dir` keeps, in a folder of its own; `end` deletes it. */
export async function openKept(): Promise<Kept & { end(): void }> {
  const directory = mkdtempSync(join(tmpdir(), 'agentsmith-bench-'));
  const mark = new RunMark(join(directory, 'run'), BigInt(Date.now()) * 1_000_000n);
  const options = { directory, maxBytes: 512 << 20, format: Format.PROTOBUF, onState: () => {} };
  return {
    mark,
    spool: await Spool.open(options),
    end: () => {
      mark.close();
      rmSync(directory, { recursive: true });
    },
  };
}

/** The records of {@link BenchAgent}'s host: the namespaces are those of test/support/records.ts. */
export const HOST = {
  namespaces: { pid: 11, mnt: 12, net: 13, uts: 14, user: 15 },
  userName: (uid: number): string => (uid === 0 ? 'root' : 'user'),
};

/** A whole agent with the CLI's defaults, sending to `url`. */
export function benchAgent({ sensor, url, given, pipeline, redact, kept }: BenchAgentOptions): Agent {
  const receiver = (signal: Signal) =>
    openable(receiverSettings(signal, {}, { endpoint: { name: '--endpoint', value: url }, ...given }), {
      env: {},
    });
  const options: ExporterOptions = {
    logs: receiver('LOGS'),
    metrics: receiver('METRICS'),
    resource: hostResource(
      {
        name: 'bench',
        machineId: undefined,
        arch: 'x64',
        addresses: ['192.0.2.1'],
        kernelRelease: '6.1.0',
        description: undefined,
      },
      { detectors: ['serviceinstance', 'host', 'os', 'env'], attributes: {} },
    ),
    ...(kept && { kept }),
    queueBytes: 64 << 20,
    batching: {},
    metricTimes: { intervalMillis: 60_000, timeoutMillis: 30_000 },
    temporality: 'cumulative',
    onState: () => {},
    onPartial: () => {},
  };
  return new Agent({
    sensor,
    events: eventDefinitions({ redact }),
    detail: 'standard',
    body: true,
    host: HOST,
    exporter: async (ledger) =>
      pipeline === 'sdk' ? StockExporter.create(options, ledger) : new FastExporter(options, ledger),
  });
}

/** Records that user space lost so far. */
export function lostBy(agent: Agent): number {
  return [...agent.ledger.losses()].reduce((sum, { count }) => sum + count, 0);
}

/** The highest resident memory since it was last asked for; looked at ten times a second. */
export class RssWatch {
  #max = process.memoryUsage.rss();
  readonly #timer = setInterval(() => {
    this.#max = Math.max(this.#max, process.memoryUsage.rss());
  }, 100);

  take(): number {
    const max = Math.max(this.#max, process.memoryUsage.rss());
    this.#max = 0;
    return max;
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
