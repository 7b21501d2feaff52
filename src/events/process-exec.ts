// SPDX-License-Identifier: Apache-2.0
import { EventType, ExecFlag, processExec as e } from '../decode/layout.gen.ts';
import type { Field, RawEvent } from '../decode/record.ts';
import { decodeText, eachString, needsEscape, PathText } from '../decode/text.ts';
import { isSecretVariable } from '../enrich/redact.ts';
import { digitCount, key, type Packed, packed } from '../otlp-bytes.ts';
import type { AttributeValue } from '../otlp-writer.ts';
import * as at from '../semconv.ts';
import { type Column, computed, constant, errno, flag, hasText, int, notAll, when } from './column.ts';
import { recurringPath } from './column-text.ts';
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

/** What a pipe or socket without a place is shown as. */
interface Unplaced {
  readonly name: 'pipe' | 'socket';
  readonly bytes: Packed;
}
const unplaced = (name: Unplaced['name']): Unplaced => ({ name, bytes: packed(Buffer.from(`${name}:[`)) });
const [PIPE, SOCKET] = [unplaced('pipe'), unplaced('socket')];

/** What /proc/PID/fd/N shows: a path, `pipe:[inode]`, `socket:[inode]`, `anon_inode:[eventfd]`; absent when closed. */
function descriptor(fd: Descriptor): Column {
  const turn = (event: RawEvent) =>
    PathText.turn(event.bytes, event.textStart(fd.path), event.textLength(fd.path));
  // It has an empty name, or the protocol's; one in a file system has a path.
  const unplacedOf = (event: RawEvent, length: number): Unplaced | undefined => {
    if (length === 0 || (length > 1 && PathText.bytes[0] === 0x2f)) return undefined;
    const kind = event.u32(fd.mode) & S_IFMT;
    return kind === S_IFIFO ? PIPE : kind === S_IFSOCK ? SOCKET : undefined;
  };
  const shown = computed('string', (event, _process, notes) => {
    const length = turn(event);
    if (length === 0) return undefined;
    const what = unplacedOf(event, length);
    if (what) return `${what.name}:[${event.u64(fd.inode)}]`;
    if (needsEscape(PathText.bytes, 0, length)) notes.escaped.push(notes.name);
    const name = decodeText(PathText.bytes, 0, length);
    return name.startsWith('[') ? `anon_inode:${name}` : name;
  });
  const asPath = recurringPath(fd.path);
  return {
    ...shown,
    writer: (name) => {
      const k = key(name);
      const [writePath, writeShown] = [asPath.writer(name), shown.writer(name)];
      return (event, process, out, notes) => {
        if (PathText.isRooted(event.bytes, event.textStart(fd.path), event.textLength(fd.path)))
          return writePath(event, process, out, notes);
        const what = unplacedOf(event, turn(event));
        const inode = event.number64(fd.inode);
        if (!what || inode > Number.MAX_SAFE_INTEGER) return writeShown(event, process, out, notes);
        out.stringAttribute(k, what.bytes.length + digitCount(inode) + 1);
        out.packed(what.bytes);
        out.digits(inode);
        out.byte(0x5d);
      };
    },
  };
}

/** Allow-listed variables as `process.environment_variable.<NAME>`. */
const environment = (redact: boolean): Spread => ({
  names: at.ATTR_PROCESS_ENVIRONMENT_VARIABLE('<NAME>'),
  field: e.environment,
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
      const hide = redact && isSecretVariable(variable, event.bytes, equals + 1, to);
      if (hide) notes.redacted.push(name);
      else if (needsEscape(event.bytes, equals + 1, to)) notes.escaped.push(name);
      list.push([name, hide ? MARK : decodeText(event.bytes, equals + 1, to)]);
    });
    return list;
  },
});

const failed = flag(e.flags, ExecFlag.FAILED);
const truncated = flag(e.flags, ExecFlag.ARGV_TRUNCATED);
const started = notAll(e.flags, ExecFlag.FAILED);
/** Of a failed exec nobody counted what was not read. */
const isCounted = notAll(e.flags, ExecFlag.FAILED | ExecFlag.ARGV_TRUNCATED);

/** A path as it was passed to execve, made absolute from the working directory, or from `base` where that is set. */
function givenPath(field: Field, base?: Field): Column {
  return computed('string', (event, _process, notes) => {
    const start = event.textStart(field);
    const end = start + event.textLength(field);
    const from = base && event.textLength(base) > 0 ? base : e.cwd;
    if (end === start && from === e.cwd) return undefined;
    const absolute = event.bytes[start] === 0x2f && end > start;
    const cwd = absolute ? 0 : PathText.turn(event.bytes, event.textStart(from), event.textLength(from));
    const escaped = needsEscape(event.bytes, start, end) || needsEscape(PathText.bytes, 0, cwd);
    if (escaped) notes.escaped.push(notes.name);
    const given = decodeText(event.bytes, start, end, escaped);
    if (cwd === 0) return given;
    const folder = decodeText(PathText.bytes, 0, cwd, escaped);
    if (end === start) return folder;
    return `${folder === '/' ? '' : folder}/${given}`;
  });
}

const ancestry: Column = {
  type: 'string[]',
  read: (_event, { ancestry: { labels } }) => (labels.length > 0 ? labels : undefined),
  writer: (name) => {
    const k = key(name);
    return (_event, process, out) => process.ancestry.write(k, out);
  },
};

/** Of execve and execveat in each ABI: a kernel has those of its own architecture. */
const CALLS = [
  'process_exec_call',
  'process_exec_at_call',
  'process_exec_compat_call',
  'process_exec_at_compat_call',
  'process_exec_arm64_call',
  'process_exec_at_arm64_call',
];

/** The event; `redact` hides secrets in argv and environment. */
export function processExec({ redact }: { redact: boolean }): EventDefinition {
  return {
    name: 'agentsmith.process.exec',
    type: EventType.PROCESS_EXEC,
    dataType: 59,
    severity: Severity.INFO,
    about: 'A program was started, or could not be: what runs, with which arguments, for whom.',
    fullBlock: true,
    attributes: {
      [at.ATTR_PROCESS_COMMAND_ARGS]: commandArgs(e.argv, redact),
      [at.ATTR_PROCESS_ARGS_COUNT]: when(isCounted, int(e.argc)),
      [at.PROCESS_COMMAND_ARGS_SIZE]: when(isCounted, int(e.argvSize)),
      [at.PROCESS_COMMAND_ARGS_TRUNCATED]: when(truncated, constant(true)),
      [at.PROCESS_ENVIRONMENT_TRUNCATED]: when(flag(e.flags, ExecFlag.ENVIRONMENT_TRUNCATED), constant(true)),
      [at.ATTR_PROCESS_WORKING_DIRECTORY]: recurringPath(e.cwd),
      [at.PROCESS_STDIN_PATH]: descriptor(e.stdin),
      [at.PROCESS_STDOUT_PATH]: descriptor(e.stdout),
      [at.PROCESS_STDERR_PATH]: descriptor(e.stderr),
      [at.PROCESS_SCRIPT_PATH]: when(hasText(e.script), when(started, givenPath(e.script))),
      [at.PROCESS_INTERPRETER_PATH]: when(hasText(e.interpreter), givenPath(e.interpreter)),
      [at.PROCESS_ANCESTRY]: ancestry,
      [at.ATTR_ERROR_TYPE]: when(failed, errno(e.result)),
      [at.ATTR_FILE_PATH]: when(failed, givenPath(e.script, e.executable)),
      [at.FILE_UNRESOLVED]: when(failed, constant(true)),
      [at.UNVERIFIED]: when(failed, constant([at.ATTR_PROCESS_COMMAND_ARGS, at.ATTR_FILE_PATH])),
    },
    spread: environment(redact),
    summary: [at.ATTR_PROCESS_COMMAND_ARGS, [': ', at.ATTR_ERROR_TYPE]],
    programs: {
      always: ['process_exec'],
      A: CALLS,
      alongSyscalls: ['process_exec_exit'],
      optional: CALLS,
    },
  };
}
