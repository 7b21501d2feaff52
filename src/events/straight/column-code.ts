// SPDX-License-Identifier: Apache-2.0
import type { Field } from '../../decode/record.ts';
import { isHalf, type Shape } from '../shape.ts';
import {
  type Body,
  digits,
  headOf,
  isWide,
  keyOf,
  showAddress,
  small,
  test,
  varint,
  varintLength,
  wideNumber,
  word,
} from './code.ts';

/** The longest value whose attribute has one byte for each of its lengths. */
const SHORT = 45;
/** Numbers up to 2^53 alone are the same in JS. */
const SAFE_HIGH = 0x20_0000;

/** One column of an event. */
export class ColumnBody {
  readonly #body: Body;
  readonly #name: string;
  readonly #index: number;
  readonly #shown: Map<number, string>;

  constructor(body: Body, name: string, index: number, shown: Map<number, string>) {
    this.#body = body;
    this.#name = name;
    this.#index = index;
    this.#shown = shown;
  }

  write(shape: Shape | undefined): void {
    const body = this.#body;
    const name = this.#name;
    switch (shape?.kind) {
      case 'when':
        body.block(`if (${test(shape.bits)})`, () => this.write(shape.shape));
        break;
      case 'differ':
        body.block(`if (${shape.fields.map(small).join(' !== ')})`, () => this.write(shape.shape));
        break;
      case 'constant':
        body.bytes(shape.encode(name));
        break;
      case 'int':
        this.#int(shape.field);
        break;
      case 'digits':
        this.#digits(shape.field);
        break;
      case 'seconds':
        body.bytes(headOf(name, [0x21], 9));
        body.line(`v.setFloat64(${body.at()}, ${wideNumber(shape.field)} / 1e9, true);`);
        body.skip(8);
        break;
      case 'octal':
        body.bytes(headOf(name, [0x0a, shape.digits], 2 + shape.digits));
        for (let i = 0; i < shape.digits; i++) {
          const shift = 3 * (shape.digits - 1 - i);
          const bits = `((${small(shape.field)} & ${shape.mask}) >>> ${shift}) & 7`;
          body.line(`d[${body.at(-i)}] = 48 + (${bits});`);
        }
        body.skip(shape.digits);
        break;
      case 'errno':
        body.block(`if (${word(shape.field.offset)} !== 0)`, () => this.#call());
        break;
      case 'names':
        this.#names(shape.field, shape.names);
        break;
      case 'address':
        this.#address(shape.family, shape.field);
        break;
      case 'chars':
        this.#chars(shape.field);
        break;
      default:
        this.#call();
    }
  }

  #call(): void {
    this.#body.call(`w${this.#index}(event, process, out, notes)`);
  }

  #int(field: Field): void {
    const body = this.#body;
    const head = headOf(this.#name, [0x18], 1);
    const lengths = (size: string) => {
      body.line(`d[${body.at(head.length - 1)}] = ${head[1]} + ${size};`);
      body.line(`d[${body.at(2)}] = 1 + ${size};`);
    };
    const write = (value: string) => {
      body.settle();
      body.line('{');
      body.line(`const value = ${value};`);
      body.bytes(head);
      body.line(`const size = ${varintLength('value', isHalf(field))};`);
      lengths('size');
      body.settle();
      varint(body, 'value');
      body.line('}');
    };
    if (field.type === 'err_no') {
      // Ten bytes, and rare.
      body.block(`if ((${word(field.offset)} | 0) < 0)`, () => this.#call());
      body.block('else', () => write(word(field.offset)));
      return;
    }
    if (isWide(field)) {
      const [low, high] = [word(field.offset), word(field.offset + 4)];
      body.block(`if (${high} > 7 && ${high} < ${SAFE_HIGH})`, () => {
        body.line(`const size = wideLength(${high});`);
        body.bytes(head);
        lengths('size');
        for (let i = 0; i < 4; i++) body.line(`d[${body.at(-i)}] = ((${low} >>> ${7 * i}) & 127) | 128;`);
        body.skip(4);
        body.settle();
        varint(body, `((${high} << 4) | (${low} >>> 28)) >>> 0`);
      });
      body.block('else', () => this.#call());
      return;
    }
    write(small(field));
  }

  #string(size: string): void {
    const body = this.#body;
    if (keyOf(this.#name).length + 6 + SHORT > 127) throw new RangeError(`${this.#name}: too long a name`);
    const head = headOf(this.#name, [0x0a, 0], 2);
    body.bytes(head);
    body.line(`d[${body.at(head.length - 1)}] = ${head[1]} + ${size};`);
    body.line(`d[${body.at(3)}] = 2 + ${size};`);
    body.line(`d[${body.at(1)}] = ${size};`);
  }

  #digits(field: Field): void {
    const body = this.#body;
    const write = () => {
      body.line(`const size = digitCount(${small(field)});`);
      this.#string('size');
      body.settle();
      digits(body, small(field));
    };
    if (field.type === 'uid_id') {
      body.block('', write);
      return;
    }
    body.block(`if (${word(field.offset + 4)} === 0)`, write);
    body.block('else', () => this.#call());
  }

  #names(field: Field, names: ReadonlyMap<number, string>): void {
    const body = this.#body;
    body.settle();
    for (const [index, [number, name]] of [...names].entries()) {
      body.block(`${index > 0 ? 'else ' : ''}if (${small(field)} === ${number})`, () => {
        const head = headOf(this.#name, [0x0a, name.length], 2 + name.length);
        body.bytes(Buffer.concat([head, Buffer.from(name)]));
      });
    }
  }

  #address(family: Field, field: Field): void {
    const body = this.#body;
    const shown = showAddress(body, this.#shown, family, field);
    this.#string(shown.length);
    body.settle();
    body.line(`${shown.text}.put(v, at, ${shown.length});`);
    body.line(`at += ${shown.length};`);
  }

  #chars(field: Field & { readonly length: number }): void {
    const body = this.#body;
    if (field.length > SHORT) throw new RangeError(`${this.#name}: too long a value`);
    const head = headOf(this.#name, [0x0a, 0], 2);
    body.settle();
    body.line('{');
    body.line('let all = 0;');
    body.line('let size = 0;');
    body.line(`for (; size < ${field.length}; size++) {`);
    body.line(`const byte = b[o + ${field.offset} + size]!;`);
    body.line('if (byte === 0) break;');
    body.line('all |= byte;');
    body.line(`d[${body.at(-head.length)} + size] = byte;`);
    body.line('}');
    body.line('if (all > 127) {');
    this.#call();
    body.line('} else {');
    // The head last: behind it a copied word would overwrite the text.
    const words = head.length & ~3;
    body.bytes(head.subarray(0, words));
    for (const byte of head.subarray(words)) {
      body.line(`d[${body.at()}] = 0x${byte.toString(16)};`);
      body.skip(1);
    }
    body.line(`d[${body.at(head.length - 1)}] = ${head[1]} + size;`);
    body.line(`d[${body.at(3)}] = 2 + size;`);
    body.line(`d[${body.at(1)}] = size;`);
    body.settle();
    body.line('at += size;');
    body.line('}');
    body.line('}');
  }
}
