// SPDX-License-Identifier: Apache-2.0
import net, { type AddressInfo, type Socket } from 'node:net';
import { decodeLogs, type LogRecord } from '../support/otlp-decode.ts';
import type { Reply } from '../support/otlp-reply.ts';
import { OtlpSink } from '../support/otlp-sink.ts';
import { type Arrival, isNumbered, Tally } from './tally.ts';

/** What becomes of a request of logs. */
export interface Fate {
  readonly reply?: Reply;
  /** Of its records the receiver keeps all (the default), none, or all but the first so many that have a number. */
  readonly keeps?: 'all' | 'none' | { readonly allBut: number };
}

/** A receiver that answers what no real Collector can be made to answer, and knows what it kept. */
export class Answering {
  readonly #sink: OtlpSink;
  readonly #kept: { readonly bytes: Buffer; readonly from: number; readonly fate: Fate }[] = [];
  #requests = 0;

  /** `script`: the fate of the request with that number, 0 for the first, and so many bytes. */
  static async start(script: (request: number, bytes: number) => Fate | undefined): Promise<Answering> {
    return new Answering(await OtlpSink.start({ counting: true }), script);
  }

  private constructor(sink: OtlpSink, script: (request: number, bytes: number) => Fate | undefined) {
    this.#sink = sink;
    sink.respond(({ signal, bytes }) => {
      if (signal !== 'logs') return undefined;
      const fate = script(this.#requests++, bytes.length) ?? {};
      const { keeps = 'all' } = fate;
      if (keeps !== 'none') this.#kept.push({ bytes, from: keeps === 'all' ? 0 : keeps.allBut, fate });
      return fate.reply;
    });
  }

  get url(): string {
    return this.#sink.url;
  }

  /** Requests of logs so far. */
  get requests(): number {
    return this.#requests;
  }

  /** What it kept, and the fate of each request that it kept. */
  tally(): { readonly tally: Tally; readonly fates: readonly Fate[] } {
    const tally = new Tally();
    for (const { bytes, from } of this.#kept) {
      const records = decodeLogs(bytes).map(arrival);
      const refused = new Set(records.filter(isNumbered).slice(0, from));
      tally.enter(records.filter((record) => !refused.has(record)));
    }
    return { tally, fates: this.#kept.map(({ fate }) => fate) };
  }

  /** Its records, in the order in which they came. */
  records(): readonly Arrival[] {
    return this.#kept.flatMap(({ bytes }) => decodeLogs(bytes).map(arrival));
  }

  close(): Promise<void> {
    return this.#sink.close();
  }
}

const arrival = ({ eventName, timeUnixNano, attributes }: LogRecord): Arrival => ({
  eventName,
  time: Number(timeUnixNano) / 1e6,
  attributes,
});

/** Stands before a receiver and breaks every so many-th connection in the midst of a request. */
export class Cutter {
  cuts = 0;
  readonly #server: net.Server;
  readonly #sockets = new Set<Socket>();

  /** @param bytes how many of them pass on each connection that is cut */
  static async start(target: string, bytes: readonly number[]): Promise<Cutter> {
    const cutter = new Cutter(Number(new URL(target).port), bytes);
    await new Promise<void>((resolve) => cutter.#server.listen(0, '127.0.0.1', resolve));
    return cutter;
  }

  private constructor(port: number, limits: readonly number[]) {
    this.#server = net.createServer((client) => {
      const limit = limits[this.cuts];
      const target = net.connect(port, '127.0.0.1');
      this.#keep(client, target);
      this.#keep(target, client);
      target.pipe(client);
      let passed = 0;
      client.on('data', (bytes) => {
        passed += bytes.length;
        if (limit === undefined || passed < limit) {
          if (!target.write(bytes)) {
            client.pause();
            target.once('drain', () => client.resume());
          }
          return;
        }
        this.cuts++;
        client.destroy();
      });
    });
  }

  #keep(socket: Socket, other: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => {
      this.#sockets.delete(socket);
      other.destroy();
    });
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
