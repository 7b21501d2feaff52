// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { expectBetween, expectRecord } from './expect.ts';
import { parentOf, processName } from './seeds.ts';
import { escaped, pidOf, type Proc, type Truth } from './truth.ts';
import type { Attributes, Watch, WatchedRecord } from './watch.ts';

/** What test/kernel/triggers/process-exec.c says of itself. */
export interface ExecTruth extends Truth {
  readonly began: string;
  readonly args: readonly string[];
}

/** What the kernel copies of argv (ebpf/lib/text.h). */
const ARGV_MAX = 32_768;

/** `pid:name` of the process and its ancestors, nearest first, at most 16. */
export function ancestry(pid: number): string[] {
  const labels: string[] = [];
  for (let at = pid; at > 0 && labels.length < 16; at = parentOf(at)) labels.push(`${at}:${processName(at)}`);
  return labels;
}

const argvBytes = (args: readonly string[]) => Buffer.from(args.map((arg) => `${arg}\0`).join(''), 'latin1');

/** What /proc says of a descriptor, as our records write it. */
function descriptor(link: string | undefined): string | undefined {
  if (link === undefined) return undefined;
  const memfd = /^\/(memfd:.*) \(deleted\)$/s.exec(link);
  return escaped(memfd?.[1] ?? link.replace(/ \(deleted\)$/, ''));
}

export interface ExecExpectation {
  /** Where the truth is another than what the program sees of itself; undefined = absent. */
  readonly instead?: Readonly<Record<string, Attributes[string] | undefined>>;
  /** Labels of the ancestors; by default those of the test. */
  readonly ancestry?: readonly string[];
}

/** The exec record of a process. */
export function execOf(watch: Watch, proc: Proc): WatchedRecord {
  return watch.find('agentsmith.process.exec', (r) => r.attributes['process.pid'] === pidOf(proc));
}

/** Finds the exec record of a program that told the truth about itself, and compares all of it. */
export function expectExec(watch: Watch, truth: ExecTruth, expected: ExecExpectation = {}): WatchedRecord {
  const { proc, args } = truth;
  const record = watch
    .all('agentsmith.process.exec', (r) => r.attributes['process.pid'] === pidOf(proc))
    .at(-1);
  assert.ok(record, `no exec of ${pidOf(proc)}; seen: ${watch.describe()}`);
  const bytes = argvBytes(args);
  const kept = bytes.subarray(0, ARGV_MAX).toString('latin1');
  const list = (kept.endsWith('\0') ? kept.slice(0, -1) : kept).split('\0').map(escaped);
  const joined = list.join(' ');
  const own = {
    'process.command_args': list,
    'process.args_count': args.length,
    'agentsmith.process.command_args.size': bytes.length,
    'agentsmith.process.command_args.truncated': bytes.length > ARGV_MAX || undefined,
    'process.working_directory': proc.cwd && escaped(proc.cwd),
    'agentsmith.process.stdin.path': descriptor(proc.stdin),
    'agentsmith.process.stdout.path': descriptor(proc.stdout),
    'agentsmith.process.stderr.path': descriptor(proc.stderr),
    'agentsmith.process.ancestry': expected.ancestry ?? ancestry(process.pid),
  };
  expectRecord(watch, record, {
    dataType: 59,
    severity: 9,
    program: 'process_exec',
    full: true,
    own,
    body: joined.length > 200 ? `${joined.slice(0, 199)}…` : joined,
    proc,
    ...(expected.instead && { instead: expected.instead }),
  });
  expectBetween(watch, record, BigInt(String(record.attributes['agentsmith.process.id']).replace(/^\d+-/, '0x')), truth.began);
  return record;
}
