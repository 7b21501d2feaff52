// SPDX-License-Identifier: Apache-2.0
import { ipv4Length, writeIpv4, writeIpv6 } from '../decode/address.ts';
import { ERRNO_NAMES } from '../decode/names.ts';
import type { Field, RawEvent } from '../decode/record.ts';
import type { Process } from '../enrich/process.ts';
import { digitCount, key, type Packed, packed } from '../otlp-bytes.ts';
import { type AttributeValue, Writer } from '../otlp-writer.ts';

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
  writer(name: string): (event: RawEvent, process: Process, out: Writer, notes: Notes) => void;
  /**
   * The value as a summary shows it, as UTF-8; false when the attribute is absent. By default what `read` gives.
   */
  text?(event: RawEvent, process: Process, out: Writer): boolean;
}

/** An integer member; `sequence` and `counter` typedefs are 64 bits and stay below 2^53. */
export function int(field: Field): Column {
  const wide = field.type === 'counter' || field.type === 'u64';
  const signed = field.type === 'err_no';
  const half = field.type === 'port' || field.type === 'u16';
  const of = (event: RawEvent) =>
    wide ? event.number64(field) : signed ? event.i32(field) : half ? event.u16(field) : event.u32(field);
  return {
    type: 'int',
    read: of,
    writer: (name) => {
      const k = key(name);
      return (event, _process, out) => out.intAttribute(k, of(event));
    },
    text: (event, _process, out) => {
      const value = of(event);
      if (value < 0) out.byte(0x2d);
      out.digits(Math.abs(value));
      return true;
    },
  };
}

/**
 * A number as decimal string: a 64-bit identifier, of which an int attribute would lose bits in JSON and in JS, or a user
 * id where OpenTelemetry has it as a string.
 */
export function decimal(field: Field): Column {
  if (field.type === 'uid_id') {
    return {
      type: 'string',
      read: (event) => `${event.u32(field)}`,
      writer: (name) => {
        const k = key(name);
        return (event, _process, out) => {
          const value = event.u32(field);
          out.stringAttribute(k, digitCount(value));
          out.digits(value);
        };
      },
    };
  }
  return {
    type: 'string',
    read: (event) => `${event.u64(field)}`,
    writer: (name) => {
      const k = key(name);
      return (event, _process, out) => {
        const value = event.number64(field);
        if (value > Number.MAX_SAFE_INTEGER) {
          out.attribute(k, `${event.u64(field)}`);
          return;
        }
        out.stringAttribute(k, digitCount(value));
        out.digits(value);
      };
    },
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
    writer: (name) => {
      const k = key(name);
      return (event, _process, out) => out.doubleAttribute(k, event.number64(field) / 1e9);
    },
  };
}

/** One of a few values: each whole attribute is encoded once. A number that is not listed makes it absent. */
export function oneOf(field: Field, names: Readonly<Record<number, string>>): Column {
  const of =
    field.type === 'u16' || field.type === 'port'
      ? (e: RawEvent) => e.u16(field)
      : (e: RawEvent) => e.u32(field);
  return enumerated(
    (event) => of(event),
    new Map(Object.entries(names).map(([n, name]) => [Number(n), name])),
  );
}

/** The name of a negative errno in an `err_no` member; absent for 0, `_OTHER` for a number without a name. */
export function errno(field: Field): Column {
  const other = 0xfff; // MAX_ERRNO of the kernel
  const names = new Map([...ERRNO_NAMES, [other, '_OTHER'] as const]);
  return enumerated((event) => {
    const code = -event.i32(field);
    return code === 0 || names.has(code) ? code : other;
  }, names);
}

/** The same value in every record. */
export function constant(value: string | true | string[]): Column {
  const attribute = (name: string) => encoded(name, value);
  return {
    type: value === true ? 'bool' : typeof value === 'string' ? 'string' : 'string[]',
    read: () => value,
    writer: (name) => {
      const bytes = attribute(name);
      return (_event, _process, out) => out.packed(bytes);
    },
  };
}

/** A whole attribute that is always the same. */
export function encoded(name: string, value: AttributeValue): Packed {
  const out = new Writer(Buffer.alloc(512));
  out.attribute(key(name), value);
  return packed(out.bytes.subarray(0, out.at));
}

/** An attribute whose few values are known beforehand, chosen by a number from the record. */
export function enumerated(select: (event: RawEvent) => number, names: ReadonlyMap<number, string>): Column {
  return {
    type: 'string',
    read: (event) => names.get(select(event)),
    writer: (name) => {
      // An array without gaps is looked up faster than a map.
      const attributes = Array.from({ length: Math.max(...names.keys()) + 1 }, (_, number) => {
        const value = names.get(number);
        return value === undefined ? undefined : encoded(name, value);
      });
      return (event, _process, out) => {
        const bytes = attributes[select(event)];
        if (bytes) out.packed(bytes);
      };
    },
    text: (event, _process, out) => {
      const name = names.get(select(event));
      if (name !== undefined) out.text(name);
      return name !== undefined;
    },
  };
}

/** A condition on the record, for {@link when}. */
export type Condition = (event: RawEvent) => boolean;

/** Whether a bit of a flags member is set. */
export function flag(field: Field, bit: number): Condition {
  return (event) => (event.u32(field) & bit) !== 0;
}

/** The column where the condition holds; absent elsewhere. */
export function when(condition: Condition, column: Column): Column {
  const text = summaryOf(column);
  return {
    type: column.type,
    read: (event, process, notes) => (condition(event) ? column.read(event, process, notes) : undefined),
    writer: (name) => {
      const write = column.writer(name);
      return (event, process, out, notes) => {
        if (condition(event)) write(event, process, out, notes);
      };
    },
    text: (event, process, out) => condition(event) && text(event, process, out),
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
export function summaryOf({ text, read }: Column): NonNullable<Column['text']> {
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
    writer: (name) => {
      const k = key(name);
      return (event, _process, out) => out.attribute(k, shown(of(event)));
    },
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
    writer: (name) => {
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
    // RFC 3986: an IPv6 address before a port stands in brackets.
    text: (event, _process, out) => {
      const v6 = event.u16(family) !== 2;
      if (v6) out.byte(0x5b);
      write(event, out);
      if (v6) out.byte(0x5d);
      return true;
    },
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
