// SPDX-License-Identifier: Apache-2.0
import type { Column } from '../column.ts';
import type { EventDefinition } from '../event.ts';
import type { Shape } from '../shape.ts';
import { type Body, digits, half, isWide, showAddress, small, test, word } from './code.ts';

/** The summary, part by part. */
export function summary(
  body: Body,
  { summary: parts, attributes }: EventDefinition,
  shown: Map<number, string>,
): void {
  body.settle();
  body.line('const body = at;');
  body.skip(4);
  for (const [index, part] of parts.entries()) {
    const [prefix, name] = typeof part === 'string' ? ['', part] : part;
    const column = attributes[name];
    const literal = Buffer.from(column ? prefix : name);
    if (!column) body.bytes(literal);
    else summaryPart(body, column, index, literal, shown);
  }
  body.settle();
  body.line('at = endBody(out, body, at);');
}

function summaryPart(
  body: Body,
  { text }: Column,
  index: number,
  literal: Buffer,
  shown: Map<number, string>,
): void {
  const call = () =>
    body.block('', () => {
      body.line('const before = at;');
      body.bytes(literal);
      body.settle();
      body.line('out.at = at;');
      body.line(`at = t${index}(event, process, out) ? out.at : before;`);
    });
  const number = (value: string) =>
    body.block('', () => {
      body.bytes(literal);
      body.settle();
      body.line(`const size = digitCount(${value});`);
      digits(body, value);
    });
  const write = (shape: Shape | undefined): void => {
    switch (shape?.kind) {
      case 'when':
        body.block(`if (${test(shape.bits)})`, () => write(shape.shape));
        break;
      case 'errno':
        body.block(`if (${word(shape.field.offset)} !== 0)`, call);
        break;
      case 'digits':
        if (isWide(shape.field)) call();
        else number(small(shape.field));
        break;
      case 'address': {
        body.bytes(literal);
        const { length, text: from } = showAddress(body, shown, shape.family, shape.field);
        const bracket = (code: number) =>
          body.line(`if (${half(shape.family.offset)} !== 2) d[at++] = ${code};`);
        bracket(0x5b);
        body.line(`${from}.put(v, at, ${length});`);
        body.line(`at += ${length};`);
        bracket(0x5d);
        break;
      }
      default:
        call();
    }
  };
  write(text?.shape);
}
