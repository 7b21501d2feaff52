// SPDX-License-Identifier: Apache-2.0
import { Program, processExec } from '../decode/layout.gen.ts';
import type { Field, RawEvent } from '../decode/record.ts';
import { Recurring } from '../decode/recurring.ts';
import type { HostContext, Process } from '../enrich/process.ts';
import { Detail, escapedInBlock, readBlock } from '../enrich/process-block.ts';
import { type Key, key, packed } from '../otlp-bytes.ts';
import { type AttributeValue, Writer } from '../otlp-writer.ts';
import * as at from '../semconv.ts';
import type { Programs } from '../sensor/sensor.ts';
import {
  type Column,
  encoded,
  enumerated,
  int,
  type Notes,
  summaryOf,
  type Text,
  type Write,
} from './column.ts';
import { chars } from './column-text.ts';
import { shaped } from './shape.ts';
import type { StraightWriter } from './straight/runtime.ts';
import { STRAIGHT } from './straight/writers.gen.ts';

/** SeverityNumber of the OpenTelemetry logs data model. */
export const Severity = { DEBUG: 5, INFO: 9, WARN: 13, WARN2: 14 } as const;

/** SeverityNumber of an event: of every record the same, or chosen by what the record says. */
export type EventSeverity =
  | number
  | {
      /** All that `of` gives, for the docs. */
      readonly values: readonly number[];
      of(event: RawEvent): number;
    };

/** Attributes whose names are not known beforehand (`process.environment_variable.<NAME>`). */
export interface Spread {
  readonly names: string;
  /** The text that the attributes are made of, and of nothing else. */
  readonly field: Field;
  read(event: RawEvent, notes: Notes): readonly (readonly [string, AttributeValue])[];
}

/** An event as its file in src/events/ states it: the single source of records, docs and schema. */
export interface EventDefinition {
  /** Name of the LogRecord, and the `event_type` of ebpf/events.h it is made from. */
  readonly name: string;
  readonly type: number;
  /** The original's number for it; absent where it had none. */
  readonly dataType?: number;
  readonly severity: EventSeverity;
  /** One sentence for the docs: what happened. */
  readonly about: string;
  /** Exec and exit carry the whole process block in every level of detail. */
  readonly fullBlock?: boolean;
  /** lean applies to it. */
  readonly highVolume?: boolean;
  readonly attributes: Readonly<Record<string, Column>>;
  readonly spread?: Spread;
  /** Literals, attribute names, and [literal, name] pairs that vanish together when the attribute is absent. */
  readonly summary: readonly (string | readonly [string, string])[];
  /** Records of the kernel from which user space makes events of this kind: their losses are told under these names. */
  readonly parts?: readonly { readonly type: number; readonly name: string }[];
  readonly programs: Programs;
  /** So frequent that it has to be asked for. */
  readonly offByDefault?: boolean;
}

/** How records are made: chosen once, at start. */
export interface RecordOptions {
  readonly detail: 'lean' | 'standard' | 'all';
  readonly body: boolean;
  readonly host: HostContext;
  /** Where each program is attached, for `agentsmith.event.hook`. */
  hookOf(program: string): string | undefined;
}

/** A map as attribute. */
export interface AttributeMap {
  readonly [key: string]: AttributeValue;
}

/** A record for people, user processors and tests. */
export interface ReadableEvent {
  readonly eventName: string;
  readonly severityNumber: number;
  /** ns since the epoch */
  readonly time: bigint;
  readonly observed: bigint;
  readonly body: string | undefined;
  readonly attributes: Record<string, AttributeValue>;
  /** Attributes that are maps: only rare records of the agent's own have some. */
  readonly maps?: Readonly<Record<string, AttributeMap>>;
}

/** An event that can be executed both ways. */
export interface RunnableEvent extends EventDefinition {
  severityOf(event: RawEvent): number;
  read(event: RawEvent, process: Process, observed: bigint): ReadableEvent;
  /** Appends one LogRecord, without tag and length. `observed` is fixed64, as {@link observedBytes} gives it. */
  write(event: RawEvent, process: Process, observed: Uint32Array, out: Writer): void;
}

const { header } = processExec;
const threadId = int(header.tid);
const threadName = chars(header.comm);
const cpu = int({ offset: header.cpu.offset, type: 'u16' });
const sequence = int(header.sequence);

/** The columns of every event that stand behind the process block; the first two are those of the thread. */
export function columnsBehind({ dataType }: EventDefinition): [string, Column][] {
  return [
    [at.ATTR_THREAD_ID, { ...threadId, ...onlyThread() }],
    [at.ATTR_THREAD_NAME, threadName],
    ...(dataType === undefined ? [] : [[at.DATA_TYPE, number(dataType)] as [string, Column]]),
    [at.EVENT_CPU, cpu],
    [at.EVENT_SEQUENCE, sequence],
  ];
}
/** So many of them are left out of lean records. */
export const THREAD_COLUMNS = 2;

/** thread.id is told only where it is not the process id. */
function onlyThread(): Pick<Column, 'read' | 'writer'> {
  const other = (event: RawEvent) => event.u32(header.tid) !== event.u32(processExec.who.pid);
  const writer = (name: string): Write => {
    const write = threadId.writer(name);
    return (event, process, out, notes) => {
      if (other(event)) write(event, process, out, notes);
    };
  };
  const fields = [header.tid, processExec.who.pid] as const;
  return {
    read: (event, process, notes) => (other(event) ? threadId.read(event, process, notes) : undefined),
    writer: shaped(writer, { kind: 'differ', fields, shape: threadId.writer.shape! }),
  };
}

const number = (value: number): Column => ({
  type: 'int',
  read: () => value,
  writer: shaped(
    (name) => {
      const bytes = packed(encoded(name, value));
      return (_event, _process, out) => out.packed(bytes);
    },
    { kind: 'constant', encode: (name) => encoded(name, value) },
  ),
});

/** Where the program is attached that saw the event; absent for one that is not known here. */
function hookColumn({ hookOf }: RecordOptions): Column {
  const hooks = Object.entries(Program)
    .filter(([, number]) => number !== Program.NONE)
    .map(([program, number]) => [number, hookOf(program)] as const);
  return enumerated(
    (event) => event.u32(header.program),
    new Map(hooks.filter((entry): entry is [(typeof entry)[0], string] => entry[1] !== undefined)),
  );
}

/** Whether a record of the event can be a warning or worse. */
export const mayWarn = ({ severity }: EventDefinition): boolean =>
  (typeof severity === 'number' ? [severity] : severity.values).some((value) => value >= Severity.WARN);

/** Whether straight/generate.ts makes a function for the event: for those that come in floods, and for exec and exit. */
export const isWrittenStraight = ({ highVolume, fullBlock }: EventDefinition): boolean =>
  highVolume === true || fullBlock === true;

/** Compiles a definition for the chosen options: every key and constant is encoded here, once. */
export function runnable(definition: EventDefinition, options: RecordOptions): RunnableEvent {
  const { host } = options;
  const detail = definition.fullBlock
    ? Detail.FULL
    : options.detail === 'lean' && definition.highVolume
      ? Detail.LEAN
      : Detail.STANDARD;
  const own = Object.entries(definition.attributes);
  const hooks: [string, Column][] = options.detail === 'all' ? [[at.EVENT_HOOK, hookColumn(options)]] : [];
  const leftOut = detail === Detail.LEAN ? THREAD_COLUMNS : 0;
  const always = columnsBehind(definition);
  const behind = [...always.slice(leftOut), ...hooks];
  const writerOf = ([name, column]: [string, Column]) => column.writer(name);
  const [writeOwn, writeAlways, writeHooks] = [own.map(writerOf), always.map(writerOf), hooks.map(writerOf)];
  const writeBehind = [...writeAlways.slice(leftOut), ...writeHooks];
  const writeBody = options.body ? bodyWriter(definition) : undefined;
  const eventName = packed(Buffer.from(definition.name));
  const escapedKey = key(at.ESCAPED);
  const redactedKey = key(at.REDACTED);
  const notes: Notes = { name: '', escaped: [], redacted: [] };
  const { clock } = host;
  const { severity } = definition;
  const severityOf = typeof severity === 'number' ? () => severity : severity.of;
  const { spread } = definition;
  const spreads = new Recurring<Uint8Array>(SPREADS_KEPT, SPREAD_KEPT_MAX);
  const writeSpread = (event: RawEvent, out: Writer) => {
    const { view } = event;
    const start = event.textStart(spread!.field);
    const length = event.textLength(spread!.field);
    if (length === 0) return;
    const found = spreads.find(view, start, length);
    if (found) return out.whole(found);
    const before = out.at;
    const noted = notes.escaped.length + notes.redacted.length;
    for (const [name, value] of spreadOf(spread!, event, notes)) out.attribute(spreadKey(name), value);
    // What was changed has to be noted each time; and a secret is not kept.
    const isNoted = notes.escaped.length + notes.redacted.length !== noted;
    if (spreads.isWanted && !isNoted && out.at - before <= 4 * SPREAD_KEPT_MAX)
      spreads.keep(view, start, length, Uint8Array.prototype.slice.call(out.bytes, before, out.at));
  };
  const writeNotes = (out: Writer) => {
    if (notes.escaped.length > 0) out.attribute(escapedKey, notes.escaped);
    if (notes.redacted.length > 0) out.attribute(redactedKey, notes.redacted);
  };
  const straight: StraightWriter | undefined = STRAIGHT.get(definition.name)?.({
    clock,
    host,
    detail,
    hasBody: options.body,
    hasHook: hooks.length > 0,
    notes,
    severityOf,
    writers: [...writeOwn, ...writeAlways],
    texts: definition.summary.map((part) => textOf(definition, part)),
    spread: writeSpread,
    last(event, process, out) {
      for (const write of writeHooks) write(event, process, out, notes);
      writeNotes(out);
    },
  });

  return {
    ...definition,
    severityOf,
    read(event, process, observed) {
      const seen: Notes = { name: '', escaped: [], redacted: [] };
      const attributes: Record<string, AttributeValue> = {};
      const add = ([name, column]: [string, Column]) => {
        seen.name = name;
        const value = column.read(event, process, seen);
        if (value !== undefined) attributes[name] = value;
      };
      own.forEach(add);
      if (spread) Object.assign(attributes, Object.fromEntries(spreadOf(spread, event, seen)));
      Object.assign(attributes, readBlock(process, detail, host));
      seen.escaped.push(...escapedInBlock(process, detail));
      behind.forEach(add);
      if (seen.escaped.length > 0) attributes[at.ESCAPED] = seen.escaped;
      if (seen.redacted.length > 0) attributes[at.REDACTED] = seen.redacted;
      return {
        eventName: definition.name,
        severityNumber: severityOf(event),
        time: clock.wall(event.low(header.time), event.high(header.time)),
        observed,
        body: writeBody && summaryText(definition, event, process),
        attributes,
      };
    },
    write(event, process, observed, out) {
      // Setting a length is a call even when it changes nothing.
      if (notes.escaped.length > 0) notes.escaped.length = 0;
      if (notes.redacted.length > 0) notes.redacted.length = 0;
      if (straight) {
        straight(event, process, observed, out);
        return;
      }
      const low = event.low(header.time);
      out.byte(0x09);
      out.fixed64(clock.wallLow(low), clock.wallHigh(low, event.high(header.time)));
      out.byte(0x10);
      out.byte(severityOf(event));
      writeBody?.(event, process, out);
      for (let i = 0; i < writeOwn.length; i++) writeOwn[i]!(event, process, out, notes);
      if (spread) writeSpread(event, out);
      const escaped = process.writeBlock(detail, host, out);
      if (escaped.length > 0) notes.escaped.push(...escaped);
      for (let i = 0; i < writeBehind.length; i++) writeBehind[i]!(event, process, out, notes);
      writeNotes(out);
      out.byte(0x38);
      out.byte(0);
      out.byte(0x59);
      out.fixed64(observed[0]!, observed[1]!);
      out.byte(0x62);
      out.varint(eventName.length);
      out.packed(eventName);
    },
  };
}

/** Most processes of a session have the same environment. So many are remembered, each of 5 KiB at the worst. */
const SPREADS_KEPT = 128;
const SPREAD_KEPT_MAX = 1024;

/** Keys of spreads: of a recording that somebody made up, not more than these. */
const SPREAD_KEYS_MAX = 64;
const spreadKeys = new Map<string, Key>();

function spreadKey(name: string): Key {
  let found = spreadKeys.get(name);
  if (!found) {
    found = key(name);
    if (spreadKeys.size < SPREAD_KEYS_MAX) spreadKeys.set(name, found);
  }
  return found;
}

const isKey = ([name]: readonly [string, AttributeValue]) => /^[\x21-\x7e]{1,127}$/.test(name);

/**
 * A spread's attributes. The names are the caller's own bytes: of one that comes twice the last counts, as for the
 * dynamic linker (OTLP forbids the same key twice), and what can be no key is left out.
 */
function spreadOf(
  spread: Spread,
  event: RawEvent,
  notes: Notes,
): Iterable<readonly [string, AttributeValue]> {
  const found = spread.read(event, notes);
  if (found.length === 0 || (found.length === 1 && isKey(found[0]!))) return found;
  const values = new Map(found.filter(isKey));
  if (values.size !== found.length) {
    for (const names of [notes.escaped, notes.redacted]) {
      const foreign = new Set(found.map(([name]) => name).filter((name) => !values.has(name)));
      names.splice(0, names.length, ...new Set(names.filter((name) => !foreign.has(name))));
    }
  }
  return values;
}

/** Writes one part of a summary. */
type PartWriter = (event: RawEvent, process: Process, out: Writer) => void;

/** The value of a part of a summary; a literal has none. */
function textOf({ attributes }: EventDefinition, part: EventDefinition['summary'][number]): Text {
  const column = attributes[typeof part === 'string' ? part : part[1]];
  return column ? summaryOf(column) : () => false;
}

function partWriters(definition: EventDefinition): PartWriter[] {
  return definition.summary.map((part): PartWriter => {
    const [prefix, name] = typeof part === 'string' ? ['', part] : part;
    const isValue = definition.attributes[name] !== undefined;
    const literal = packed(Buffer.from(isValue ? prefix : name));
    if (!isValue) return (_event, _process, out) => out.packed(literal);
    const write = textOf(definition, part);
    return (event, process, out) => {
      const before = out.at;
      out.packed(literal);
      if (!write(event, process, out)) out.at = before;
    };
  });
}

const scratch = new Writer(Buffer.alloc(8192));

/** The summary as a string. */
function summaryText(definition: EventDefinition, event: RawEvent, process: Process): string {
  scratch.at = 0;
  summaryWriter(definition)(event, process, scratch);
  return scratch.bytes.toString('utf8', 0, scratch.at);
}

/** Writes the summary as plain text. */
function summaryWriter(definition: EventDefinition): PartWriter {
  const parts = partWriters(definition);
  return (event, process, out) => {
    for (let i = 0; i < parts.length; i++) parts[i]!(event, process, out);
  };
}

/** LogRecord.body (field 5) with the summary as its string. */
function bodyWriter(definition: EventDefinition): PartWriter {
  const write = summaryWriter(definition);
  return (event, process, out) => {
    const body = out.begin(0x2a);
    const value = out.begin(0x0a);
    write(event, process, out);
    out.end(value);
    out.end(body);
  };
}
