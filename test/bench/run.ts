// SPDX-License-Identifier: Apache-2.0
/*
 * Behind `npm run bench`:
 *
 *   npm run bench                        every part, one table; about twenty minutes
 *   npm run bench -- --only heap,tax     some parts
 *   npm run bench -- --only backends     Collector, Kafka, Loki behind the agent: not among "every part"
 *   npm run bench -- --json FILE         also one line of JSON for each figure
 *   npm run bench -- --write             also writes docs/performance.md
 *   npm run bench -- --quick             seconds: shows that everything runs, the figures mean nothing
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { repository } from '../support/repository.ts';
import { backends } from './backends.ts';
import { delay } from './delay.ts';
import { type Figure, type Part, table } from './figures.ts';
import { handler } from './handler.ts';
import { heap } from './heap.ts';
import { idle } from './idle.ts';
import { instructions } from './instructions.ts';
import { macro } from './macro.ts';
import { outage } from './outage.ts';
import { page } from './page.ts';
import { peers } from './peers.ts';
import { pipeline } from './pipeline.ts';
import { rate } from './rate.ts';
import { redact } from './redact.ts';
import { start } from './start.ts';
import { tax } from './tax.ts';

const PARTS: readonly Part[] = [
  handler,
  tax,
  pipeline,
  redact,
  heap,
  rate,
  delay,
  outage,
  idle,
  start,
  macro,
  instructions,
  peers,
];
/** Builds brokers, and measures others' programs more than ours: only when it is asked for. */
const ASKED: readonly Part[] = [backends];

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    json: { type: 'string' },
    write: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
  },
});
const only = values.only?.split(',') ?? PARTS.map(({ name }) => name);
const all = [...PARTS, ...ASKED];
const unknown = only.filter((name) => !all.some((part) => part.name === name));
if (unknown.length > 0) {
  console.error(`no such part: ${unknown.join(', ')} (there are ${all.map(({ name }) => name).join(', ')})`);
  process.exit(64);
}
const chosen = all.filter(({ name }) => only.includes(name));
if (process.getuid?.() !== 0 && chosen.some(({ needsRoot }) => needsRoot)) {
  const rootless = PARTS.filter(({ needsRoot }) => !needsRoot).map(({ name }) => name);
  console.error(`these parts need root; without it: --only ${rootless.join(',')}`);
  process.exit(77);
}

const figures: Figure[] = [];
for (const part of chosen) {
  const progress = (text: string) => process.stderr.write(`${text}\n`);
  try {
    figures.push(...(await part.run({ quick: values.quick, progress })));
  } catch (error) {
    // The figures of the other parts are worth having.
    console.error(`${part.name}: ${(error as Error).message}`);
    process.exitCode = 1;
  }
}
console.log(table(figures));
if (values.json !== undefined) {
  writeFileSync(values.json, figures.map((figure) => `${JSON.stringify(figure)}\n`).join(''));
}
if (values.write) {
  if (values.quick || process.exitCode === 1 || chosen.length < PARTS.length)
    console.error('docs/performance.md is written by a whole run only');
  else writeFileSync(join(repository, 'docs/performance.md'), page(figures));
}
