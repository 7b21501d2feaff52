// SPDX-License-Identifier: Apache-2.0
import { appendFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type Figure, type Part, table } from './figures.ts';
import { pipeline } from './pipeline.ts';

const PARTS: Part[] = [pipeline];
const { values } = parseArgs({
  options: { only: { type: 'string' }, quick: { type: 'boolean', default: false }, json: { type: 'string' } },
});
const figures: Figure[] = [];
for (const part of PARTS)
  figures.push(...(await part.run({ quick: values.quick, progress: (text) => console.error(text) })));
console.log(table(figures));
