// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import {
  FILTER_SUBJECTS,
  type FilterRule,
  filterRules,
  filterText,
  parseNetwork,
  pathPattern,
} from '../../../src/config/filters.ts';
import { UsageError } from '../../../src/config/usage-error.ts';
import type { Target } from '../../support/fuzzer.ts';
import { EVENTS } from '../../support/lanes.ts';

const KNOWN = EVENTS.map(({ name }) => name);
const SEEDS = [
  'drop network.connect destination=10.0.0.0/8',
  'keep exec uid=1000; drop process.* executable=/opt/a b',
  'drop all path=*.so; keep file.* path=/etc/; drop file.create path=/a/b',
  'drop all cgroup=/system.slice/x; keep exit cgroup=4711',
  'drop connect destination=fe80::1%eth0; drop connect destination=::ffff:1.2.3.4/97',
];
const TOKENS = [
  'drop ',
  'keep ',
  'all ',
  ';',
  '=',
  '/',
  '*',
  '::',
  '%',
  '\n',
  '\t',
  ',',
  'uid=',
  'é',
  ...FILTER_SUBJECTS,
];

/** What a mistake is answered with, one line, without what was quoted. @throws when it is anything else */
export function refused(work: () => unknown): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    assert.ok(!/[\n\r]/.test(error.message), `more than one line: ${JSON.stringify(error.message)}`);
    return error.message.replace(/".*"|\(did you mean .*\)/gs, '');
  }
}

function check({ subject, value, events }: FilterRule): void {
  assert.ok(events.length > 0);
  if (subject === 'destination') {
    const { address, bits } = parseNetwork(value);
    assert.ok(address.length === 16 && bits >= 0 && bits <= 128);
  }
  if (subject === 'path') assert.ok(pathPattern(value).text.length <= 64);
  if (subject === 'uid') assert.ok(Number(value) < 2 ** 32);
}

/** The text of `--filter`: rules that say the same when they are written out again, or one line that says what is wrong. */
export const filter: Target = {
  name: 'filter',
  share: 1_450_000,
  seeds: () => SEEDS.map((text) => Buffer.from(text)),
  tokens: TOKENS.map((token) => Buffer.from(token)),
  run(input) {
    const text = input.toString();
    let rules: readonly FilterRule[] = [];
    const reason = refused(() => (rules = filterRules(text, KNOWN)));
    if (reason !== undefined) return reason.slice(0, 40);
    for (const rule of rules) check(rule);
    assert.deepEqual(filterRules(filterText(rules), KNOWN), rules);
    return [...new Set(rules.map(({ action, subject }) => `${action} ${subject}`))]
      .sort()
      .slice(0, 3)
      .join(', ');
  },
};
