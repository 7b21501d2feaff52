// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildCollector, type Collector, startCollector } from '../support/collector.ts';
import { attributesOf, type KeyValue } from '../support/otlp-json.ts';
import { skip } from '../support/skip.ts';
import { type Arrival, Tally } from './tally.ts';

/** The shipped configuration turns its file over at 100 MB, and keeps five: less than a storm. Merged over it. */
const NEVER_TURNED = 'exporters: { file: { rotation: { max_megabytes: 1000000 } } }\n';
const CHUNK = 16 << 20;
/** How a request begins in the file. */
const BEGIN = Buffer.from('{"resourceLogs":[');

/** A real Collector with the shipped configuration, that is killed and started again where its senders look for it. */
export class CollectorUnderFire {
  readonly #dir = mkdtempSync(join(tmpdir(), 'agentsmith-chaos-'));
  readonly #binary: string;
  readonly #overlay: string;
  #collector: Collector | undefined;
  #ports: Collector['ports'] | undefined;
  #url = '';
  #path = '';
  /** Bytes in its file at each of its deaths. */
  readonly #deaths: number[] = [];

  static async start(context: Mocha.Context): Promise<CollectorUnderFire> {
    const binary = await buildCollector();
    if (typeof binary !== 'string') return skip(context, binary.skipped);
    const collector = new CollectorUnderFire(binary);
    await collector.up();
    return collector;
  }

  private constructor(binary: string) {
    this.#binary = binary;
    this.#overlay = join(this.#dir, 'overlay.yaml');
    writeFileSync(this.#overlay, NEVER_TURNED);
  }

  /** For `--endpoint`. */
  get url(): string {
    return this.#url;
  }

  async up(): Promise<void> {
    const ports = this.#ports;
    this.#collector = await startCollector({
      binary: this.#binary,
      overlays: [this.#overlay],
      dir: this.#dir,
      ...(ports && { ports }),
    });
    this.#ports = this.#collector.ports;
    this.#url = this.#collector.grpcUrl;
    this.#path = this.#collector.eventsPath;
  }

  /** kill -9 */
  async down(): Promise<void> {
    await this.#collector?.stop('SIGKILL');
    this.#collector = undefined;
    this.#deaths.push(statSync(this.#path, { throwIfNoEntry: false })?.size ?? 0);
  }

  async close(): Promise<void> {
    await this.#collector?.stop('SIGKILL');
    rmSync(this.#dir, { recursive: true, force: true });
  }

  /** What it wrote, and for each of its deaths how many requests stood in the file before. */
  async tally(): Promise<{ readonly tally: Tally; readonly deaths: readonly number[] }> {
    const tally = new Tally();
    const deaths: number[] = [];
    let requests = 0;
    for await (const { line, end } of linesOf(this.#path)) {
      while (deaths.length < this.#deaths.length && end > this.#deaths[deaths.length]!) deaths.push(requests);
      const records = recordsOf(line);
      if (records === undefined) continue;
      tally.enter(records);
      requests++;
    }
    while (deaths.length < this.#deaths.length) deaths.push(requests);
    return { tally, deaths };
  }
}

/** Lines of a file that is too large for a string; one without a line break at the end is none. */
async function* linesOf(path: string): AsyncGenerator<{ line: Buffer; end: number }> {
  await using file = await open(path);
  let rest = Buffer.alloc(0);
  let read = 0;
  for (;;) {
    const chunk = Buffer.allocUnsafe(CHUNK);
    const { bytesRead } = await file.read(chunk, 0, CHUNK);
    if (bytesRead === 0) return;
    const bytes = Buffer.concat([rest, chunk.subarray(0, bytesRead)]);
    read += bytesRead;
    let at = 0;
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, at)) {
      yield { line: bytes.subarray(at, end), end: read - bytes.length + end + 1 };
      at = end + 1;
    }
    rest = bytes.subarray(at);
  }
}

/** The records of a line; undefined where it is no request of logs. */
function recordsOf(line: Buffer): Arrival[] | undefined {
  // Killed while it wrote, it left a piece of a line, never acknowledged; what came next stands right behind.
  const begin = line.lastIndexOf(BEGIN);
  if (begin < 0) return undefined;
  const { resourceLogs = [] } = JSON.parse(line.toString('utf8', begin)) as JsonLogs;
  return resourceLogs.flatMap(({ scopeLogs = [] }) =>
    scopeLogs.flatMap(({ logRecords = [] }) =>
      logRecords.map(({ eventName = '', timeUnixNano = '0', attributes = [] }) => ({
        eventName,
        time: Number(timeUnixNano) / 1e6,
        attributes: attributesOf(attributes),
      })),
    ),
  );
}

interface JsonLogs {
  readonly resourceLogs?: readonly {
    readonly scopeLogs?: readonly {
      readonly logRecords?: readonly {
        readonly eventName?: string;
        readonly timeUnixNano?: string;
        readonly attributes?: KeyValue[];
      }[];
    }[];
  }[];
}
