// SPDX-License-Identifier: Apache-2.0
import type { ReadableEvent } from '../events/event.ts';
import { Severity } from '../events/event.ts';
import * as at from '../semconv.ts';

const RESET = '\x1b[0m';
const DIM = '\x1b[2m';
const COLOURS: Readonly<Record<string, string>> = { exec: '\x1b[32m', exit: '\x1b[90m', connect: '\x1b[36m' };
const WARNING = '\x1b[33m';

/** Widths of the columns before the summary: time, event, process. */
const EVENT_WIDTH = 15;
const PROCESS_WIDTH = 22;

/**
 * Makes bytes that an attacker chose harmless on a terminal: control characters and those that change the direction of
 * text become \xNN or \u{N}.
 */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replace(/[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g, (c) => {
    const code = c.charCodeAt(0).toString(16);
    return code.length <= 2 ? `\\x${code.padStart(2, '0')}` : `\\u{${code}}`;
  });
}

/** Cuts to `width` characters, the last one an ellipsis when something was cut. */
function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}

/** Local time of day, to the millisecond. */
function timeOfDay(nanoseconds: bigint): string {
  const date = new Date(Number(nanoseconds / 1_000_000n));
  const two = (n: number) => `${n}`.padStart(2, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${`${date.getMilliseconds()}`.padStart(3, '0')}`;
}

/** One line for people: time, event, process, the event's summary; at most `columns` wide. */
export function consoleLine(record: ReadableEvent, options: { columns: number; colour: boolean }): string {
  const { attributes } = record;
  const event = record.eventName.replace('agentsmith.', '');
  const name = attributes[at.ATTR_PROCESS_EXECUTABLE_NAME] ?? attributes[at.ATTR_THREAD_NAME];
  const pid = attributes[at.ATTR_PROCESS_PID];
  const process = pid === undefined ? '' : `${printable(`${name ?? ''}`)}[${pid}]`;
  const head = `${timeOfDay(record.time)} ${event.padEnd(EVENT_WIDTH)} ${cut(process, PROCESS_WIDTH).padEnd(PROCESS_WIDTH)} `;
  const summary = cut(printable(record.body ?? ''), options.columns - head.length);
  if (!options.colour) return `${head}${summary}`.trimEnd();
  const colour =
    record.severityNumber >= Severity.WARN
      ? WARNING
      : (COLOURS[event.slice(event.lastIndexOf('.') + 1)] ?? '');
  return `${DIM}${head.slice(0, 12)}${RESET} ${colour}${head.slice(13, 13 + EVENT_WIDTH)}${RESET}${head.slice(13 + EVENT_WIDTH)}${summary}`;
}
