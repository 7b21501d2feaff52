// SPDX-License-Identifier: Apache-2.0
import type { ReadableEvent } from '../events/event.ts';
import { Severity } from '../events/event.ts';
import * as at from '../semconv.ts';
import { cells, cut, padded } from './cells.ts';

export const RESET = '\x1b[0m';
export const DIM = '\x1b[2m';
const COLOURS: Readonly<Record<string, string>> = { exec: '\x1b[32m', exit: '\x1b[90m', connect: '\x1b[36m' };
export const WARNING = '\x1b[33m';

/** Widths of the columns before the summary: time, event, process. */
const EVENT_WIDTH = 15;
const PROCESS_WIDTH = 22;

const PLAIN = /^[\x20-\x7e]*$/;
/**
 * Controls, what changes the direction of text, what nobody sees (fillers of Hangul among them), characters of no known
 * width, and marks in towers, which would climb into the lines above.
 */
const HARMFUL = /[\p{C}\p{Zl}\p{Zp}\u115f\u1160\u3164\uffa0]|(?<=\p{M}{2})\p{M}/gu;

/** Makes what an attacker chose harmless on a terminal: such characters become \xNN or \u{N}. */
export function printable(text: string): string {
  if (PLAIN.test(text)) return text;
  return text.replace(HARMFUL, (c) => {
    const code = c.codePointAt(0)!.toString(16);
    return code.length <= 2 ? `\\x${code.padStart(2, '0')}` : `\\u{${code}}`;
  });
}

/** Local time of day, to the millisecond. */
function timeOfDay(nanoseconds: bigint): string {
  const date = new Date(Number(nanoseconds / 1_000_000n));
  const two = (n: number) => `${n}`.padStart(2, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${`${date.getMilliseconds()}`.padStart(3, '0')}`;
}

/** One line for people: time, event, process, the event's summary; at most `columns` cells wide. */
export function consoleLine(record: ReadableEvent, options: { columns: number; colour: boolean }): string {
  const { attributes } = record;
  const event = record.eventName.replace('agentsmith.', '');
  const name = attributes[at.ATTR_PROCESS_EXECUTABLE_NAME] ?? attributes[at.ATTR_THREAD_NAME];
  const pid = attributes[at.ATTR_PROCESS_PID];
  const process = pid === undefined ? '' : `${printable(`${name ?? ''}`)}[${pid}]`;
  const head = `${timeOfDay(record.time)} ${event.padEnd(EVENT_WIDTH)} ${padded(process, PROCESS_WIDTH)} `;
  const summary = cut(printable(record.body ?? ''), options.columns - cells(head));
  if (!options.colour) return `${head}${summary}`.trimEnd();
  const colour =
    record.severityNumber >= Severity.WARN
      ? WARNING
      : (COLOURS[event.slice(event.lastIndexOf('.') + 1)] ?? '');
  return `${DIM}${head.slice(0, 12)}${RESET} ${colour}${head.slice(13, 13 + EVENT_WIDTH)}${RESET}${head.slice(13 + EVENT_WIDTH)}${summary}`;
}
