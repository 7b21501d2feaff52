// SPDX-License-Identifier: Apache-2.0
import { EventType, processExit as e } from '../decode/layout.gen.ts';
import { SIGNAL_NAMES } from '../decode/names.ts';
import type { RawEvent } from '../decode/record.ts';
import type { Writer } from '../otlp-writer.ts';
import * as at from '../semconv.ts';
import { computed, constant, enumerated, when } from './column.ts';
import { type EventDefinition, Severity } from './event.ts';

const signalOf = (event: RawEvent) => event.u32(e.status) & 0x7f;
const codeOf = (event: RawEvent) => (event.u32(e.status) >>> 8) & 0xff;
const lived = (event: RawEvent) => (event.number64(e.header.time) - event.number64(e.who.start)) / 1e9;
/** Real-time signals are named from SIGRTMIN on; 32 and 33 belong to the C library. */
function signalName(signal: number): string {
  if (signal < 34) return SIGNAL_NAMES.get(signal) ?? `SIG${signal}`;
  return signal === 34 ? 'SIGRTMIN' : `SIGRTMIN+${signal - 34}`;
}
const NAMES = new Map(Array.from({ length: 64 }, (_, i) => [i + 1, signalName(i + 1)]));

/** A duration for people: 0.4 ms, 1.2 s, 3 min. */
export function shortDuration(seconds: number): string {
  if (seconds < 1) return `${(seconds * 1000).toFixed(1)} ms`;
  if (seconds < 600) return `${seconds.toFixed(1)} s`;
  return `${Math.floor(seconds / 60)} min`;
}

/** {@link shortDuration} as bytes: where the digit behind the point is beyond doubt no string is made. */
export function writeShortDuration(seconds: number, out: Writer): void {
  const value = seconds < 1 ? seconds * 1000 : seconds;
  const scaled = value * 10;
  const tenths = Math.floor(scaled);
  const rest = scaled - tenths;
  // toFixed rounds the exact value, which the product no longer is: half a tenth could fall to either side.
  if (!(seconds >= 0 && seconds < 600) || Math.abs(rest - 0.5) < 1e-6) {
    out.text(shortDuration(seconds));
    return;
  }
  const rounded = rest > 0.5 ? tenths + 1 : tenths;
  const whole = (rounded / 10) | 0;
  out.digits(whole);
  out.byte(0x2e);
  out.byte(48 + rounded - whole * 10);
  out.byte(0x20);
  if (seconds < 1) out.byte(0x6d);
  out.byte(0x73);
}

export const processExit: EventDefinition = {
  name: 'agentsmith.process.exit',
  type: EventType.PROCESS_EXIT,
  dataType: 60,
  severity: Severity.DEBUG,
  about: 'A whole process ended: once, when its last thread left.',
  fullBlock: true,
  attributes: {
    [at.ATTR_PROCESS_EXIT_CODE]: when(
      (event) => signalOf(event) === 0,
      computed('int', codeOf, (event, _process, out) => {
        out.text('exit ');
        out.digits(codeOf(event));
        return true;
      }),
    ),
    [at.PROCESS_EXIT_SIGNAL]: enumerated(signalOf, NAMES),
    [at.PROCESS_CORE_DUMPED]: when((event) => (event.u32(e.status) & 0x80) !== 0, constant(true)),
    [at.PROCESS_DURATION]: computed('double', lived, (event, _process, out) => {
      writeShortDuration(lived(event), out);
      return true;
    }),
  },
  summary: [at.ATTR_PROCESS_EXIT_CODE, at.PROCESS_EXIT_SIGNAL, ' after ', at.PROCESS_DURATION],
  programs: { always: ['process_exit'] },
};
