// SPDX-License-Identifier: Apache-2.0
import { type ReadableEvent, Severity } from '../../../src/events/event.ts';

/** When the records of these tests begin: ms since the epoch, 12:00 in the time zone of this machine. */
export const NOON: number = new Date(2026, 0, 1, 12).getTime();

/** A record as the agent prints it. `ms`: after noon. */
export function record(
  pid: number | undefined,
  name: string,
  event: string,
  { ms = 0, body = '', user = 'root', severity = Severity.INFO as number } = {},
): ReadableEvent {
  const time = BigInt(NOON + ms) * 1_000_000n;
  return {
    eventName: `agentsmith.${event}`,
    severityNumber: severity,
    time,
    observed: time,
    body,
    attributes: {
      ...(pid !== undefined && {
        'process.pid': pid,
        'agentsmith.process.id': `${pid}-1`,
        'process.executable.name': name,
        'process.user.name': user,
      }),
    },
  };
}
