// SPDX-License-Identifier: Apache-2.0
import { Agent, type AgentOptions } from '../agent.ts';
import type { Settings } from '../config/command-line.ts';
import { ExitCode } from '../config/exit-codes.ts';
import { readSeeds } from '../enrich/proc.ts';
import { Users } from '../enrich/users.ts';
import type { ReadableEvent } from '../events/event.ts';
import { consoleLine } from '../export/console.ts';
import { type Exporter, type ExporterOptions, FastExporter, StockExporter } from '../export/exporter.ts';
import { jsonLine } from '../export/json.ts';
import { hostFacts, hostResource } from '../export/resource.ts';
import type { Ledger } from '../ledger.ts';
import { log } from '../log.ts';
import { RecordingReader, ReplaySensor } from '../sensor/recording.ts';
import { chosenEvents, howToStop, openSensor, tellHooks, thisHost } from './live.ts';
import { receivers, receiverWords } from './receivers.ts';

/** What a stop waits for the receiver: within the 10 s that container runtimes and systemd give or more. */
const FLUSH_MS = 5000;

/** Lines of one drain, written at once. */
class Printer {
  #lines: string[] = [];
  readonly #format: (record: ReadableEvent) => string;

  constructor(settings: Settings) {
    const { isTTY, columns } = process.stdout;
    const options = {
      // A terminal that does not know its size says 0.
      columns: Math.min((isTTY && columns) || 100, 100),
      colour: isTTY === true && !settings.noColor,
    };
    this.#format = settings.output === 'json' ? jsonLine : (record) => consoleLine(record, options);
  }

  readonly print = (record: ReadableEvent): void => {
    this.#lines.push(this.#format(record));
  };

  readonly flush = (): void => {
    if (this.#lines.length === 0) return;
    process.stdout.write(`${this.#lines.join('\n')}\n`);
    this.#lines = [];
  };
}

function printing(settings: Settings): Pick<AgentOptions, 'print' | 'flushPrint'> {
  if (settings.output === 'none') return {};
  const printer = new Printer(settings);
  return { print: printer.print, flushPrint: printer.flush };
}

interface Destination extends Pick<AgentOptions, 'exporter'> {
  /** For people: where records go. */
  readonly words: string;
}

/** Where the settings send records. @throws EndpointError */
function destination(settings: Settings): Destination {
  if (!settings.exporting) {
    const words =
      settings.output === 'none' ? 'nowhere (--output none)' : 'this terminal; --endpoint sends them';
    return { words };
  }
  const { logs, metrics } = receivers(settings);
  const options: ExporterOptions = {
    logs,
    metrics,
    resource: hostResource(hostFacts()),
    queueBytes: settings.queueSize,
    metricsIntervalMs: settings.metricsInterval,
    onState: (status) => {
      if (status.ok) log.info(`${logs.url}: takes records again`);
      else
        log.warn(
          `${status.error.message}; records are kept within ${settings.queueSize >> 20} MiB and sent later`,
        );
    },
    onMetricsState: (status) => {
      if (status.ok) log.info(`${metrics.url}: takes metrics again`);
      else log.warn(`metrics: ${status.error.message}`);
    },
    onPartial: (rejected, message) => log.warn(`${logs.url}: rejected ${rejected} records: ${message}`),
  };
  const lane = settings.pipeline === 'sdk' ? ', by the stock SDK' : '';
  return {
    words: `${receiverWords(logs)}${lane}`,
    exporter: async (ledger: Ledger): Promise<Exporter> =>
      settings.pipeline === 'sdk' ? StockExporter.create(options, ledger) : new FastExporter(options, ledger),
  };
}

/** The last line: what became of everything. */
function tellLedger(agent: Agent): void {
  const { ledger } = agent;
  const sum = (counts: Float64Array) => counts.reduce((total, count) => total + count, 0);
  const lost = [...agent.losses()];
  const exported = sum(ledger.exported) + ledger.exportedMixed;
  const total = lost.reduce((all, { count }) => all + count, 0);
  const reasons = lost.map(
    ({ event, reason, count }) => `${count} ${event.replace('agentsmith.', '')} ${reason}`,
  );
  log.info(
    `${exported} delivered, ${sum(ledger.filtered)} filtered, ${total} lost${total > 0 ? ` (${reasons.join(', ')})` : ''}`,
  );
}

/** Runs an agent until `ended` or a signal; a second signal ends the flush at once. */
async function runAgent(
  agent: Agent,
  settings: Settings,
  ended: Promise<Error | undefined>,
): Promise<ExitCode> {
  let stop: (error?: Error) => void = () => {};
  const stopped = new Promise<Error | undefined>((resolve) => {
    stop = resolve;
  });
  let signals = 0;
  const onSignal = () => {
    if (++signals > 1) {
      agent.abort();
      return;
    }
    if (settings.exporting) log.info('stopping: delivers what is left; Ctrl-C again ends at once');
    stop();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  // A reader that went away (| head) is a wish to stop.
  process.stdout.on('error', () => stop());
  // Only now, when Ctrl-C is heard.
  if (!settings.fast) log.info(howToStop(settings));
  await agent.start();
  const timer = settings.duration === undefined ? undefined : setTimeout(() => stop(), settings.duration);
  const error = await Promise.race([stopped, ended]);
  clearTimeout(timer);
  await agent.stop(FLUSH_MS);
  process.off('SIGINT', onSignal);
  process.off('SIGTERM', onSignal);
  tellLedger(agent);
  if (error) throw error;
  return ExitCode.OK;
}

/** `run`: the kernel's events to a terminal or a receiver. @throws SensorError, EndpointError */
export async function runCommand(settings: Settings): Promise<ExitCode> {
  const events = chosenEvents(settings);
  const seeds = readSeeds();
  const { users, namespaces } = thisHost();
  const { words, ...exporting } = destination(settings);
  const sensor = openSensor(settings, events);
  tellHooks(sensor, events);
  log.info(`records: ${words}`);
  if (settings.noRedact) log.warn('secrets in arguments and environment are shown (--no-redact)');
  const agent = new Agent({
    sensor,
    events,
    detail: settings.detail,
    body: !settings.noBody,
    host: { namespaces, userName: (uid) => users.name(uid) },
    seeds,
    ...(settings.tree !== undefined && { tree: settings.tree }),
    ...printing(settings),
    ...exporting,
  });
  return runAgent(agent, settings, new Promise(() => {}));
}

/** `replay FILE`: a recording through everything behind the ring. @throws RecordingError, EndpointError */
export async function replayCommand(file: string, settings: Settings): Promise<ExitCode> {
  const reader = new RecordingReader(file);
  const users = Users.from(reader.head.users);
  let end: (error: Error | undefined) => void = () => {};
  const ended = new Promise<Error | undefined>((resolve) => {
    end = resolve;
  });
  const { words, ...exporting } = destination(settings);
  log.info(`records: ${words}`);
  const sensor = new ReplaySensor(reader, { fast: settings.fast, onEnd: (error) => end(error) });
  const agent = new Agent({
    sensor,
    events: chosenEvents(settings),
    detail: settings.detail,
    body: !settings.noBody,
    host: { namespaces: reader.head.namespaces, userName: (uid) => users.name(uid) },
    seeds: new Map(Object.entries(reader.head.seeds ?? {}).map(([pid, seed]) => [Number(pid), seed])),
    ...(settings.tree !== undefined && { tree: settings.tree }),
    ...printing(settings),
    ...exporting,
  });
  return runAgent(agent, settings, ended);
}
