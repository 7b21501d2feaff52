// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseCommandLine } from '../../../src/config/command-line.ts';
import { readConfigFile } from '../../../src/config/file.ts';
import { OWN_KEYS } from '../../../src/config/options.ts';
import type { Target } from '../../support/fuzzer.ts';
import { EVENTS } from '../../support/lanes.ts';
import { repository } from '../../support/repository.ts';
import { refused } from './filter.ts';

const known = EVENTS.map(({ name }) => name);
const events = { known, defaults: known };
const folder = mkdtempSync(join(tmpdir(), 'agentsmith-fuzz-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
const path = join(folder, 'c.yaml');

const HEAD = 'file_format: "1.1"\n';
const EXPORTER =
  'exporter: { otlp_http: { endpoint: "http://h:4318/v1/logs", headers: [ { name: a, value: b } ] } }';
const SEEDS = [
  `${HEAD}distribution:\n  agentsmith:\n    events: [exec, exit]\n    filter: ["drop exec uid=1"]\n`,
  `${HEAD}logger_provider:\n  processors:\n    - batch: { schedule_delay: 200, ${EXPORTER} }\n`,
  `${HEAD}meter_provider:\n  readers:\n    - periodic: { interval: 1, exporter: { console: } }\n`,
  `${HEAD}resource:\n  attributes_list: "a=b,c=\${NO_SUCH_VARIABLE:-d}"\n  attributes: [ { name: x, value: 7, type: int } ]\n`,
  `${HEAD}a: &a { b: *a }\ndisabled: true\nlog_level: debug\nattribute_limits: { attribute_count_limit: 5 }\n`,
];
const TOKENS = [
  '\n',
  '  ',
  ': ',
  '- ',
  '{ ',
  ' }',
  '[',
  ']',
  'null',
  'true',
  '-1',
  '1e9',
  '${',
  '*a',
  '&a ',
  '!!',
  '"',
  '|\n',
  '<<: ',
  '? ',
  '\t',
];

/** The mistake without what somebody wrote: which key, which value. */
const kindOf = (reason: string): string =>
  /no such key|no YAML: [A-Za-z ]+/.exec(reason)?.[0] ??
  reason.slice(reason.lastIndexOf(': ') + 2).slice(0, 30);

/** A configuration file: settings, or one line that says what is wrong. */
export const config: Target = {
  name: 'config',
  share: 50_000,
  seeds: () => [
    ...SEEDS.map((text) => Buffer.from(text)),
    readFileSync(join(repository, 'examples/config.yaml')),
  ],
  tokens: [...TOKENS, ...OWN_KEYS.keys()].map((token) => Buffer.from(token)),
  run(input) {
    writeFileSync(path, input);
    let set: string[] = [];
    const reason = refused(() => {
      const file = readConfigFile(path, events);
      parseCommandLine([], {}, events, file);
      set = [
        ...file.values.keys(),
        ...(file.logs ? ['a receiver'] : []),
        ...(file.notes.length > 0 ? ['notes'] : []),
      ];
    });
    return reason === undefined ? `${set.sort().slice(0, 2).join(', ')} set` : kindOf(reason);
  },
};
