// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { GAP } from '../support/sent.ts';
import { DEEDS_MAX } from './deeds.ts';

/** A record as the tally wants it, from whatever receiver. */
export interface Arrival {
  readonly eventName: string;
  /** ms since the epoch. */
  readonly time: number;
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** What `agentsmith.sensor.gap` told; times in ms since the epoch. */
export interface Told {
  readonly event: string;
  readonly reason: string;
  /** Absent of `unclean_stop`. */
  readonly count?: number;
  readonly start: number;
  readonly end: number;
}

/** Numbers that did not come, of one CPU, between two records that did. */
export interface Hole {
  readonly cpu: number;
  readonly count: number;
  /** Times of the records around it, ms since the epoch. */
  readonly after: number;
  readonly before: number;
}

/** Records that came in one request and again in a later one. */
export interface Again {
  readonly first: number;
  readonly second: number;
  readonly count: number;
}

/** What a receiver took, sorted. */
export interface Tallied {
  /** Different records, by event. */
  readonly different: Readonly<Record<string, number>>;
  readonly holes: readonly Hole[];
  readonly again: readonly Again[];
  readonly gaps: readonly Told[];
  /** Of each request, the records with a number. */
  readonly sizes: readonly number[];
  /** Whether a deed was told of. */
  has(deed: number): boolean;
}

interface Numbered {
  readonly numbers: number[];
  readonly times: number[];
  readonly requests: number[];
  readonly events: number[];
}

/** Whether it tells of a deed: what the agent says of itself has no number. */
export const isNumbered = ({ attributes }: Arrival): boolean => SEQUENCE in attributes;

const CPU = 'agentsmith.event.cpu';
const SEQUENCE = 'agentsmith.event.sequence';
export const PEER = 'network.peer.address';

/**
 * Every record that a receiver took, by (cpu, number) and by the deed that it tells of. Nothing here knows what the agent
 * says of itself: it is what an independent reader of the stream can find out.
 */
export class Tally {
  readonly #byCpu = new Map<number, Numbered>();
  readonly #names: string[] = [];
  readonly #deeds = new Uint8Array(DEEDS_MAX);
  readonly #gaps: Told[] = [];
  readonly #sizes: number[] = [];

  /** The records of one request, in the order of requests. */
  enter(records: Iterable<Arrival>): void {
    const request = this.#sizes.push(0) - 1;
    for (const record of records) {
      if (record.eventName === GAP) this.#gaps.push(gapOf(record));
      if (!isNumbered(record)) continue;
      const { [CPU]: cpu, [SEQUENCE]: sequence } = record.attributes as Record<string, number>;
      this.#sizes[request]!++;
      this.#number(cpu!, sequence!, record, request);
      const address = record.attributes[PEER];
      if (typeof address === 'string') this.#deeds[deedOf(address)] = 1;
    }
  }

  #number(cpu: number, sequence: number, { eventName, time }: Arrival, request: number): void {
    let of = this.#byCpu.get(cpu);
    if (!of) this.#byCpu.set(cpu, (of = { numbers: [], times: [], requests: [], events: [] }));
    let event = this.#names.indexOf(eventName);
    if (event < 0) event = this.#names.push(eventName) - 1;
    of.numbers.push(sequence);
    of.times.push(time);
    of.requests.push(request);
    of.events.push(event);
  }

  /** `bases`: a number of each later run of the agent, below all of its numbers and above those of the run before. */
  sort(bases: readonly number[] = []): Tallied {
    const different = this.#names.map(() => 0);
    const holes: Hole[] = [];
    const again = new Map<string, Again>();
    for (const [cpu, { numbers, times, requests, events }] of this.#byCpu) {
      const order = Uint32Array.from(numbers.keys()).sort(
        (a, b) => numbers[a]! - numbers[b]! || requests[a]! - requests[b]!,
      );
      let last: number | undefined;
      for (const at of order) {
        const step = last === undefined ? 1 : numbers[at]! - numbers[last]!;
        if (step === 0) count(again, requests[last!]!, requests[at]!);
        else {
          different[events[at]!]!++;
          const isNewRun = bases.some((base) => numbers[last!]! < base && base <= numbers[at]!);
          if (step > 1 && !isNewRun)
            holes.push({ cpu, count: step - 1, after: times[last!]!, before: times[at]! });
          last = at;
        }
      }
    }
    return {
      different: Object.fromEntries(this.#names.map((name, i) => [name, different[i]!])),
      holes,
      again: [...again.values()],
      gaps: this.#gaps,
      sizes: this.#sizes,
      has: (deed) => this.#deeds[deed] === 1,
    };
  }
}

function count(again: Map<string, Again>, first: number, second: number): void {
  const key = `${first} ${second}`;
  again.set(key, { first, second, count: (again.get(key)?.count ?? 0) + 1 });
}

/** Which deed a connect to 127.a.b.c is (triggers/deeds.c). */
export function deedOf(address: string): number {
  const parts = address.split('.').map(Number);
  assert.equal(parts[0], 127, address);
  return (parts[1]! << 16) | (parts[2]! << 8) | parts[3]!;
}

function gapOf({ attributes }: Arrival): Told {
  const { 'agentsmith.gap.count': count } = attributes;
  const time = (edge: string) => Date.parse(String(attributes[`agentsmith.gap.${edge}`]));
  return {
    event: String(attributes['agentsmith.gap.event']),
    reason: String(attributes['agentsmith.gap.reason']),
    ...(count !== undefined && { count: Number(count) }),
    start: time('start'),
    end: time('end'),
  };
}
