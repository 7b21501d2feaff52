// SPDX-License-Identifier: Apache-2.0
// What looking for secrets costs: a command line without any, one with, and 32 KiB written to be slow to read.
import { findSecrets } from '../../src/enrich/redact.ts';

const ROUNDS = 7;

/** Median of a few rounds, nanoseconds a call. */
function measure(text: string, calls: number): number {
  const buffer = Buffer.from(text, 'latin1');
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.hrtime.bigint();
    for (let i = 0; i < calls; i++) findSecrets(buffer.toString('latin1', 0, buffer.length));
    rounds.push(Number(process.hrtime.bigint() - start) / calls);
  }
  return rounds.sort((a, b) => a - b)[ROUNDS >> 1]!;
}

const plain =
  'gcc\0-O2\0-Wall\0-c\0-o\0build/obj/main.o\0src/main.c\0-Iinclude\0-I/usr/include/glib-2.0\0-DNDEBUG\0-g\0-fPIC';
console.log(`no secret, ${plain.length} bytes: ${measure(plain, 500_000).toFixed(0)} ns`);
const secret =
  'curl\0-sS\0-H\0Authorization: Bearer abcdef0123456789\0https://bob:x1@example.org/v1/items?page=2';
console.log(`two secrets, ${secret.length} bytes: ${measure(secret, 50_000).toFixed(0)} ns`);

const SIZE = 32_768;
const hostile = [
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
];
hostile.push(
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
);
hostile.push(
  '-----BEGIN PRIVATE KEY-----',
  'ghp_',
  'xoxa.',
  '-----BEGIN ',
  'a"\0token ',
  'mysql -p\0',
  'auth=basic ',
  'Authorization: Basic ',
);
let worst = { text: '', ns: 0 };
for (const unit of [...hostile, ...hostile.map((text) => `${text}\xe9`)]) {
  const text = unit.repeat(Math.ceil(SIZE / unit.length)).slice(0, SIZE);
  const ns = measure(`${text}mysql@ghp`, 5);
  if (ns > worst.ns) worst = { text: unit, ns };
}
console.log(
  `32 KiB of ${JSON.stringify(worst.text)}, the worst of ${2 * hostile.length}: ${(worst.ns / 1e6).toFixed(2)} ms`,
);
