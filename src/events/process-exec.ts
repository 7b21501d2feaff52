// SPDX-License-Identifier: Apache-2.0
import { EventType, ExecFlag, processExec as e } from '../decode/layout.gen.ts';
import type { Field, RawEvent } from '../decode/record.ts';
import { decodeText, eachString, needsEscape, PathText } from '../decode/text.ts';
import type { Process } from '../enrich/process.ts';
import { isSecretVariable } from '../enrich/redact.ts';
import type { AttributeValue } from '../otlp-writer.ts';
import * as at from '../semconv.ts';
import { type Column, computed, constant, flag, int, path, when } from './column.ts';
import { commandArgs, MARK } from './command-args.ts';
import { type EventDefinition, Severity, type Spread } from './event.ts';

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
  const shown = computed('string', (event, _process, notes) => {
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
  const asPath = path(fd.path);
  return {
    ...shown,
    writer: (name) => {
      const [writePath, writeShown] = [asPath.writer(name), shown.writer(name)];
      return (event, process, out, notes) => {
        const isPath = PathText.isRooted(event.bytes, event.textStart(fd.path), event.textLength(fd.path));
        (isPath ? writePath : writeShown)(event, process, out, notes);
      };
    },
  };
}

/** Allow-listed variables as `process.environment_variable.<NAME>`. */
const environment = (redact: boolean): Spread => ({
  names: at.ATTR_PROCESS_ENVIRONMENT_VARIABLE('<NAME>'),
  read(event, notes) {
    const list: [string, AttributeValue][] = [];
    if (event.textLength(e.environment) === 0) return list;
    const start = event.textStart(e.environment);
    eachString(event.bytes, start, start + event.textLength(e.environment), (from, to) => {
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
  return {
    name: 'agentsmith.process.exec',
    type: EventType.PROCESS_EXEC,
    dataType: 59,
    severity: Severity.INFO,
    about: 'A program was started: what runs, with which arguments, for whom.',
    fullBlock: true,
    attributes: {
      [at.ATTR_PROCESS_COMMAND_ARGS]: commandArgs(e.argv, redact),
      [at.ATTR_PROCESS_ARGS_COUNT]: int(e.argc),
      [at.PROCESS_COMMAND_ARGS_SIZE]: int(e.argvSize),
      [at.PROCESS_COMMAND_ARGS_TRUNCATED]: when(flag(e.flags, ExecFlag.ARGV_TRUNCATED), constant(true)),
      [at.PROCESS_ENVIRONMENT_TRUNCATED]: when(flag(e.flags, ExecFlag.ENVIRONMENT_TRUNCATED), constant(true)),
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
    programs: { always: ['process_exec'] },
  };
}
