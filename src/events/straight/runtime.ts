// SPDX-License-Identifier: Apache-2.0
import type { Clock } from '../../clock.ts';
import { writeIpv4, writeIpv6 } from '../../decode/address.ts';
import type { RawEvent } from '../../decode/record.ts';
import type { HostContext, Process } from '../../enrich/process.ts';
import type { Detail } from '../../enrich/process-block.ts';
import { Writer } from '../../otlp-writer.ts';
import type { Notes, Text, Write } from '../column.ts';

/* What the generated writers (writers.gen.ts) are made of and call. */

export { digitCount } from '../../otlp-bytes.ts';

/** Bytes of a varint of 64 bits from 2^35 to 2^56, by its high half. */
export function wideLength(high: number): number {
  return high < 0x400 ? 6 : high < 0x20000 ? 7 : 8;
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
  /** Writes the event's attributes whose names are not known beforehand, where it has some. */
  spread(event: RawEvent, out: Writer): void;
  /** What stands behind all columns when there is anything. */
  last(event: RawEvent, process: Process, out: Writer): void;
}

/** Writes one LogRecord, without tag and length. */
export type StraightWriter = (event: RawEvent, process: Process, observed: Uint32Array, out: Writer) => void;

/** Ends LogRecord.body (field 5), which begins at `start` with room for two tags and two lengths of one byte; where it ends. */
export function endBody(out: Writer, start: number, end: number): number {
  const { bytes } = out;
  const length = end - start - 4;
  bytes[start] = 0x2a;
  bytes[start + 2] = 0x0a;
  if (length < 126) {
    bytes[start + 1] = length + 2;
    bytes[start + 3] = length;
    return end;
  }
  out.at = end;
  out.end(start + 3);
  out.end(start + 1);
  return out.at;
}
