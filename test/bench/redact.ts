// SPDX-License-Identifier: Apache-2.0
import { findSecrets } from '../../src/enrich/redact.ts';
import { beside, type Figure, median, type Part, plain } from './figures.ts';
import { inTurns, ratioOf } from './pipeline.ts';

const ROUNDS = 7;

/** Median of a few rounds, nanoseconds a call. */
function measure(text: string, calls: number): number {
  const buffer = Buffer.from(text, 'latin1');
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.hrtime.bigint();
    for (let i = 0; i < calls; i++) findSecrets(buffer, 0, buffer.length);
    rounds.push(Number(process.hrtime.bigint() - start) / calls);
  }
  return median(rounds);
}

const PLAIN =
  'gcc\0-O2\0-Wall\0-c\0-o\0build/obj/main.o\0src/main.c\0-Iinclude\0-I/usr/include/glib-2.0\0-DNDEBUG\0-g\0-fPIC';
const SECRETS =
  'curl\0-sS\0-H\0Authorization: Bearer abcdef0123456789\0https://bob:x1@example.org/v1/items?page=2';
/** What a hostile caller could repeat to make the search slow. */
const HOSTILE: readonly string[] = [
  'password',
  'password=',
  'pass ',
  'a.a.a.token\0',
  'x=token:',
  '-token true ',
  '@',
  '://:',
  'a:b@',
  'a:,',
  'a=a:b,',
  'eyJ',
  'eyJaaaa.',
  'AKIA',
  'AKIAIOSFODNN7EXAMPLE ',
  'token="',
  "'cookie: ",
  'password="\\',
  'curl -u "',
  'curl;',
  "sudo -u ' ",
  '-----BEGIN PRIVATE KEY-----',
  'ghp_',
  'xoxa.',
  '-----BEGIN ',
  'a"\0token ',
  'mysql -p\0',
  'auth=basic ',
  'Authorization: Basic ',
];
const SIZE = 32_768;

/** The slowest 32 KiB, milliseconds. */
function worst(calls: number): number {
  const times = [...HOSTILE, ...HOSTILE.map((text) => `${text}\xe9`)].map((unit) => {
    const text = unit.repeat(Math.ceil(SIZE / unit.length)).slice(0, SIZE);
    return measure(`${text}mysql@ghp`, calls);
  });
  return Math.max(...times) / 1e6;
}

/** What looking for secrets costs: of an exec from ring to receiver, and of one search. */
export const redact: Part = {
  name: 'redact',
  needsRoot: false,
  async run(options) {
    const { quick, progress } = options;
    progress('redact: exec with and without, in turns');
    const { first, second } = await inTurns(options, [
      { kind: 'exec', pipeline: 'fast', redact: true },
      { kind: 'exec', pipeline: 'fast', redact: false },
    ]);
    const without = 'without redaction, in turns';
    progress('redact: one search');
    return [
      beside('redact.cost.exec', median(first), 'us', median(second), without, ratioOf(first, second)),
      plain('redact.search.plain', measure(PLAIN, quick ? 5000 : 300_000), 'ns'),
      plain('redact.search.secrets', measure(SECRETS, quick ? 500 : 30_000), 'ns'),
      plain('redact.search.worst', worst(quick ? 1 : 3), 'ms'),
    ] satisfies Figure[];
  },
};
