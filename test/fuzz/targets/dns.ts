// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { parseDns } from '../../../src/decode/dns.ts';
import { MESSAGES } from '../../support/dns-messages.ts';
import type { Target } from '../../support/fuzzer.ts';

const AROUND = 64;
const memory = Buffer.alloc(4096);
const PRINTABLE = /^[\x20-\x7e]*$/;

/** A DNS message, whole or cut, among other bytes: bounded output, nothing read outside, nothing that cannot be printed. */
export const dns: Target = {
  name: 'dns',
  share: 3_500_000,
  seeds: () => [...MESSAGES.values()],
  run(input) {
    const isWhole = input.length % 2 === 0;
    const message = parseDns(input, 0, input.length, isWhole);
    memory.fill(input[0] ?? 0xc0, 0, AROUND);
    memory.set(input, AROUND);
    memory.fill(0xc0, AROUND + input.length, 2 * AROUND + input.length);
    assert.deepEqual(parseDns(memory, AROUND, AROUND + input.length, isWhole), message);
    const { name = '', answers } = message;
    assert.ok(name.length <= 4 * 255 && PRINTABLE.test(name), name);
    assert.ok(answers.length <= 128);
    for (const answer of answers) assert.ok(answer !== '' && PRINTABLE.test(answer), answer);
    const told = Object.entries(message).filter(([, value]) => value !== undefined && value !== false);
    return `${told.map(([key]) => key)} ${Math.min(answers.length, 3)} answers`;
  },
};
