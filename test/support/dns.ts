// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import type { Endpoint } from './connect.ts';
import { expectBetween, expectRecord } from './expect.ts';
import { skip } from './triggers.ts';
import { pidOf, type Truth } from './truth.ts';
import type { Attributes, Watch, WatchedRecord } from './watch.ts';

/** One query and its answer, as the trigger that made both tells it (say in test/kernel/triggers/dns.h). */
export interface Exchange extends Truth {
  /** -1 where no call names the descriptor. */
  readonly fd: number;
  readonly id: number;
  readonly transport: 'udp' | 'tcp';
  readonly querySize: number;
  readonly answerSize: number;
  /** Boot time in ns around each. */
  readonly asked: readonly [string, string];
  readonly answered: readonly [string, string];
  readonly peer: Endpoint;
  readonly local: Endpoint;
}

export const QUERY = 'agentsmith.dns.query';
export const ANSWER = 'agentsmith.dns.answer';
/** What the trigger's resolver answers: build_answer in test/kernel/triggers/dns.h. */
export const ANSWERS: readonly string[] = ['host.example.com', '192.0.2.7', '2001::7'];
const NAME = 'www.example.com';

/** Runs the trigger; skips what this kernel cannot. */
export async function exchanges(
  context: Mocha.Context,
  watch: Watch,
  ...args: string[]
): Promise<Exchange[]> {
  watch.requires(context, QUERY);
  const lines = await watch.lines<Exchange>('dns', args);
  const reason = lines.find((line) => line.skip !== undefined)?.skip;
  return reason === undefined ? lines : skip(context, reason);
}

/** All records of an exchange, in the order in which they came. */
export function recordsOf(watch: Watch, event: string, exchange: Exchange): WatchedRecord[] {
  return watch.all(
    event,
    ({ attributes }) =>
      attributes['process.pid'] === pidOf(exchange.proc) &&
      attributes['agentsmith.dns.id'] === exchange.id &&
      attributes['network.local.port'] === exchange.local.port &&
      attributes['network.transport'] === exchange.transport,
  );
}

const plain = (address: string) => address.replace(/^::ffff:/, '');
type Own = Readonly<Record<string, Attributes[string] | undefined>>;

function network(exchange: Exchange): Own {
  const address = plain(exchange.peer.address);
  return {
    'network.transport': exchange.transport,
    'network.type': address.includes(':') ? 'ipv6' : 'ipv4',
    'network.peer.address': address,
    'network.peer.port': exchange.peer.port,
    'network.local.address': plain(exchange.local.address),
    'network.local.port': exchange.local.port,
    'agentsmith.network.socket.fd': exchange.fd < 0 ? undefined : exchange.fd,
    'agentsmith.network.mapped': exchange.peer.address.startsWith('::ffff:') || undefined,
  };
}

const question = (exchange: Exchange, type: string): Own => ({
  'dns.question.name': NAME,
  'agentsmith.dns.question.type': 'A',
  'agentsmith.dns.id': exchange.id,
  'agentsmith.dns.type': type,
  'agentsmith.dns.op_code': 'QUERY',
});

export interface ExchangeExpectation {
  readonly query?: Own;
  readonly answer?: Own;
  readonly answerBody?: string;
}

/** Compares both records of an exchange, whole, and that there are no others. */
export function expectExchange(watch: Watch, exchange: Exchange, expected: ExchangeExpectation = {}): void {
  const records = [QUERY, ANSWER].map((event) => recordsOf(watch, event, exchange));
  assert.deepEqual(
    records.map((list) => list.length),
    [1, 1],
    watch.describe(),
  );
  const [query, answer] = [records[0]![0]!, records[1]![0]!];
  const { proc } = exchange;
  const common = { dataType: 601, severity: 9, full: false, proc };
  expectRecord(watch, query, {
    ...common,
    program: 'dns_egress',
    own: {
      ...question(exchange, 'query'),
      'agentsmith.dns.message.size': exchange.querySize,
      ...expected.query,
      ...network(exchange),
    },
    body: `A ${NAME}`,
  });
  expectBetween(watch, query, ...exchange.asked);
  const took = answer.attributes['agentsmith.dns.duration'] as number;
  const shortest = Number(BigInt(exchange.answered[0]) - BigInt(exchange.asked[1])) / 1e9;
  const longest = Number(BigInt(exchange.answered[1]) - BigInt(exchange.asked[0])) / 1e9;
  assert.ok(took >= shortest && took <= longest, `${took} s is not between ${shortest} and ${longest}`);
  expectRecord(watch, answer, {
    ...common,
    program: 'dns_ingress',
    own: {
      ...question(exchange, 'answer'),
      'agentsmith.dns.response_code': 'NOERROR',
      'dns.answers': ANSWERS,
      'agentsmith.dns.duration': took,
      'agentsmith.dns.message.size': exchange.answerSize,
      ...expected.answer,
      ...network(exchange),
    },
    body: expected.answerBody ?? `A ${NAME} → 2 addresses`,
  });
  expectBetween(watch, answer, ...exchange.answered);
}
