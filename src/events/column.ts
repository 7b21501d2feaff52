// SPDX-License-Identifier: Apache-2.0
import { ipv4Length, writeIpv4, writeIpv6 } from '../decode/address.ts';
import { ERRNO_NAMES } from '../decode/names.ts';
import type { Field, RawEvent } from '../decode/record.ts';
import type { Process } from '../enrich/process.ts';
import { digitCount, key, packed } from '../otlp-bytes.ts';
import { type AttributeValue, Writer } from '../otlp-writer.ts';
import { type Bits, isHalf, type Shape, type Shaped, shaped } from './shape.ts';

/** Names of attributes that were changed on the way into a record: `agentsmith.escaped`, `agentsmith.redacted`. */
export interface Notes {
  /** The attribute that is being read. */
  name: string;
  readonly escaped: string[];
  readonly redacted: string[];
}

/**
 * How one attribute comes out of a record: as data, executed two ways. `read` gives the value for people and user
 * processors, `writer` puts the same value straight from the ring's bytes into OTLP bytes. A test holds that both are
 * the same for every event.
 */
export interface Column {
  /** For the docs: the OTLP type of the attribute. */
  readonly type: 'string' | 'int' | 'double' | 'bool' | 'string[]';
  /** undefined = the attribute is absent. */
  read(event: RawEvent, process: Process, notes: Notes): AttributeValue | undefined;
  /** `name` is encoded here, once. */
  readonly writer: Shaped<(name: string) => Write>;
  /**
   * The value as a summary shows it, as UTF-8; false when the attribute is absent. By default what `read` gives.
   */
  readonly text?: Shaped<Text>;
}

/** Writes a value as a summary shows it; false, with nothing written, when there is none. */
export type Text = (event: RawEvent, process: Process, out: Writer) => boolean;

/** Writes an attribute. */
export type Write = (event: RawEvent, process: Process, out: Writer, notes: Notes) => void;

/** An integer member; `sequence` and `counter` typedefs are 64 bits and stay below 2^53. */
export function int(field: Field): Column {
  const wide = field.type === 'counter' || field.type === 'u64';
  const signed = field.type === 'err_no';
  const half = isHalf(field);
  const of = (event: RawEvent) =>
    wide ? event.number64(field) : signed ? event.i32(field) : half ? event.u16(field) : event.u32(field);
  return {
    type: 'int',
    read: of,
    writer: shaped(
      (name) => {
        const k = key(name);
        return (event, _process, out) => out.intAttribute(k, of(event));
      },
      { kind: 'int', field },
    ),
    text: shaped(
      (event, _process, out) => {
        const value = of(event);
        if (value < 0) out.byte(0x2d);
        out.digits(Math.abs(value));
        return true;
      },
      signed ? undefined : { kind: 'digits', field },
    ),
  };
}

/**
 * A number as decimal string: a 64-bit identifier, of which an int attribute would lose bits in JSON and in JS, or a user
 * id where OpenTelemetry has it as a string.
 */
export function decimal(field: Field): Column {
  const isWide = field.type !== 'uid_id';
  return {
    type: 'string',
    read: (event) => `${isWide ? event.u64(field) : event.u32(field)}`,
    writer: shaped(
      (name) => {
        const k = key(name);
        return (event, _process, out) => {
          const value = isWide ? event.number64(field) : event.u32(field);
          if (value > Number.MAX_SAFE_INTEGER) {
            out.attribute(k, `${event.u64(field)}`);
            return;
          }
          out.stringAttribute(k, digitCount(value));
          out.digits(value);
        };
      },
      { kind: 'digits', field },
    ),
  };
}

/** A 64-bit member as `0x…`: addresses, words. */
export function hex(field: Field): Column {
  return computed('string', (event) => `0x${event.u64(field).toString(16)}`);
}

/** A duration in nanoseconds as seconds. Always a double, also when it is a whole number. */
export function seconds(field: Field): Column {
  return {
    type: 'double',
    read: (event) => event.number64(field) / 1e9,
    writer: shaped(
      (name) => {
        const k = key(name);
        return (event, _process, out) => out.doubleAttribute(k, event.number64(field) / 1e9);
      },
      { kind: 'seconds', field },
    ),
  };
}

/** One of a few values: each whole attribute is encoded once. A number that is not listed makes it absent. */
export function oneOf(field: Field, names: Readonly<Record<number, string>>): Column {
  const of = isHalf(field) ? (e: RawEvent) => e.u16(field) : (e: RawEvent) => e.u32(field);
  const byNumber = new Map(Object.entries(names).map(([n, name]) => [Number(n), name]));
  return enumerated((event) => of(event), byNumber, { kind: 'names', field, names: byNumber });
}

/** The name of a negative errno in an `err_no` member; absent for 0, `_OTHER` for a number without a name. */
export function errno(field: Field): Column {
  const other = 0xfff; // MAX_ERRNO of the kernel
  const names = new Map([...ERRNO_NAMES, [other, '_OTHER'] as const]);
  const numberOf = (event: RawEvent) => {
    const code = -event.i32(field);
    return code === 0 || names.has(code) ? code : other;
  };
  return enumerated(numberOf, names, { kind: 'errno', field });
}

/** The same value in every record. */
export function constant(value: string | true | string[]): Column {
  const encode = (name: string) => encoded(name, value);
  return {
    type: value === true ? 'bool' : typeof value === 'string' ? 'string' : 'string[]',
    read: () => value,
    writer: shaped(
      (name) => {
        const bytes = packed(encode(name));
        return (_event, _process, out) => out.packed(bytes);
      },
      { kind: 'constant', encode },
    ),
  };
}

/** A whole attribute that is always the same. */
export function encoded(name: string, value: AttributeValue): Buffer {
  const out = new Writer(Buffer.alloc(512));
  out.attribute(key(name), value);
  return out.bytes.subarray(0, out.at);
}

/** An attribute whose few values are known beforehand, chosen by a number from the record. */
export function enumerated(
  select: (event: RawEvent) => number,
  names: ReadonlyMap<number, string>,
  shape?: Shape,
): Column {
  return {
    type: 'string',
    read: (event) => names.get(select(event)),
    writer: shaped((name) => {
      // An array without gaps is looked up faster than a map.
      const attributes = Array.from({ length: Math.max(...names.keys()) + 1 }, (_, number) => {
        const value = names.get(number);
        return value === undefined ? undefined : packed(encoded(name, value));
      });
      return (event, _process, out) => {
        const bytes = attributes[select(event)];
        if (bytes) out.packed(bytes);
      };
    }, shape),
    text: shaped((event, _process, out) => {
      const name = names.get(select(event));
      if (name !== undefined) out.text(name);
      return name !== undefined;
    }, shape),
  };
}

/** A condition on the record, for {@link when}; one that is about bits alone says which. */
export type Condition = ((event: RawEvent) => boolean) & { readonly bits?: Bits };

/** Whether a bit of a flags member is set. */
export function flag(field: Field, bit: number): Condition {
  const bits = { offset: field.offset, mask: bit };
  return Object.assign((event: RawEvent) => (event.u32(field) & bit) !== 0, { bits });
}

/** Whether not all of some bits of a flags member are set. */
export function notAll(field: Field, mask: number): Condition {
  const bits = { offset: field.offset, mask, unless: mask };
  return Object.assign((event: RawEvent) => (event.u32(field) & mask) !== mask, { bits });
}

/** Whether there is any text in a `text` or `path_text` member. */
export function hasText(field: Field): Condition {
  // The second half of the word is the length.
  const bits = { offset: field.offset, mask: 0xffff_0000 | 0 };
  return Object.assign((event: RawEvent) => event.textLength(field) > 0, { bits });
}

/** Whether a member of 16 or 32 bits is not 0. */
export function isGiven(field: Field): Condition {
  const half = isHalf(field);
  const mask = half ? (field.offset & 2 ? 0xffff_0000 | 0 : 0xffff) : -1;
  const bits = { offset: field.offset & ~3, mask };
  return Object.assign((event: RawEvent) => (half ? event.u16(field) : event.u32(field)) !== 0, { bits });
}

/** A shape that is there where a condition holds. */
const shapeWhen = ({ bits }: Condition, shape: Shape = { kind: 'call' }): Shape | undefined =>
  bits && { kind: 'when', bits, shape };

/** The column where the condition holds; absent elsewhere. */
export function when(condition: Condition, column: Column): Column {
  const text = summaryOf(column);
  return {
    type: column.type,
    read: (event, process, notes) => (condition(event) ? column.read(event, process, notes) : undefined),
    writer: shaped(
      (name) => {
        const write = column.writer(name);
        return (event, process, out, notes) => {
          if (condition(event)) write(event, process, out, notes);
        };
      },
      shapeWhen(condition, column.writer.shape),
    ),
    text: shaped(
      (event, process, out) => condition(event) && text(event, process, out),
      shapeWhen(condition, column.text?.shape),
    ),
  };
}

/** The first column where the condition holds, else the second. */
export function either(condition: Condition, first: Column, second: Column): Column {
  const [yes, no] = [when(condition, first), when((event) => !condition(event), second)];
  return {
    type: first.type,
    read: (event, process, notes) => (condition(event) ? yes : no).read(event, process, notes),
    writer: (name) => {
      const [writeYes, writeNo] = [yes.writer(name), no.writer(name)];
      return (event, process, out, notes) =>
        (condition(event) ? writeYes : writeNo)(event, process, out, notes);
    },
    text: (event, process, out) => (condition(event) ? yes : no).text!(event, process, out),
  };
}

const NO_NOTES: Notes = { name: '', escaped: [], redacted: [] };

/** What writes a column as a summary shows it; it gives false when the attribute is absent. */
export function summaryOf({ text, read }: Column): Text {
  return (
    text ??
    ((event, process, out) => {
      const value = read(event, process, NO_NOTES);
      if (value === undefined) return false;
      out.text(Array.isArray(value) ? value.join(' ') : `${value}`);
      return true;
    })
  );
}

/** Some bits of a number in octal, with at least `digits` digits: `0644`. */
export function octal(field: Field, mask: number, digits: number): Column {
  const of = (event: RawEvent) => event.u32(field) & mask;
  const texts = new Map<number, string>();
  const shown = (value: number) => {
    let found = texts.get(value);
    if (found === undefined) {
      found = value.toString(8).padStart(digits, '0');
      texts.set(value, found);
    }
    return found;
  };
  return {
    type: 'string',
    read: (event) => shown(of(event)),
    writer: shaped(
      (name) => {
        const k = key(name);
        return (event, _process, out) => out.attribute(k, shown(of(event)));
      },
      // More digits than that are not written in line.
      mask < 8 ** digits ? { kind: 'octal', field, mask, digits } : undefined,
    ),
  };
}

/** An IPv4 or IPv6 address, by the family member (AF_INET = 2). */
export function address(family: Field, field: Field): Column {
  const scratch = new Writer(Buffer.alloc(64));
  const write = (event: RawEvent, out: Writer) =>
    event.u16(family) === 2
      ? writeIpv4(event.bytes, event.at + field.offset, out)
      : writeIpv6(event.bytes, event.at + field.offset, out);
  const read = (event: RawEvent) => {
    scratch.at = 0;
    write(event, scratch);
    return scratch.bytes.toString('latin1', 0, scratch.at);
  };
  return {
    type: 'string',
    read,
    writer: shaped(
      (name) => {
        const k = key(name);
        return (event, _process, out) => {
          if (event.u16(family) === 2) {
            out.stringAttribute(k, ipv4Length(event.bytes, event.at + field.offset));
            writeIpv4(event.bytes, event.at + field.offset, out);
            return;
          }
          scratch.at = 0;
          write(event, scratch);
          out.stringAttribute(k, scratch.at);
          out.copy(scratch.bytes, 0, scratch.at);
        };
      },
      { kind: 'address', family, field },
    ),
    // RFC 3986: an IPv6 address before a port stands in brackets.
    text: shaped(
      (event, _process, out) => {
        const v6 = event.u16(family) !== 2;
        if (v6) out.byte(0x5b);
        write(event, out);
        if (v6) out.byte(0x5d);
        return true;
      },
      { kind: 'address', family, field },
    ),
  };
}

/**
 * A column from a function, for what is rare or costly anyway (exec, exit): `read` may note what it escaped or
 * redacted, and `writer` encodes what it gives. `double` keeps whole numbers doubles.
 */
export function computed(
  type: Column['type'],
  read: (event: RawEvent, process: Process, notes: Notes) => AttributeValue | undefined,
  text?: Column['text'],
): Column {
  return {
    type,
    read,
    writer: (name) => {
      const k = key(name);
      return (event, process, out, notes) => {
        notes.name = name;
        const value = read(event, process, notes);
        if (value === undefined) return;
        if (type === 'double') out.doubleAttribute(k, value as number);
        else out.attribute(k, value);
      };
    },
    ...(text && { text }),
  };
}
