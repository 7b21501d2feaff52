// SPDX-License-Identifier: Apache-2.0
import { setTimeout as pause } from 'node:timers/promises';
import type { Settings } from '../config/command-line.ts';
import { ExitCode } from '../config/exit-codes.ts';
import { askAgents } from '../health/control-socket.ts';
import type { AgentStatus } from '../health/status.ts';
import { statusLine, statusLines } from '../health/status-table.ts';
import { log } from '../log.ts';

/** How often `--watch` looks. */
const WATCH_MS = 1000;
/** To the upper left corner, and what was there is gone. */
const CLEAR = '\x1b[H\x1b[J';

function text(agents: readonly AgentStatus[], { output }: Settings): string {
  if (output === 'json') return agents.map((agent) => `${JSON.stringify(agent)}\n`).join('');
  const [first, ...others] = agents;
  if (others.length === 0) return `${statusLines(first!, process.stdout.columns).join('\n')}\n`;
  return `${agents.map(statusLine).join('\n')}\n--pid PID shows one of them\n`;
}

/** `status`: what the running agents say of themselves; with `--watch` again each second until they end. */
export async function statusCommand(settings: Settings): Promise<ExitCode> {
  const { pid, watch } = settings;
  // A reader that went away (| head) is a wish to stop.
  process.stdout.on('error', () => process.exit(ExitCode.OK));
  for (let isFirst = true; ; isFirst = false) {
    let agents: readonly AgentStatus[];
    try {
      agents = (await askAgents(pid)) as AgentStatus[];
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      const isRefused = code === 'EACCES' || code === 'EPERM';
      log.error(isRefused ? 'status: only root may ask a running agent' : `status: ${message}`);
      return isRefused ? ExitCode.NO_PERMISSION : ExitCode.UNAVAILABLE;
    }
    if (agents.length === 0) {
      if (!isFirst) return ExitCode.OK;
      log.error(pid === undefined ? 'no agent runs here' : `no agent runs here as process ${pid}`);
      return ExitCode.UNAVAILABLE;
    }
    const clear = watch && process.stdout.isTTY && settings.output !== 'json' ? CLEAR : '';
    process.stdout.write(`${clear}${text(agents, settings)}`);
    if (!watch) return ExitCode.OK;
    await pause(WATCH_MS);
  }
}
