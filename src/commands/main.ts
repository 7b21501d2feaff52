// SPDX-License-Identifier: Apache-2.0
import { type CommandLine, configFileOf, parseCommandLine } from '../config/command-line.ts';
import { ExitCode } from '../config/exit-codes.ts';
import { helpText } from '../config/help.ts';
import type { EventNames } from '../config/options.ts';
import { UsageError } from '../config/usage-error.ts';
import { VERSION } from '../config/version.ts';
import { eventDefinitions } from '../events/index.ts';
import { EndpointError } from '../export/endpoint.ts';
import { OutputFileError } from '../export/file.ts';
import { log, setLogLevel } from '../log.ts';
import { SensorError } from '../sensor/live.ts';
import { RecordingError } from '../sensor/recording.ts';
import { StateError } from '../state/state-directory.ts';

const definitions = eventDefinitions({ redact: true });
/** The events that `--events` knows; those that are too frequent for everyone are off by default. */
const EVENTS: EventNames = {
  known: definitions.map(({ name }) => name),
  defaults: definitions.filter(({ offByDefault }) => offByDefault !== true).map(({ name }) => name),
};

const SENSOR_CODES: Readonly<Record<string, ExitCode>> = {
  EPERM: ExitCode.NO_PERMISSION,
  ENOLAYOUT: ExitCode.DATA,
};
const FILE_CODES: Readonly<Record<string, ExitCode>> = {
  ENOENT: ExitCode.NO_INPUT,
  EISDIR: ExitCode.NO_INPUT,
  EACCES: ExitCode.NO_PERMISSION,
  EPERM: ExitCode.NO_PERMISSION,
  ENOSPC: ExitCode.IO,
  EIO: ExitCode.IO,
};

/**
 * The exit code of an error that ends the program; errors that are not expected are software errors. `output`: the file
 * that was to be written.
 */
function exitCodeOf(error: unknown, output?: string): ExitCode {
  if (error instanceof UsageError || error instanceof EndpointError) return ExitCode.USAGE;
  if (error instanceof SensorError) return SENSOR_CODES[error.code] ?? ExitCode.UNAVAILABLE;
  if (error instanceof OutputFileError) return ExitCode.CANNOT_CREATE;
  if (error instanceof RecordingError) return ExitCode.DATA;
  if (error instanceof StateError) return error.kind === 'in_use' ? ExitCode.IN_USE : ExitCode.CANNOT_CREATE;
  const { code, syscall, path } = error as NodeJS.ErrnoException;
  if (path !== undefined && path === output) return ExitCode.CANNOT_CREATE;
  return (syscall !== undefined && code !== undefined && FILE_CODES[code]) || ExitCode.SOFTWARE;
}

/** Reads the command line, and the configuration file that it names; again at each SIGHUP. */
async function readCommandLine(args: readonly string[]): Promise<CommandLine> {
  const named = configFileOf(args, process.env, EVENTS);
  if (named === undefined) return parseCommandLine(args, process.env, EVENTS);
  const { readConfigFile } = await import('../config/file.ts');
  try {
    return parseCommandLine(args, process.env, EVENTS, readConfigFile(named.value, EVENTS));
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (syscall === undefined) throw error;
    const message = `${named.name}: cannot read ${named.value} (${code})`;
    throw Object.assign(new Error(message), { code, syscall });
  }
}

/** Runs the command line; returns the exit code. Never throws: an error ends as one line on stderr. */
export async function main(args: readonly string[]): Promise<ExitCode> {
  setLogLevel('info');
  // What nobody catches is a bug; the kernel lets go of everything when the process ends.
  process.on('uncaughtException', (error) => {
    log.error(`a bug in agentsmith-otel: ${error.message} (--log-level debug shows where)`);
    log.debug(error.stack ?? '');
    process.exit(ExitCode.SOFTWARE);
  });
  let output: string | undefined;
  try {
    const line = await readCommandLine(args);
    const { command, file, settings, warnings } = line;
    if (settings.version) {
      process.stdout.write(`${VERSION}\n`);
      return ExitCode.OK;
    }
    if (settings.help) {
      process.stdout.write(helpText(EVENTS, command === 'run' ? undefined : command));
      return ExitCode.OK;
    }
    setLogLevel(settings.logLevel);
    if (command === 'run' || command === 'watch') {
      const [{ reducePrivileges }, { loadNative }] = await Promise.all([
        import('../health/privileges.ts'),
        import('../sensor/native.ts'),
      ]);
      // Before anything is said: after it the program begins anew.
      const kept = reducePrivileges(settings, loadNative);
      if (kept !== undefined) log.warn(kept);
    }
    for (const warning of warnings) log.warn(warning);
    // Each command is loaded when it is asked for: replay needs no addon, --version no SDK.
    switch (command) {
      case 'doctor':
        return await (await import('./doctor.ts')).doctorCommand(settings);
      case 'config':
        return (await import('./config.ts')).configCommand(line);
      case 'status':
        return await (await import('./status.ts')).statusCommand(settings);
      case 'completion':
        process.stdout.write((await import('../config/completion.ts')).completionScript(file!, EVENTS));
        return ExitCode.OK;
      case 'record':
        output = file;
        return await (await import('./record.ts')).recordCommand(file!, settings);
      case 'replay':
        return await (await import('./run.ts')).replayCommand(file!, settings);
      case 'watch':
        return await (await import('./watch.ts')).watchCommand(settings);
      case 'run':
        return await (await import('./run.ts')).runCommand(line, () => readCommandLine(args));
    }
  } catch (error) {
    const code = exitCodeOf(error, output);
    log.error((error as Error).message);
    if (code === ExitCode.SOFTWARE) log.debug((error as Error).stack ?? '');
    return code;
  }
}
