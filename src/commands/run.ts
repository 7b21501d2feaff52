// SPDX-License-Identifier: Apache-2.0
import type { Resource } from '@opentelemetry/resources';
import { Agent, type AgentChoice, type AgentOptions } from '../agent.ts';
import type { CommandLine, Settings } from '../config/command-line.ts';
import { ExitCode } from '../config/exit-codes.ts';
import type { ReadableEvent } from '../events/event.ts';
import type { AttributeLimits } from '../events/limits.ts';
import { consoleLine } from '../export/console.ts';
import { type DestinationOptions, exporterFor } from '../export/destination.ts';
import { Meters, type MetricsOptions } from '../export/exporter.ts';
import type { FileStatus } from '../export/file-exporter.ts';
import { jsonLine } from '../export/json.ts';
import type { ReceiverStatus } from '../export/receiver-state.ts';
import { hostFacts, hostResource } from '../export/resource.ts';
import { StatusSource } from '../health/status.ts';
import { ledgerTable } from '../health/status-table.ts';
import { log } from '../log.ts';
import type { LiveSensor } from '../sensor/live.ts';
import { openHost, openRecording, type Source } from '../sources.ts';
import { type Attendants, attend } from './attend.ts';
import { type Keeping, openKeeping } from './keeping.ts';
import { chosenEvents, howToStop, tellHooks } from './live.ts';
import { openReceiver, receiverWords } from './receivers.ts';
import { onHangup } from './reload.ts';

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

interface Destination extends Pick<AgentOptions, 'exporter' | 'meters' | 'kept'> {
  /** For people: where records go. */
  readonly words: string;
  readonly resource: Resource;
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

function metricsOptions(settings: Settings): Omit<MetricsOptions, 'resource'> {
  const { metrics } = settings.receivers;
  return {
    ...(metrics && { metrics: openReceiver(metrics) }),
    ...(settings.metrics.includes('console') && {
      printMetrics: (text: string) => void process.stdout.write(text),
    }),
    metricTimes: { intervalMillis: settings.metricsInterval, timeoutMillis: settings.metricsTimeout },
    temporality: settings.metricsTemporality,
  };
}

function resourceOf({ resourceDetectors: detectors, attributes }: Settings): Resource {
  return hostResource(hostFacts(), { detectors, attributes, nodeName: process.env.K8S_NODE_NAME });
}

/** Records are not sent: where they go instead, and the counters, which may be sent all the same. */
function withoutReceiver(settings: Settings, resource: Resource): Destination {
  const file = fileOf(settings);
  const exporter = exporterFor({ resource, ...(file && { file }) });
  const cause = settings.logsExporter?.includes('none') ? 'the logs exporter is none' : '--output none';
  const words = file
    ? fileWords(file.path)
    : settings.output === 'none'
      ? `nowhere (${cause})`
      : 'this terminal; --endpoint sends them';
  const onMetricsState = (status: ReceiverStatus) => {
    if (status.ok) log.info('the receiver takes metrics');
    else log.warn(`metrics: ${status.error.message}`);
  };
  return {
    words,
    resource,
    ...(exporter && { exporter }),
    ...(settings.metrics.length > 0 && {
      meters: () => new Meters({ ...metricsOptions(settings), resource, onMetricsState }),
    }),
  };
}

const fileWords = (path: string): string => `${path} (OTLP-JSON, one request a line)`;

/** Where the settings send records; `onOutcome` is told how the receiver is. @throws EndpointError */
function destination(
  settings: Settings,
  onOutcome: (status: ReceiverStatus) => void,
  keeping: Keeping | undefined,
): Destination {
  const resource = resourceOf(settings);
  if (!settings.receivers.logs) return withoutReceiver(settings, resource);
  const file = fileOf(settings);
  const logs = openReceiver(settings.receivers.logs);
  const receiver: DestinationOptions['receiver'] = {
    ...metricsOptions(settings),
    ...(keeping && { kept: keeping }),
    pipeline: settings.pipeline,
    logs,
    queueBytes: settings.queueSize,
    batching: {
      maxRecords: settings.batchRecords,
      ageMs: settings.batchDelay,
      timeoutMs: settings.batchTimeout,
      limits: limitsOf(settings),
      ...(settings.queueRecords !== undefined && { queueRecords: settings.queueRecords }),
    },
    onOutcome,
    onState: (status) => {
      if (status.ok) log.info(`${logs.url}: takes records again`);
      else log.warn(`${status.error.message}; records are kept within ${keptWithin(settings, keeping)}`);
    },
    onMetricsState: (status) => {
      if (status.ok) log.info(`${receiver?.metrics?.url}: takes metrics again`);
      else log.warn(`metrics: ${status.error.message}`);
    },
    onPartial: (rejected, message) => log.warn(`${logs.url}: rejected ${rejected} records: ${message}`),
  };
  const lane = settings.pipeline === 'sdk' ? ', by the stock SDK' : '';
  const words = [`${receiverWords(logs)}${lane}`];
  if (file) words.push(fileWords(file.path));
  return {
    words: words.join(' and '),
    resource,
    exporter: exporterFor({ resource, receiver, ...(file && { file }) })!,
    ...(keeping && { kept: { uncleanSince: keeping.mark.uncleanSince, spool: keeping.spool } }),
  };
}

function keptWithin({ queueSize, spoolSize }: Settings, keeping: Keeping | undefined): string {
  return `${(keeping ? spoolSize : queueSize) / 2 ** 20} MiB${keeping ? ' on disk' : ''} and sent later`;
}

function limitsOf({ attributeCountLimit, attributeValueLengthLimit }: Settings): AttributeLimits {
  return {
    ...(attributeCountLimit !== undefined && { count: attributeCountLimit }),
    ...(attributeValueLengthLimit !== undefined && { valueLength: attributeValueLengthLimit }),
  };
}

/** Which records there are and how they are made: what can change while the agent runs. */
export function choiceOf(settings: Settings): AgentChoice {
  return {
    events: chosenEvents(settings),
    detail: settings.detail,
    body: !settings.noBody,
    // The stock SDK has limits of its own, and counts what it leaves out.
    ...(settings.pipeline !== 'sdk' && { limits: limitsOf(settings) }),
  };
}

/** The agent that the settings ask for; `exporting`: where its records go, beside or instead of being printed. */
export function agentOf(
  settings: Settings,
  { sensor, host, seeds }: Source,
  exporting: Pick<AgentOptions, 'exporter' | 'meters' | 'kept' | 'print'>,
): Agent {
  return new Agent({
    sensor,
    ...choiceOf(settings),
    host,
    ...(seeds && { seeds }),
    ...(settings.tree !== undefined && { tree: settings.tree }),
    ...printing(settings),
    ...exporting,
  });
}

/** The last line: what became of everything; with losses behind the books of the events that lost something. */
function tellLedger(agent: Agent): void {
  const { events, mixed, totals } = new StatusSource(agent, { destination: '', sends: false }).read();
  const { exported, filtered, lost } = totals;
  const table = ledgerTable({ events, mixed, totals }, process.stderr.columns);
  if (lost > 0) for (const line of table) log.info(line);
  const spooled = agent.ledger.spooled.reduce((total, count) => total + count, 0);
  const reasons = [...agent.losses()].map(
    ({ event, reason, count }) => `${count} ${event.replace('agentsmith.', '')} ${reason}`,
  );
  log.info(
    `${exported} delivered, ${filtered} filtered, ${lost} lost${lost > 0 ? ` (${reasons.join(', ')})` : ''}${spooled > 0 ? `; ${spooled} wait on disk` : ''}`,
  );
}

/** Runs an agent until `ended` or a signal; a second signal ends the flush at once. @throws the error that ended it */
export async function runAgent(
  agent: Agent,
  settings: Settings,
  ended: Promise<Error | undefined>,
  attendants?: Attendants,
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
  attendants?.ready();
  const timer = settings.duration === undefined ? undefined : setTimeout(() => stop(), settings.duration);
  const error = await Promise.race([stopped, ended]);
  clearTimeout(timer);
  attendants?.stopping();
  await agent.stop(FLUSH_MS);
  attendants?.close();
  process.off('SIGINT', onSignal);
  process.off('SIGTERM', onSignal);
  tellLedger(agent);
  if (error) throw error;
  return ExitCode.OK;
}

/**
 * `run`: the kernel's events to a terminal, a receiver or a file. `reread` reads the settings anew, for SIGHUP.
 *
 * @throws SensorError, EndpointError, OutputFileError, StateError
 */
export async function runCommand(line: CommandLine, reread: () => Promise<CommandLine>): Promise<ExitCode> {
  const { settings } = line;
  let apply: (next: Settings, before: Settings) => void = () => {};
  // Before the kernel is opened, which takes a while: a SIGHUP that nobody hears ends the program.
  const stopReloading =
    settings.config === undefined ? () => {} : onHangup(line, reread, (...both) => apply(...both));
  try {
    return await withKeeping(settings, async (keeping) => {
      const { agent, sensor, source, resource } = watch(settings, keeping);
      apply = (next, before) => reconfigure(agent, sensor, next, before);
      const attendants = await attend(agent, settings, source, resource);
      return runAgent(agent, settings, new Promise(() => {}), attendants);
    });
  } finally {
    stopReloading();
  }
}

/** Opens `--state-dir`, where there is something to keep in it. @throws StateError */
async function keepingOf(settings: Settings): Promise<Keeping | undefined> {
  const { stateDir, receivers, pipeline, spoolSize } = settings;
  if (stateDir === undefined) return undefined;
  if (receivers.logs && pipeline !== 'sdk')
    return openKeeping(stateDir, { spoolSize, protocol: receivers.logs.protocol?.value });
  log.warn('--state-dir has no effect: it keeps what our own pipeline sends to a receiver');
  return undefined;
}

/** Runs with what `--state-dir` keeps. A run that cannot start tells nobody of the one before: the next one does. */
async function withKeeping(
  settings: Settings,
  run: (keeping: Keeping | undefined) => Promise<ExitCode>,
): Promise<ExitCode> {
  const keeping = await keepingOf(settings);
  let hasTold = keeping?.mark.uncleanSince === undefined;
  try {
    const code = await run(keeping);
    hasTold = true;
    return code;
  } finally {
    keeping?.close(hasTold);
  }
}

/** Opens the kernel and makes the agent. @throws SensorError, EndpointError, OutputFileError */
function watch(
  settings: Settings,
  keeping: Keeping | undefined,
): {
  readonly agent: Agent;
  readonly sensor: LiveSensor;
  readonly source: StatusSource;
  readonly resource: Resource;
} {
  const events = chosenEvents(settings);
  // Nothing is sent before the agent runs.
  const { words, resource, ...exporting } = destination(
    settings,
    (status) => source.receiver(status),
    keeping,
  );
  const host = openHost(settings, events);
  tellHooks(host.sensor, events);
  log.info(`records: ${words}`);
  if (settings.noRedact) log.warn('secrets in arguments and environment are shown (--no-redact)');
  const agent = agentOf(settings, host, exporting);
  const source = new StatusSource(agent, { destination: words, sends: settings.exporting });
  return { agent, sensor: host.sensor, source, resource };
}

/** Changes what the kernel sends and what is made of it; all of it or nothing. */
function reconfigure(agent: Agent, sensor: LiveSensor, next: Settings, before: Settings): void {
  const tellKernel = (of: Settings) => {
    sensor.filter(of.filter, of.rateLimit);
    sensor.choose(chosenEvents(of));
  };
  agent.reconfigure(choiceOf(next), () => {
    try {
      tellKernel(next);
    } catch (error) {
      tellKernel(before);
      throw error;
    }
  });
  if (next.events !== before.events) tellHooks(sensor, chosenEvents(next));
}

/**
 * `replay FILE`: a recording through everything behind the ring.
 * @throws RecordingError, EndpointError, OutputFileError, StateError
 */
export async function replayCommand(file: string, settings: Settings): Promise<ExitCode> {
  return withKeeping(settings, async (keeping) => {
    const { promise: ended, resolve: onEnd } = Promise.withResolvers<Error | undefined>();
    const source = openRecording(file, { fast: settings.fast, onEnd });
    const { words, resource: _, ...exporting } = destination(settings, () => {}, keeping);
    log.info(`records: ${words}`);
    return runAgent(agentOf(settings, source, exporting), settings, ended);
  });
}
