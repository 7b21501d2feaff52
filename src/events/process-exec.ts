// SPDX-License-Identifier: Apache-2.0
import { EventType, ExecFlag, processExec as e } from '../decode/layout.gen.ts';
import type { Field, RawEvent } from '../decode/record.ts';
import { decodeText, needsEscape, PathText } from '../decode/text.ts';
import type { Process } from '../enrich/process.ts';
import { findSecrets, isSecretVariable } from '../enrich/redact.ts';
import type { AttributeValue } from '../otlp-writer.ts';
import * as at from '../semconv.ts';
import { type Column, computed, constant, flag, int, type Notes, path, when } from './column.ts';
import { type EventDefinition, Severity, type Spread } from './event.ts';

/** A summary shows this much of argv. */
const SUMMARY_CHARACTERS = 200;
const MARK = '[redacted]';

interface Descriptor {
  readonly inode: Field;
  readonly mode: Field;
  readonly path: Field;
}

const S_IFMT = 0o170000;
const S_IFIFO = 0o010000;
const S_IFSOCK = 0o140000;

/** What /proc/PID/fd/N shows: a path, `pipe:[inode]`, `socket:[inode]`, `anon_inode:[eventfd]`; absent when closed. */
function descriptor(fd: Descriptor): Column {
  return computed('string', (event, _process, notes) => {
    const kind = event.u32(fd.mode) & S_IFMT;
    const length = PathText.turn(event.bytes, event.textStart(fd.path), event.textLength(fd.path));
    if (length === 0) return undefined;
    // A pipe or socket without a place has an empty name, or the protocol's; one in a file system has a path.
    const placed = length > 1 && PathText.bytes[0] === 0x2f;
    if (kind === S_IFIFO && !placed) return `pipe:[${event.u64(fd.inode)}]`;
    if (kind === S_IFSOCK && !placed) return `socket:[${event.u64(fd.inode)}]`;
    if (needsEscape(PathText.bytes, 0, length)) notes.escaped.push(notes.name);
    const name = decodeText(PathText.bytes, 0, length);
    return name.startsWith('[') ? `anon_inode:${name}` : name;
  });
}

/** Calls `visit` with start and end of each NUL-terminated string; the last may lack its NUL (argv was cut). */
function eachString(event: RawEvent, field: Field, visit: (start: number, end: number) => void): void {
  const start = event.textStart(field);
  const stop = start + event.textLength(field);
  for (let from = start; from < stop; ) {
    let to = event.bytes.indexOf(0, from);
    if (to < 0 || to > stop) to = stop;
    visit(from, to);
    from = to + 1;
  }
}

/** The arguments, secrets replaced when `redact` is set. */
function argumentsOf(event: RawEvent, redact: boolean, notes: Notes): string[] {
  const start = event.textStart(e.argv);
  const secrets = redact
    ? findSecrets(event.bytes.toString('latin1', start, start + event.textLength(e.argv)))
    : [];
  const list: string[] = [];
  // Of all arguments or of none: `\\xff` beside an escaped byte must not look like one.
  const escaped = needsEscape(event.bytes, start, start + event.textLength(e.argv));
  let next = 0;
  eachString(event, e.argv, (from, to) => {
    let text = '';
    let at = from;
    const plain = (end: number) => {
      if (end > at) text += decodeText(event.bytes, at, end, escaped);
    };
    for (; next < secrets.length && start + secrets[next]! < to; next += 2) {
      plain(start + secrets[next]!);
      text += MARK;
      at = start + secrets[next + 1]!;
    }
    plain(to);
    list.push(text);
  });
  if (escaped) notes.escaped.push(notes.name);
  if (secrets.length > 0) notes.redacted.push(notes.name);
  return list;
}

/** Allow-listed variables as `process.environment_variable.<NAME>`. */
const environment = (redact: boolean): Spread => ({
  names: at.ATTR_PROCESS_ENVIRONMENT_VARIABLE('<NAME>'),
  read(event, notes) {
    const list: [string, AttributeValue][] = [];
    eachString(event, e.environment, (from, to) => {
      // The padding between strings is empty: a search would run through the rest of the batch.
      if (from === to) return;
      const equals = event.bytes.indexOf(0x3d, from);
      if (equals < 0 || equals >= to) return;
      const variable = event.bytes.toString('latin1', from, equals);
      const name = at.ATTR_PROCESS_ENVIRONMENT_VARIABLE(variable);
      const hide = redact && isSecretVariable(variable, event.bytes.toString('latin1', equals + 1, to));
      if (hide) notes.redacted.push(name);
      else if (needsEscape(event.bytes, equals + 1, to)) notes.escaped.push(name);
      list.push([name, hide ? MARK : decodeText(event.bytes, equals + 1, to)]);
    });
    return list;
  },
});

/** A path as it was passed to execve, made absolute from the working directory. */
function givenPath(field: Field): Column {
  return computed('string', (event, _process, notes) => {
    const start = event.textStart(field);
    const end = start + event.textLength(field);
    if (end === start) return undefined;
    const absolute = event.bytes[start] === 0x2f;
    const cwd = absolute ? 0 : PathText.turn(event.bytes, event.textStart(e.cwd), event.textLength(e.cwd));
    const escaped = needsEscape(event.bytes, start, end) || needsEscape(PathText.bytes, 0, cwd);
    if (escaped) notes.escaped.push(notes.name);
    const given = decodeText(event.bytes, start, end, escaped);
    if (cwd === 0) return given;
    const from = decodeText(PathText.bytes, 0, cwd, escaped);
    return `${from === '/' ? '' : from}/${given}`;
  });
}

const ancestry = computed('string[]', (_event: RawEvent, process: Process) =>
  process.ancestry.length > 0 ? process.ancestry : undefined,
);

/** The event; `redact` hides secrets in argv and environment. */
export function processExec({ redact }: { redact: boolean }): EventDefinition {
  const args = computed(
    'string[]',
    (event, _process, notes) => argumentsOf(event, redact, notes),
    (event, _process, out) => {
      const joined = argumentsOf(event, redact, {
        name: '',
        escaped: [],
        redacted: [],
      }).join(' ');
      out.text(joined.length > SUMMARY_CHARACTERS ? `${joined.slice(0, SUMMARY_CHARACTERS - 1)}…` : joined);
      return true;
    },
  );
  return {
    name: 'agentsmith.process.exec',
    type: EventType.PROCESS_EXEC,
    dataType: 59,
    severity: Severity.INFO,
    about: 'A program was started: what runs, with which arguments, for whom.',
    fullBlock: true,
    attributes: {
      [at.ATTR_PROCESS_COMMAND_ARGS]: args,
      [at.ATTR_PROCESS_ARGS_COUNT]: int(e.argc),
      [at.PROCESS_COMMAND_ARGS_SIZE]: int(e.argvSize),
      [at.PROCESS_COMMAND_ARGS_TRUNCATED]: when(flag(e.flags, ExecFlag.ARGV_TRUNCATED), constant(true)),
      [at.ATTR_PROCESS_WORKING_DIRECTORY]: path(e.cwd),
      [at.PROCESS_STDIN_PATH]: descriptor(e.stdin),
      [at.PROCESS_STDOUT_PATH]: descriptor(e.stdout),
      [at.PROCESS_STDERR_PATH]: descriptor(e.stderr),
      [at.PROCESS_SCRIPT_PATH]: givenPath(e.script),
      [at.PROCESS_INTERPRETER_PATH]: givenPath(e.interpreter),
      [at.PROCESS_ANCESTRY]: ancestry,
    },
    spread: environment(redact),
    summary: [at.ATTR_PROCESS_COMMAND_ARGS],
    programs: ['process_exec'],
  };
}
