// SPDX-License-Identifier: Apache-2.0
import { inspect } from 'node:util';
import { type DiagLogger, DiagLogLevel, diag } from '@opentelemetry/api';
import { printable } from './export/console.ts';

/** OTEL_LOG_LEVEL's words. */
export type LogLevel = 'none' | 'error' | 'warn' | 'info' | 'debug' | 'verbose' | 'all';

const LEVELS: Readonly<Record<LogLevel, DiagLogLevel>> = {
  none: DiagLogLevel.NONE,
  error: DiagLogLevel.ERROR,
  warn: DiagLogLevel.WARN,
  info: DiagLogLevel.INFO,
  debug: DiagLogLevel.DEBUG,
  verbose: DiagLogLevel.VERBOSE,
  all: DiagLogLevel.ALL,
};

const toStderr = (line: string): void => void process.stderr.write(`${line}\n`);
let take = toStderr;

/** Takes the agent's messages while a screen is drawn, instead of stderr; without one they go there again. */
export function divertLog(line: (text: string) => void = toStderr): void {
  take = line;
}

/** One line of stderr; what came from outside cannot break it. */
function write(word: string, message: string, args: readonly unknown[]): void {
  // Batches and the like come as arguments at debug level: their outline is enough.
  const rest = args.map((arg) =>
    typeof arg === 'string' ? arg : inspect(arg, { depth: 0, breakLength: Number.POSITIVE_INFINITY }),
  );
  take(`${word}${printable([message, ...rest].join(' '))}`);
}

const stderr: DiagLogger = {
  error: (message, ...args) => write('error: ', message, args),
  warn: (message, ...args) => write('warning: ', message, args),
  info: (message, ...args) => write('', message, args),
  debug: (message, ...args) => write('debug: ', message, args),
  verbose: (message, ...args) => write('verbose: ', message, args),
};

/**
 * The agent's own messages go to stderr through OpenTelemetry's diag, never through the pipeline that they speak of.
 */
export function setLogLevel(level: LogLevel): void {
  diag.setLogger(stderr, { logLevel: LEVELS[level], suppressOverrideMessage: true });
}

export { diag as log };
