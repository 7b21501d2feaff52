// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { REASSEMBLED_CPU } from '../../src/decode/dns-streams.ts';
import { block, escaped, type Proc, pidOf, present, tidOf } from './truth.ts';
import type { Attributes, Watch, WatchedRecord } from './watch.ts';

/** Attributes that no process can know of itself: they are checked for sense and taken from the record. */
function unknowable(record: WatchedRecord): Attributes {
  const { attributes } = record;
  const cpu = attributes['agentsmith.event.cpu'] as number;
  const sequence = attributes['agentsmith.event.sequence'] as number;
  assert.ok(Number.isInteger(cpu) && cpu >= 0 && (cpu < 4096 || cpu === REASSEMBLED_CPU));
  // Numbers begin at the agent's start, in µs since the epoch.
  assert.ok(sequence > (Date.now() - 3_600_000) * 1000 && sequence < (Date.now() + 60_000) * 1000);
  return { 'agentsmith.event.cpu': cpu, 'agentsmith.event.sequence': sequence };
}

export interface Expected {
  /** Absent where the original has no such event. */
  readonly dataType?: number | undefined;
  readonly severity: number;
  /** The program that sees the event, for `agentsmith.event.hook`. */
  readonly program: string;
  /** The event's own attributes. */
  readonly own: Readonly<Record<string, Attributes[string] | undefined>>;
  readonly body: string;
  /** Exec and exit carry the whole block in every level of detail. */
  readonly full: boolean;
  /** false: it is too rare for `--detail lean` to make it shorter. */
  readonly lean?: boolean;
  readonly proc: Proc;
  /** Where the truth of the block is another than what the process sees of itself; undefined = absent. */
  readonly instead?: Readonly<Record<string, Attributes[string] | undefined>>;
}

/** Compares whole records, in every level of detail: each attribute is there and right, and no other is. */
export function expectRecord(watch: Watch, record: WatchedRecord, expected: Expected): void {
  const { proc, own, full } = expected;
  const tid = tidOf(proc);
  const thread = { 'thread.id': tid === pidOf(proc) ? undefined : tid, 'thread.name': escaped(proc.comm) };
  const behind = {
    ...(expected.dataType !== undefined && { 'agentsmith.data_type': expected.dataType }),
    ...unknowable(record),
  };
  const attributes = (
    level: 'lean' | 'standard' | 'full',
    more: Readonly<Record<string, Attributes[string]>> = {},
  ) =>
    present({
      ...own,
      ...block(watch, record, proc, level),
      ...(level !== 'lean' && thread),
      ...behind,
      ...more,
      ...expected.instead,
    });
  const hook = watch.hook(expected.program);
  const { standard, lean, all } = record.views;
  assert.deepEqual(standard.attributes, attributes(full ? 'full' : 'standard'));
  assert.deepEqual(
    lean.attributes,
    attributes(full ? 'full' : expected.lean === false ? 'standard' : 'lean'),
  );
  assert.deepEqual(
    all.attributes,
    attributes(full ? 'full' : 'standard', { 'agentsmith.event.hook': hook! }),
  );
  assert.equal(record.severityNumber, expected.severity);
  assert.equal(record.body, expected.body);
}

/** The event's time as boot time, to compare it with what a trigger's clock says. */
export function bootTime(watch: Watch, record: WatchedRecord): bigint {
  return record.time - watch.host.clock.offset;
}

/** Clocks are compared anew with every batch; they may have been set a little meanwhile. */
const CLOCK_SLACK_NS = 1_000_000n;

/** The event happened between two readings of a trigger's boot clock, and was read afterwards. */
export function expectBetween(
  watch: Watch,
  record: WatchedRecord,
  before: string | bigint,
  after: string | bigint,
): void {
  const at = bootTime(watch, record);
  assert.ok(at >= BigInt(before) - CLOCK_SLACK_NS, `${at} is before ${before}`);
  assert.ok(at <= BigInt(after) + CLOCK_SLACK_NS, `${at} is after ${after}`);
  assert.ok(record.observed >= record.time - CLOCK_SLACK_NS, 'observed before it happened');
}

/** The name of a negative errno. */
export function errnoName(result: number): string | undefined {
  return Object.entries(constants.errno).find(([, number]) => number === -result)?.[0];
}
