// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import { errnoName, expectBetween, expectRecord } from './expect.ts';
import { parentOf, processName } from './seeds.ts';
import { skip, type TriggerOptions, triggerPath } from './triggers.ts';
import { escaped, type Proc, pidOf, type Truth } from './truth.ts';
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
  /** Attributes that only some execs have. */
  readonly more?: Attributes;
  /** Programs between this one and the test; the test's own ancestors follow. */
  readonly behind?: readonly string[];
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
  const strings = (kept.endsWith('\0') ? kept.slice(0, -1) : kept).split('\0');
  // One rule holds for the whole attribute: where one argument must be escaped, all are.
  const escapes = strings.some((arg) => !isUtf8(Buffer.from(arg, 'latin1')));
  const list = strings.map((arg) => escaped(arg, escapes));
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
    'agentsmith.process.ancestry': [...(expected.behind ?? []), ...ancestry(process.pid)].slice(0, 16),
    ...expected.more,
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
  expectBetween(watch, record, startOf(record), truth.began);
  return record;
}

/** Boot time at which the process was born. */
export function startOf(record: WatchedRecord): bigint {
  return BigInt(String(record.attributes['agentsmith.process.id']).replace(/^\d+-/, '0x'));
}

/** The bytes of a latin1 string as an operand of test/kernel/triggers/exec-ways.c. */
export function operand(latin1: string): string {
  return latin1.replaceAll(/[^\w./=-]/gs, (char) => `%${char.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** A program that exec-ways is to start; by default process-exec with argv[0] as a shell would give it. */
export interface Program {
  readonly way?: string;
  readonly program?: string;
  /** argv, argv[0] included. */
  readonly args?: readonly string[];
}

/** Starts a program in an unusual way and gives what it says of itself; skips what this kernel cannot. */
export async function execBy(
  context: Mocha.Context,
  watch: Watch,
  steps: readonly string[],
  { way = 'exec', program = triggerPath('process-exec'), args = [program] }: Program = {},
  options: TriggerOptions = {},
): Promise<ExecTruth> {
  const words = [...steps, '--', way, operand(program), ...args.map(operand)];
  const truth = await watch.run<ExecTruth>('exec-ways', words, options);
  return truth.skip === undefined ? truth : skip(context, truth.skip);
}

/** What test/kernel/triggers/exec-failed.c says of an exec that was refused. */
export interface FailedExec extends Truth {
  /** -errno */
  readonly result: number;
  /** Boot time in ns around it. */
  readonly began: string;
  readonly ended: string;
}

export interface FailedExpectation {
  readonly path: string;
  /** argv as far as it is told. */
  readonly args: readonly string[];
  readonly truncated?: true;
  readonly program: string;
}

/** Compares all of the record of a failed exec with what the trigger says. */
export function expectFailedExec(
  watch: Watch,
  record: WatchedRecord,
  { proc, result, began, ended }: FailedExec,
  { path, args, truncated, program }: FailedExpectation,
): void {
  const error = errnoName(result);
  const joined = args.join(' ');
  expectRecord(watch, record, {
    dataType: 59,
    severity: 9,
    program,
    full: true,
    own: {
      'process.command_args': [...args],
      'process.args_count': truncated ? undefined : args.length,
      'agentsmith.process.command_args.size': truncated ? undefined : argvBytes(args).length,
      'agentsmith.process.command_args.truncated': truncated,
      'process.working_directory': proc.cwd,
      'agentsmith.process.ancestry': ancestry(process.pid),
      'error.type': error,
      'file.path': path,
      'agentsmith.file.unresolved': true,
      'agentsmith.unverified': ['process.command_args', 'file.path'],
    },
    body: `${joined.length > 200 ? `${joined.slice(0, 199)}…` : joined}: ${error}`,
    proc,
  });
  expectBetween(watch, record, began, ended);
}
