// SPDX-License-Identifier: Apache-2.0
import type { Clock } from '../../clock.ts';
import { writeIpv4, writeIpv6 } from '../../decode/address.ts';
import type { RawEvent } from '../../decode/record.ts';
import type { HostContext, Process } from '../../enrich/process.ts';
import type { Detail } from '../../enrich/process-block.ts';
import { Writer } from '../../otlp-writer.ts';
import type { Notes, Text, Write } from '../column.ts';

/* What the generated writers (writers.gen.ts) are made of and call. */

/** Writes a varint of 32 bits at `at`; where it ends. */
function varint(to: Uint8Array, at: number, value: number): number {
  let rest = value;
  for (; rest > 127; rest >>>= 7) to[at++] = (rest & 127) | 128;
  to[at++] = rest;
  return at;
}

/** Bytes of a varint of 32 bits. */
function varintLength(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x200000 ? 3 : value < 0x10000000 ? 4 : 5;
}

/** Bytes of a varint of 64 bits from 2^35 to 2^56, by its high half. */
export function wideLength(high: number): number {
  return high < 0x400 ? 6 : high < 0x20000 ? 7 : 8;
}

/** Writes a negative int32 as the ten bytes of its 64-bit two's complement. */
export function negative(to: Uint8Array, at: number, value: number): void {
  for (let i = 0, rest = value; i < 9; i++, rest >>= 7) to[at + i] = (rest & 127) | 128;
  to[at + 9] = 1;
}

/** Decimal digits of a number of 32 bits. */
export function digitsLength(value: number): number {
  if (value < 100_000) return value < 10 ? 1 : value < 100 ? 2 : value < 1000 ? 3 : value < 10_000 ? 4 : 5;
  if (value < 10_000_000) return value < 1_000_000 ? 6 : 7;
  return value < 100_000_000 ? 8 : value < 1_000_000_000 ? 9 : 10;
}

/** Text that a record has twice (in its summary and as attribute) or of which the length stands before it. */
export class Shown extends Writer {
  constructor() {
    super(Buffer.alloc(64));
  }

  /** Takes the text of an address; its length. */
  address(event: RawEvent, at: number, isV4: boolean): number {
    this.at = 0;
    if (isV4) writeIpv4(event.bytes, at, this);
    else writeIpv6(event.bytes, at, this);
    return this.at;
  }

  /** Copies the text; up to three bytes behind it are overwritten. */
  put(to: DataView, at: number, length: number): void {
    for (let i = 0; i < length; i += 4) to.setUint32(at + i, this.view.getUint32(i, true), true);
  }
}

/** What a generated writer is made of, chosen at start. */
export interface StraightParts {
  readonly clock: Clock;
  readonly host: HostContext;
  readonly detail: Detail;
  readonly hasBody: boolean;
  readonly hasHook: boolean;
  readonly notes: Notes;
  severityOf(event: RawEvent): number;
  /** The columns, own ones first; and those of the summary, by its parts. */
  readonly writers: readonly Write[];
  readonly texts: readonly Text[];
  /** What stands behind all columns when there is anything. */
  last(event: RawEvent, process: Process, out: Writer): void;
}

/** Writes one LogRecord, without tag and length. */
export type StraightWriter = (event: RawEvent, process: Process, observed: Uint32Array, out: Writer) => void;

/**
 * Ends LogRecord.body, which begins at `start` with room for two tags and two lengths of one byte; where it ends. A longer
 * one is moved.
 */
export function endBody(to: Buffer, start: number, end: number): number {
  const length = end - start - 4;
  to[start] = 0x2a;
  if (length < 126) {
    to[start + 1] = length + 2;
    to[start + 2] = 0x0a;
    to[start + 3] = length;
    return end;
  }
  const lengthSize = varintLength(length);
  const whole = 1 + lengthSize + length;
  const shift = lengthSize + varintLength(whole) - 2;
  to.copyWithin(start + 4 + shift, start + 4, end);
  const value = varint(to, start + 1, whole);
  to[value] = 0x0a;
  varint(to, value + 1, length);
  return end + shift;
}
