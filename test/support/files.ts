// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { eventDefinitions } from '../../src/events/index.ts';
import { expectBetween, expectRecord } from './expect.ts';
import { skip } from './triggers.ts';
import { escaped, pidOf, type Truth } from './truth.ts';
import type { Attributes, Watch, WatchedRecord } from './watch.ts';

/** One change of names, as the trigger that did it tells it (say_deed in test/kernel/triggers/files.h). */
export interface Deed extends Truth {
  /** Name of the event without `agentsmith.`. */
  readonly event: string;
  readonly real: string;
  /** What the trigger wrote, and the directory that it is relative to. */
  readonly name: string;
  readonly base: string;
  readonly oldReal?: string;
  readonly oldName?: string;
  readonly oldBase?: string;
  readonly target?: string;
  /** The real path is known on tier B too. */
  readonly sure: 0 | 1;
  /** Not even tier A knows whether it succeeded. */
  readonly unsure: 0 | 1;
  /** On tier B a descriptor shows the file, but not its name. */
  readonly knowsFile: 0 | 1;
  readonly inode: string;
  readonly mode: number;
  readonly owner: number;
  readonly before: string;
  readonly after: string;
}

const PREFIX = 'agentsmith.file.';

/** Every event of files, and the end of who made them; names as a watch takes them. */
export const FILE_EVENTS: readonly string[] = [
  'file.create',
  'file.link',
  'file.rename',
  'file.symlink',
  'file.delete',
  'file.directory.create',
  'file.node.create',
  'process.exit',
];

const DEFINITIONS = eventDefinitions({ redact: true });
const SUMMARY = 200;

/** Where file events are seen: at the exit of system calls or by BPF trampolines. */
export function tierOfFiles(watch: Watch): 'A' | 'B' {
  return watch.hook('file_open_exit') === undefined ? 'A' : 'B';
}

/** A directory for one trigger; on the file system that this machine has for such. */
export function inDirectory<T>(work: (directory: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(process.env.TMPDIR ?? '/tmp', 'agentsmith-files-'));
  return work(directory).finally(() => rmSync(directory, { recursive: true, force: true }));
}

/** Runs a trigger in a directory of its own; skips what this kernel cannot. */
export async function deeds(
  context: Mocha.Context,
  watch: Watch,
  trigger: string,
  ...args: string[]
): Promise<Deed[]> {
  watch.requires(context, 'agentsmith.file.create');
  return inDirectory(async (cwd) => {
    const lines = await watch.lines<Deed>(trigger, args, { cwd });
    const reason = lines.find((line) => line.skip !== undefined)?.skip;
    return reason === undefined ? lines : skip(context, reason);
  });
}

/** All file events of a process, in order. */
export function filesOf(watch: Watch, pid: number): WatchedRecord[] {
  return watch.records.filter((r) => r.eventName.startsWith(PREFIX) && r.attributes['process.pid'] === pid);
}

/** A name behind the path of a directory; one that begins with a slash is below the caller's root. */
function joined(base: string, name: string): string {
  if (name === '') return base;
  if (name.startsWith('/')) return base === '/' ? name : `${base}${name}`;
  return base === '/' ? `/${name}` : `${base}/${name}`;
}

const shortened = (text: string) => (text.length > SUMMARY ? `…${text.slice(1 - SUMMARY)}` : text);

function programOf(watch: Watch, record: WatchedRecord): string {
  const definition = DEFINITIONS.find(({ name }) => name === record.eventName)!;
  const hook = record.views.all.attributes['agentsmith.event.hook'];
  const seen = watch.sensor.hooksOf(definition).find((report) => report.hook === hook);
  assert.ok(seen, `${hook} is no hook of ${record.eventName}`);
  return seen.program;
}

/** The process, by the thread of the kernel's that did it for io_uring. */
function threadOf({ proc }: Deed, { attributes }: WatchedRecord): Deed['proc'] {
  const comm = String(attributes['thread.name']);
  return /^iou-(wrk|sqp)-\d+$/.test(comm)
    ? { ...proc, comm, thread: `task/${attributes['thread.id']}` }
    : proc;
}

/** Compares all of a record with what the trigger says. */
export function expectDeed(
  watch: Watch,
  record: WatchedRecord,
  deed: Deed,
  instead: Readonly<Record<string, Attributes[string] | undefined>> = {},
): void {
  assert.equal(record.eventName, `agentsmith.${deed.event}`);
  const resolved = tierOfFiles(watch) === 'A' || deed.sure === 1;
  const known = resolved || deed.knowsFile === 1;
  const path = resolved ? deed.real : joined(deed.base, deed.name);
  const old =
    deed.oldName === undefined ? undefined : resolved ? deed.oldReal! : joined(deed.oldBase!, deed.oldName);
  const texts = {
    'file.path': path,
    'agentsmith.file.old_path': old,
    'file.symbolic_link.target_path': deed.target,
  };
  const bad = Object.entries(texts).filter(([, text]) => text && !isUtf8(Buffer.from(text, 'latin1')));
  const shown = Object.fromEntries(
    Object.entries(texts).map(([name, text]) => [name, text === undefined ? undefined : escaped(text)]),
  );
  const short = (name: keyof typeof texts) => (shown[name] === undefined ? '' : shortened(shown[name]));
  expectRecord(watch, record, {
    dataType: deed.event === 'file.create' ? 602 : undefined,
    severity: 9,
    program: programOf(watch, record),
    full: false,
    own: {
      ...shown,
      'file.inode': known ? deed.inode : undefined,
      'file.mode': known ? (deed.mode & 0o7777).toString(8).padStart(4, '0') : undefined,
      'file.owner.id': known ? `${deed.owner}` : undefined,
      'agentsmith.file.unresolved': resolved ? undefined : true,
      ...(bad.length > 0 && { 'agentsmith.escaped': bad.map(([name]) => name) }),
    },
    body:
      old !== undefined
        ? `${short('agentsmith.file.old_path')} → ${short('file.path')}`
        : deed.target === undefined
          ? short('file.path')
          : `${short('file.path')} → ${short('file.symbolic_link.target_path')}`,
    proc: threadOf(deed, record),
    ...(Object.keys(instead).length > 0 && { instead }),
  });
  expectBetween(watch, record, deed.before, deed.after);
}

/** Exactly these records, of the process that did the deeds. */
export function expectDeeds(
  watch: Watch,
  made: readonly Deed[],
  instead: Readonly<Record<string, Attributes[string] | undefined>> = {},
): WatchedRecord[] {
  const records = filesOf(watch, pidOf(made[0]!.proc));
  const told = records.map((r) => `${r.eventName} ${r.body}`).join('\n');
  assert.equal(records.length, made.length, `${records.length} records of ${made.length} deeds:\n${told}`);
  for (const [i, deed] of made.entries()) expectDeed(watch, records[i]!, deed, instead);
  return records;
}
