// SPDX-License-Identifier: Apache-2.0

/*
 * Makes writers.gen.ts: for each event that comes in floods, and for exec and exit, a function that writes its records without a call for each column.
 * A loop over closures is compiled once for all events, and costs some ten nanoseconds a closure; written out, a record costs
 * half (test/bench, pipeline.cpu.connect). Made when the agent is built and not when it runs: nothing there makes code.
 *
 *   node build/src/events/straight/generate.js [FILE]     (npm run gen:writers)
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { processExec } from '../../decode/layout.gen.ts';
import { Detail } from '../../enrich/process-block.ts';
import type { Column } from '../column.ts';
import { columnsBehind, type EventDefinition, isWrittenStraight, THREAD_COLUMNS } from '../event.ts';
import { eventDefinitions } from '../index.ts';
import { Body, word } from './code.ts';
import { ColumnBody } from './column-code.ts';
import { summary } from './summary-code.ts';

const { header } = processExec;

/** A function that writes the event's records. */
function writerOf(definition: EventDefinition): string {
  const { name, severity } = definition;
  const body = new Body();
  const shown = new Map<number, string>();
  const own = Object.entries(definition.attributes);
  const behind = columnsBehind(definition);
  const [low, high] = [word(header.time.offset), word(header.time.offset + 4)];
  body.bytes(Buffer.from([0x09, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, typeof severity === 'number' ? severity : 0]));
  body.line(`v.setUint32(${body.at(10)}, clock.wallLow(${low}), true);`);
  body.line(`v.setUint32(${body.at(6)}, clock.wallHigh(${low}, ${high}), true);`);
  if (typeof severity !== 'number') body.line(`d[${body.at(1)}] = severityOf(event);`);
  body.block('if (hasBody)', () => summary(body, definition, shown));
  const write = (columns: readonly (readonly [string, Column])[], from: number) => {
    for (const [index, [attribute, column]] of columns.entries())
      new ColumnBody(body, attribute, from + index, shown).write(column.writer.shape);
  };
  write(own, 0);
  if (definition.spread) body.call('spread(event, out)');
  body.settle();
  if (definition.fullBlock) {
    body.call('const escaped = process.writeBlock(detail, host, out)');
  } else {
    body.line('const { bytes, escaped } = process.block(detail, host);');
    body.line('d.set(bytes, at);');
    body.line('at += bytes.length;');
  }
  body.line('if (escaped.length > 0) notes.escaped.push(...escaped);');
  const [threads, rest] = [behind.slice(0, THREAD_COLUMNS), behind.slice(THREAD_COLUMNS)];
  body.block(`if (detail !== ${Detail.LEAN})`, () => write(threads, own.length));
  write(rest, own.length + threads.length);
  const isChanged = 'hasHook || notes.escaped.length + notes.redacted.length > 0';
  body.block(`if (${isChanged})`, () => body.call('last(event, process, out)'));
  body.bytes(Buffer.from([0x38, 0, 0x59, 0, 0, 0, 0, 0, 0, 0, 0, 0x62, name.length]));
  body.line(`v.setUint32(${body.at(10)}, observed[0]!, true);`);
  body.line(`v.setUint32(${body.at(6)}, observed[1]!, true);`);
  body.bytes(Buffer.from(name));
  body.settle();
  return functionOf(name, body, shown);
}

/** `agentsmith.network.connect` → `networkConnect` */
const identifier = (name: string) =>
  name.replace('agentsmith.', '').replace(/[._]([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** The lines with what they use around them. */
function functionOf(name: string, body: Body, shown: ReadonlyMap<number, string>): string {
  const text = body.lines.join('\n');
  const uses = (what: string) => new RegExp(`\\b${what}\\b`).test(text);
  const used = (letter: string) =>
    [...new Set(text.match(new RegExp(`\\b${letter}\\d+(?=\\()`, 'g')))].map((each) => ({
      name: each,
      index: each.slice(1),
    }));
  const parts = [
    'clock',
    'detail',
    'hasBody',
    'hasHook',
    'host',
    'last',
    'notes',
    'severityOf',
    'spread',
  ].filter(uses);
  const constants = [
    ...used('w').map(({ name: each, index }) => `  const ${each} = writers[${index}]!;`),
    ...used('t').map(({ name: each, index }) => `  const ${each} = texts[${index}]!;`),
    ...[...shown.keys()].map((offset) => `  const shown${offset} = new Shown();`),
  ];
  const arrays = [...(used('w').length > 0 ? ['writers'] : []), ...(used('t').length > 0 ? ['texts'] : [])];
  return [
    `function ${identifier(name)}({ ${[...parts, ...arrays].join(', ')} }: StraightParts): StraightWriter {`,
    ...constants,
    '  return (event, process, observed, out) => {',
    `    const { at: o, ${uses('b') ? 'bytes: b, ' : ''}${uses('u2') ? 'halves: u2, ' : ''}words: u4 } = event;`,
    ...(uses('o2') ? ['    const o2 = o >>> 1;'] : []),
    '    const o4 = o >>> 2;',
    '    const { bytes: d, view: v } = out;',
    '    let at = out.at;',
    ...[...shown.values()].map((length) => `    let ${length} = 0;`),
    text,
    '    out.at = at;',
    '  };',
    '}',
  ].join('\n');
}

/** The whole file. */
export function writersFile(): string {
  const events = eventDefinitions({ redact: true }).filter(isWrittenStraight);
  const functions = events.map((event) => writerOf(event));
  const helpers = ['digitCount', 'endBody', 'Shown', 'wideLength'].filter((name) =>
    functions.some((text) => new RegExp(`\\b${name}\\(`).test(text)),
  );
  const imports = [...helpers, 'type StraightParts', 'type StraightWriter'].join(', ');
  return [
    '// SPDX-License-Identifier: Apache-2.0',
    '// Generated by generate.ts from the columns of each event: do not edit (npm run gen:writers).',
    `import { ${imports} } from './runtime.ts';`,
    '',
    functions.join('\n\n'),
    '',
    '/** By the name of the event. */',
    'export const STRAIGHT: ReadonlyMap<string, (parts: StraightParts) => StraightWriter> = new Map([',
    ...events.map(({ name }) => `  ['${name}', ${identifier(name)}],`),
    ']);',
    '',
  ].join('\n');
}

if (import.meta.main) {
  const [file = join(import.meta.dirname, '../../../../src/events/straight/writers.gen.ts')] =
    process.argv.slice(2);
  writeFileSync(file, writersFile());
}
