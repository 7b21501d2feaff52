// SPDX-License-Identifier: Apache-2.0
import type { Settings } from '../config/command-line.ts';
import type { ExitCode } from '../config/exit-codes.ts';
import { StatusSource } from '../health/status.ts';
import { divertLog } from '../log.ts';
import { openHost } from '../sources.ts';
import { Activity } from '../watch/activity.ts';
import { layout } from '../watch/layout.ts';
import { canDraw, Screen } from '../watch/screen.ts';
import { chosenEvents, tellHooks } from './live.ts';
import { agentOf, runAgent } from './run.ts';

/**
 * `watch`: the busiest processes and the last events on a screen; the lines of `run` where there is no terminal.
 * Nothing is sent.
 *
 * @throws SensorError
 */
export async function watchCommand(given: Settings): Promise<ExitCode> {
  const settings: Settings = { ...given, output: 'console', exporting: false };
  const events = chosenEvents(settings);
  const host = openHost(settings, events);
  tellHooks(host.sensor, events);
  if (!canDraw(process.stdout, process.env.TERM))
    return runAgent(agentOf(settings, host, {}), settings, new Promise(() => {}));

  const activity = new Activity();
  const agent = agentOf(settings, host, { print: activity.take });
  const source = new StatusSource(agent, { destination: 'this terminal', sends: false });
  const { promise: quit, resolve: onQuit } = Promise.withResolvers<undefined>();
  let notice: string | undefined;
  const lines = (size: { columns: number; rows: number }) =>
    layout(
      { status: source.read(), activity, now: Date.now(), ...(notice !== undefined && { notice }) },
      { ...size, colour: !settings.noColor },
    );
  const screen = new Screen(process.stdin, process.stdout, lines, () => onQuit(undefined));
  const close = () => {
    screen.close();
    divertLog();
  };
  try {
    return await runAgent(agent, settings, quit, {
      ready: () => {
        divertLog((line) => {
          notice = line;
        });
        screen.open();
      },
      stopping: close,
      close,
    });
  } finally {
    close();
  }
}
