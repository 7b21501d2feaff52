// SPDX-License-Identifier: Apache-2.0
import type { EventDefinition } from './event.ts';
import { fileEvents } from './file.ts';
import { networkConnect } from './network-connect.ts';
import { processExec } from './process-exec.ts';
import { processExit } from './process-exit.ts';

/** Every event, in the order of the docs. A new one is a line here (CONTRIBUTING.md). */
export function eventDefinitions(options: { redact: boolean }): readonly EventDefinition[] {
  return [processExec(options), processExit, networkConnect, ...fileEvents];
}

/** Programs that run whatever events are on: they tell user space which processes there are. */
export const COMMON_PROGRAMS: readonly string[] = ['process_fork', 'process_exec', 'process_exit'];
