// SPDX-License-Identifier: Apache-2.0
import { expectBetween, expectRecord } from './expect.ts';
import { skip } from './triggers.ts';
import { numbers, pidOf, type Truth } from './truth.ts';
import type { Watch, WatchedRecord } from './watch.ts';

/** One change, as test/kernel/triggers/process-credential.c tells it. */
export interface Change extends Truth {
  /** /proc/thread-self/status before it. */
  readonly before: string;
  /** The same file afterwards. */
  readonly thread: string;
  /** Boot time in ns. */
  readonly began: string;
}

const CHANGE = 'agentsmith.process.credential.change';

/** Runs a trigger of changes; skips what this kernel cannot. */
export async function changes(
  context: Mocha.Context,
  watch: Watch,
  ...args: readonly string[]
): Promise<Change[]> {
  watch.requires(context, CHANGE);
  const lines = await watch.lines<Change>('process-credential', args);
  const reason = lines.find((line) => line.skip !== undefined)?.skip;
  if (reason !== undefined) return skip(context, reason);
  // Around an exec the old image tells what was before, and the new one the rest.
  const [old, now] = lines;
  return old && now && !('proc' in old)
    ? [{ ...now, before: (old as Change).before, began: (old as Change).began }]
    : lines;
}

/** All changes of a process, in their order. */
export function changesOf(watch: Watch, change: Change): WatchedRecord[] {
  return watch.all(CHANGE, (record) => record.attributes['process.pid'] === pidOf(change.proc));
}

const capabilities = (status: string, name: string) =>
  new RegExp(`^${name}:\\t(\\w+)$`, 'm').exec(status)![1]!;

/** The status of a process as if its leader had the credentials of the other. */
export function withCredentials(status: string, of: string): string {
  const line = (name: string) => new RegExp(`^${name}:\t.*$`, 'm');
  return ['Uid', 'Gid'].reduce((text, name) => text.replace(line(name), line(name).exec(of)![0]), status);
}

export interface ChangeExpectation {
  readonly severity: number;
  readonly body: string;
  readonly program: string;
  /** The status whose ids are right: in a new user namespace /proc shows others. */
  readonly users?: string;
}

/** Compares all of a change record with what the trigger says. */
export function expectChange(
  watch: Watch,
  record: WatchedRecord,
  change: Change,
  { severity, body, program, users }: ChangeExpectation,
): void {
  const { before, thread } = change;
  const proc = { ...change.proc, status: withCredentials(change.proc.status, users ?? thread) };
  const [uid, euid] = numbers(before, 'Uid') as [number, number];
  const [, egid] = numbers(before, 'Gid') as [number, number];
  const [permitted, effective] = [capabilities(thread, 'CapPrm'), capabilities(thread, 'CapEff')];
  const oldPermitted = capabilities(before, 'CapPrm');
  const apart = permitted !== oldPermitted || permitted !== effective;
  expectRecord(watch, record, {
    dataType: 604,
    severity,
    program,
    full: false,
    lean: false,
    own: {
      'agentsmith.process.credential.old.user.id': euid,
      'agentsmith.process.credential.old.real_user.id': uid,
      'agentsmith.process.credential.old.group.id': egid,
      'agentsmith.process.capabilities': effective,
      'agentsmith.process.credential.old.capabilities': capabilities(before, 'CapEff'),
      'agentsmith.process.permitted_capabilities': apart ? permitted : undefined,
      'agentsmith.process.credential.old.permitted_capabilities': apart ? oldPermitted : undefined,
    },
    body,
    proc,
  });
  expectBetween(watch, record, change.began, proc.boot);
}
