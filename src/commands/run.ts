// SPDX-License-Identifier: Apache-2.0
import { Agent, type AgentOptions } from '../agent.ts';
import type { Settings } from '../config/command-line.ts';
import { ExitCode } from '../config/exit-codes.ts';
import type { ReadableEvent } from '../events/event.ts';
import { consoleLine } from '../export/console.ts';
import { type DestinationOptions, exporterFor } from '../export/destination.ts';
import type { FileStatus } from '../export/file-exporter.ts';
import { jsonLine } from '../export/json.ts';
import { hostFacts, hostResource } from '../export/resource.ts';
import { log } from '../log.ts';
import { openHost, openRecording, type Source } from '../sources.ts';
import { chosenEvents, howToStop, tellHooks } from './live.ts';
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
  if (settings.output !== 'console' && settings.output !== 'json') return {};
  const printer = new Printer(settings);
  return { print: printer.print, flushPrint: printer.flush };
}

interface Destination extends Pick<AgentOptions, 'exporter'> {
  /** For people: where records go. */
  readonly words: string;
}

function tellFile(path: string, status: FileStatus): void {
  if (status.kind === 'failed')
    log.warn(`${status.error.message}; records are left out of the file and counted until it can be written`);
  else if (status.kind === 'recovered')
    log.info(`${path}: takes records again, ${status.missing} are missing in it`);
  else log.warn(`${path}: ${status.missing} records are missing in it`);
}

function fileOf(settings: Settings): DestinationOptions['file'] {
  if (!settings.output.startsWith('file:')) return undefined;
  const path = settings.output.slice('file:'.length);
  return {
    path,
    maxBytes: settings.outputSize,
    keep: settings.outputFiles,
    onState: (status) => tellFile(path, status),
  };
}

/** Where the settings send records. @throws EndpointError */
function destination(settings: Settings): Destination {
  const resource = hostResource(hostFacts());
  const file = fileOf(settings);
  const words = file ? [`${file.path} (OTLP-JSON, one request a line)`] : [];
  if (!settings.exporting) {
    const exporter = exporterFor({ resource, ...(file && { file }) });
    if (exporter) return { words: words[0]!, exporter };
    return {
      words: settings.output === 'none' ? 'nowhere (--output none)' : 'this terminal; --endpoint sends them',
    };
  }
  const { logs, metrics } = receivers(settings);
  const receiver: DestinationOptions['receiver'] = {
    pipeline: settings.pipeline,
    logs,
    metrics,
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
  words.unshift(`${receiverWords(logs)}${lane}`);
  return {
    words: words.join(' and '),
    exporter: exporterFor({ resource, receiver, ...(file && { file }) })!,
  };
}

/** The agent that the settings ask for. */
function agentOf(
  settings: Settings,
  { sensor, host, seeds }: Source,
  exporting: Omit<Destination, 'words'>,
): Agent {
  return new Agent({
    sensor,
    events: chosenEvents(settings),
    detail: settings.detail,
    body: !settings.noBody,
    host,
    ...(seeds && { seeds }),
    ...(settings.tree !== undefined && { tree: settings.tree }),
    ...printing(settings),
    ...exporting,
  });
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

/** `run`: the kernel's events to a terminal, a receiver or a file. @throws SensorError, EndpointError, OutputFileError */
export async function runCommand(settings: Settings): Promise<ExitCode> {
  const events = chosenEvents(settings);
  const { words, ...exporting } = destination(settings);
  const source = openHost(settings, events);
  tellHooks(source.sensor, events);
  log.info(`records: ${words}`);
  if (settings.noRedact) log.warn('secrets in arguments and environment are shown (--no-redact)');
  return runAgent(agentOf(settings, source, exporting), settings, new Promise(() => {}));
}

/**
 * `replay FILE`: a recording through everything behind the ring.
 * @throws RecordingError, EndpointError, OutputFileError
 */
export async function replayCommand(file: string, settings: Settings): Promise<ExitCode> {
  const { promise: ended, resolve: onEnd } = Promise.withResolvers<Error | undefined>();
  const source = openRecording(file, { fast: settings.fast, onEnd });
  const { words, ...exporting } = destination(settings);
  log.info(`records: ${words}`);
  return runAgent(agentOf(settings, source, exporting), settings, ended);
}
