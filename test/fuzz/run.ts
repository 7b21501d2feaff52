// SPDX-License-Identifier: Apache-2.0
/*
 * Behind `npm run fuzz`:
 *
 *   npm run fuzz                          ten million inputs
 *   npm run fuzz -- --inputs 100000       so many, in the same shares
 *   npm run fuzz -- --only dns,filter     some targets
 *   npm run fuzz -- --seed N              the same inputs again, from the same corpus
 *
 * What is found stays in test/fuzz/corpus, which is tried first the next time, and by `npm test`.
 */
import { parseArgs } from 'node:util';
import { Corpus } from '../support/corpus.ts';
import { fuzzTarget } from '../support/fuzzer.ts';
import { TARGETS } from './targets/index.ts';

const INPUTS = 10_000_000;

const { values } = parseArgs({
  options: {
    inputs: { type: 'string', default: `${INPUTS}` },
    only: { type: 'string' },
    seed: { type: 'string', default: `${Date.now() & 0x7fffffff}` },
  },
});
const [inputs, seed] = [Number(values.inputs), Number(values.seed)];
const only = values.only?.split(',');
const unknown = only?.filter((name) => !TARGETS.some((target) => target.name === name)) ?? [];
if (!(inputs > 0) || !Number.isInteger(seed) || unknown.length > 0) {
  console.error(`wrong --inputs, --seed or --only (there are ${TARGETS.map(({ name }) => name).join(', ')})`);
  process.exit(64);
}
const all = TARGETS.reduce((sum, { share }) => sum + share, 0);
console.log(`fuzz: --seed ${seed} with this corpus repeats this run`);
console.log('target       inputs   seconds  outcomes  new or shorter  failures');
for (const target of TARGETS.filter(({ name }) => only?.includes(name) ?? true)) {
  const started = performance.now();
  const corpus = new Corpus(target.name);
  const result = fuzzTarget(target, corpus, Math.ceil((inputs * target.share) / all), seed);
  corpus.write();
  const cells = [
    result.inputs,
    ((performance.now() - started) / 1000).toFixed(1),
    result.outcomes,
    result.kept,
  ];
  const [tried, seconds, outcomes, kept] = cells.map(String) as [string, string, string, string];
  const failures = `${result.findings.length}`.padStart(10);
  console.log(
    `${target.name.padEnd(8)}${tried.padStart(11)}${seconds.padStart(10)}${outcomes.padStart(10)}${kept.padStart(16)}${failures}`,
  );
  for (const { message, input } of result.findings) {
    console.log(`FAILED: ${target.name}: ${message}\n  input: ${JSON.stringify(input.toString('latin1'))}`);
    process.exitCode = 1;
  }
}
