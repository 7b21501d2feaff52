// SPDX-License-Identifier: Apache-2.0
import { diag } from '@opentelemetry/api';
import { type Resource, resourceFromAttributes } from '@opentelemetry/resources';
import type { LogRecordExporter, LogRecordProcessor } from '@opentelemetry/sdk-logs';
import { Agent } from '../agent.ts';
import { type OptionName, type OptionValues, optionOf } from '../config/options.ts';
import { receiverSettings, type Signal } from '../config/receiver-settings.ts';
import { environmentResource } from '../config/resource-attributes.ts';
import { UsageError } from '../config/usage-error.ts';
import { eventNames } from '../config/values.ts';
import { type EventDefinition, type ReadableEvent, Severity } from '../events/event.ts';
import { eventDefinitions } from '../events/index.ts';
import { type DestinationOptions, exporterFor } from '../export/destination.ts';
import { openable, type Receiver } from '../export/receiver.ts';
import { hostFacts, hostResource } from '../export/resource.ts';
import type { AttributeValue } from '../otlp-writer.ts';
import { openHost, openRecording } from '../sources.ts';
import { checkOwnName, type DefinedEvent } from './define-event.ts';
import { RecordReader } from './reader.ts';

/** A file of OTLP-JSON lines. */
export interface OwnFile {
  readonly path: string;
  /** It is turned over at this size: from 1 MiB to 64 GiB, 100 MiB by default. */
  readonly maxBytes?: number;
  /** Full files that are kept beside it: from 1 to 1000, 5 by default. */
  readonly keep?: number;
}

/** Settings of {@link createAgent}; all may be left out. The names are those of the command line. */
export interface AgentConfig {
  /** Sends logs and metrics to this receiver. OTEL_EXPORTER_OTLP_* say the rest: protocol, headers, certificates, … */
  readonly endpoint?: string;
  /** Writes OTLP-JSON lines into this file. */
  readonly file?: string | OwnFile;
  /** Which events: names with or without `agentsmith.`, globs (`process.*`). All by default; none with `[]`. */
  readonly events?: readonly string[];
  /** Events of one's own over the kernel's records (`defineEvent`). */
  readonly views?: readonly DefinedEvent[];
  /** See each record in this order before it is sent; may add and change, and leave out with `drop`. */
  readonly processors?: readonly LogRecordProcessor[];
  /** Get the records in batches. */
  readonly exporters?: readonly LogRecordExporter[];
  /** Added to the Resource of this host. */
  readonly resource?: Readonly<Record<string, string | number | boolean>>;
  /** Only events of this process and its descendants; all others count as filtered. */
  readonly tree?: number;
  readonly detail?: 'lean' | 'standard' | 'all';
  /** Whether records have the line for people as their body; true by default. */
  readonly body?: boolean;
  /** Whether secrets in arguments and environment are hidden; true by default. */
  readonly redact?: boolean;
  /** Environment variables to read at exec: at most 8, of up to 31 letters. */
  readonly environment?: readonly string[];
  /** Ports on which resolvers listen; 53 when it is not given, at most 8. */
  readonly dnsPorts?: readonly number[];
  /** Bytes of the ring between kernel and agent: a power of two from 1 MiB to 64 MiB, 8 MiB by default. */
  readonly ringSize?: number;
  /** Bytes that wait for the receiver, at most; 64 MiB by default. */
  readonly queueSize?: number;
  /** Milliseconds between two exports of the agent's own metrics; 60 s by default. */
  readonly metricsInterval?: number;
  /** Reads a recording of `record` instead of the kernel, as fast as it can; `ended` resolves behind its last record. */
  readonly recording?: string;
}

/** A record of the program's own, for `emit`. */
export interface OwnRecord {
  /** Lower case with dots, not below `agentsmith.`; at most twelve different names, those of `views` included. */
  readonly eventName: string;
  /** {@link Severity}; INFO by default. */
  readonly severityNumber?: number;
  /** ns since the epoch; now by default. */
  readonly time?: bigint;
  readonly body?: string;
  readonly attributes?: Readonly<Record<string, AttributeValue>>;
}

/**
 * Where all records are: received + lost in the kernel = delivered + filtered + lost + in memory. Without a destination
 * and while nobody reads, records are received and go nowhere.
 */
export interface Books {
  readonly received: number;
  readonly delivered: number;
  readonly filtered: number;
  readonly lost: readonly { readonly event: string; readonly reason: string; readonly count: number }[];
}

/** An agent within a program. */
export interface EmbeddedAgent extends AsyncDisposable {
  /**
   * Attaches to the kernel and starts the stream.
   * @throws SensorError, EndpointError, OutputFileError, RecordingError, UsageError
   */
  start(): Promise<void>;
  /** Detaches, delivers what was seen before, at most `withinMs` (5 s), and ends the readers. Again: the same books. */
  stop(withinMs?: number): Promise<Books>;
  /**
   * Readable records from now on, as the kernel told them: before `processors`. Each call is a reader of its own with
   * room for `buffer` records (10,000); what a slow one misses it reads as a gap.
   */
  events(options?: { readonly buffer?: number }): RecordReader;
  /** Sends a rare record of one's own on the road of all others; false = no room, counted as lost. @throws TypeError */
  emit(record: OwnRecord): boolean;
  /** Every hook that is attached, or why it is not. Empty before `start`. */
  readonly hooks: readonly { readonly program: string; readonly hook: string; readonly error: string }[];
  readonly books: Books;
  /** Resolves when a recording has ended, with the error if it is corrupt. */
  readonly ended: Promise<Error | undefined>;
}

const FLUSH_MS = 5000;
/** Names of views and own records: the ledger is a small table (ledger.ts), and these stand beside the agent's own. */
const OWN_NAMES_MAX = 12;

/** The value of an option of the command line, by the same bounds. @throws UsageError that names the setting */
function setting<K extends OptionName>(
  name: K,
  value: string | number | undefined,
): NonNullable<OptionValues[K]> {
  const { parse, initial } = optionOf(name);
  try {
    return parse(value === undefined ? initial! : `${value}`, undefined as never) as NonNullable<
      OptionValues[K]
    >;
  } catch (error) {
    throw new UsageError(`${name}: ${(error as Error).message}`);
  }
}

/** The Resource of this host, with what OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME add. */
function surroundings(): Resource {
  const { detectors, attributes } = environmentResource(process.env, (line) => diag.warn(line));
  return hostResource(hostFacts(), { detectors, attributes, nodeName: process.env.K8S_NODE_NAME });
}

/**
 * Makes an agent; nothing happens before `start`. What it has to say it says to OpenTelemetry's `diag`; with a receiver
 * or pieces of the user's it also sets OpenTelemetry's global error handler, to one that says each message once a minute.
 * @throws TypeError, UsageError for settings that cannot be */
export function createAgent(config: AgentConfig = {}): EmbeddedAgent {
  return new Embedded(config);
}

class Embedded implements EmbeddedAgent {
  readonly #config: AgentConfig;
  readonly #events: readonly EventDefinition[];
  readonly #all: readonly EventDefinition[];
  readonly #readers = new Set<RecordReader>();
  readonly #ownNames = new Set<string>();
  readonly #ended = Promise.withResolvers<Error | undefined>();
  #starting: Promise<void> | undefined;
  #agent: Agent | undefined;
  #stopped: Promise<Books> | undefined;
  hooks: EmbeddedAgent['hooks'] = [];

  constructor(config: AgentConfig) {
    this.#config = config;
    this.#all = eventDefinitions({ redact: config.redact ?? true });
    const known = this.#all.map(({ name }) => name);
    const chosen = config.events?.length === 0 ? [] : eventNames((config.events ?? ['all']).join(), known);
    for (const { name } of config.views ?? []) {
      if (this.#ownNames.has(name)) throw new TypeError(`there are two views with the name "${name}"`);
      this.#own(name);
    }
    this.#events = this.#all.filter(({ name }) => chosen.includes(name));
  }

  get ended(): Promise<Error | undefined> {
    return this.#ended.promise;
  }

  async start(): Promise<void> {
    if (this.#starting || this.#stopped) throw new Error('the agent was started or stopped before');
    this.#starting = this.#start();
    return this.#starting;
  }

  async #start(): Promise<void> {
    const { detail = 'standard', body = true, tree, recording } = this.#config;
    const views = (this.#config.views ?? []).map((view) =>
      view.over(this.#all.find(({ name }) => name === `agentsmith.${view.record}`)!),
    );
    const exporter = exporterFor(this.#destination());
    const source = recording === undefined ? this.#openHost(views) : this.#openRecording(recording);
    const readers = this.#readers;
    try {
      const agent = new Agent({
        ...source,
        events: this.#events,
        views,
        detail,
        body,
        ...(tree !== undefined && { tree }),
        ...(exporter && { exporter }),
        // Records are made readable only while somebody reads.
        get print() {
          return readers.size === 0 ? undefined : (record: ReadableEvent) => pushAll(readers, record);
        },
      });
      await agent.start();
      this.#agent = agent;
      this.hooks = source.sensor.hooks;
    } catch (error) {
      await source.sensor.stop();
      throw error;
    }
  }

  #openHost(views: readonly { readonly base: EventDefinition }[]): ReturnType<typeof openHost> {
    const { ringSize, environment, dnsPorts } = this.#config;
    const settings = {
      ringSize: setting('ringSize', ringSize),
      environment: setting('environment', environment?.join()),
      dnsPorts: setting('dnsPorts', dnsPorts?.join()),
      bpfObject: undefined,
    };
    return openHost(settings, [...new Set([...this.#events, ...views.map(({ base }) => base)])]);
  }

  #openRecording(file: string): ReturnType<typeof openRecording> {
    return openRecording(file, { fast: true, onEnd: (error) => this.#ended.resolve(error) });
  }

  #destination(): DestinationOptions {
    const { endpoint, file, processors = [], exporters = [], resource = {} } = this.#config;
    const receiver = endpoint === undefined ? undefined : this.#receiver(endpoint);
    const { path, maxBytes, keep } = typeof file === 'string' ? { path: file } : { path: undefined, ...file };
    return {
      resource: surroundings().merge(resourceFromAttributes({ ...resource })),
      ...(receiver && { receiver }),
      ...(path !== undefined && {
        file: {
          path,
          maxBytes: setting('outputSize', maxBytes),
          keep: setting('outputFiles', keep),
          onState: (status) =>
            diag.warn(
              status.kind === 'failed'
                ? status.error.message
                : `${path}: ${status.missing} records are missing in it`,
            ),
        },
      }),
      ...(processors.length + exporters.length > 0 && { user: { processors, exporters } }),
    };
  }

  #receiver(endpoint: string): NonNullable<DestinationOptions['receiver']> {
    const { queueSize, metricsInterval } = this.#config;
    return {
      pipeline: 'fast',
      logs: receiverOf('LOGS', endpoint),
      metrics: receiverOf('METRICS', endpoint),
      queueBytes: setting('queueSize', queueSize),
      metricTimes: {
        intervalMillis: setting('metricsInterval', metricsInterval && `${metricsInterval}ms`),
        timeoutMillis: setting('metricsTimeout', undefined),
      },
      temporality: setting('metricsTemporality', undefined),
      batching: {},
      onState: (status) => {
        if (status.ok) diag.info(`${endpoint}: takes records again`);
        else diag.warn(status.error.message);
      },
      onMetricsState: (status) => {
        if (!status.ok) diag.warn(`metrics: ${status.error.message}`);
      },
      onPartial: (rejected, message) => diag.warn(`${endpoint}: rejected ${rejected} records: ${message}`),
    };
  }

  stop(withinMs: number = FLUSH_MS): Promise<Books> {
    this.#stopped ??= this.#stop(withinMs);
    return this.#stopped;
  }

  async #stop(withinMs: number): Promise<Books> {
    await this.#starting?.catch(() => {});
    await this.#agent?.stop(withinMs);
    for (const reader of this.#readers) reader.end();
    this.#readers.clear();
    this.#ended.resolve(undefined);
    return this.books;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  events({ buffer }: { readonly buffer?: number } = {}): RecordReader {
    const reader = new RecordReader(buffer, (ended) => this.#readers.delete(ended));
    if (this.#stopped) reader.end();
    else this.#readers.add(reader);
    return reader;
  }

  emit({ eventName, severityNumber = Severity.INFO, time, body, attributes = {} }: OwnRecord): boolean {
    checkOwnName(eventName);
    if (!this.#agent || this.#stopped) throw new Error('the agent does not run');
    if (!this.#ownNames.has(eventName) && this.#ownNames.size >= OWN_NAMES_MAX)
      throw new TypeError(
        `"${eventName}" would be more than ${OWN_NAMES_MAX} different names of own records`,
      );
    this.#ownNames.add(eventName);
    const observed = BigInt(Date.now()) * 1_000_000n;
    return this.#agent.emit({
      eventName,
      severityNumber,
      time: time ?? observed,
      observed,
      body,
      attributes: { ...attributes },
    });
  }

  #own(name: string): void {
    if (!this.#ownNames.has(name) && this.#ownNames.size >= OWN_NAMES_MAX)
      throw new TypeError(`"${name}" would be one of more than ${OWN_NAMES_MAX} names of one's own`);
    this.#ownNames.add(name);
  }

  get books(): Books {
    const agent = this.#agent;
    if (!agent) return { received: 0, delivered: 0, filtered: 0, lost: [] };
    const { ledger } = agent;
    const sum = (counts: Float64Array) => counts.reduce((total, count) => total + count, 0);
    return {
      received: sum(ledger.received),
      delivered: sum(ledger.exported) + ledger.exportedMixed,
      filtered: sum(ledger.filtered),
      lost: [...agent.losses()],
    };
  }
}

/** False when no reader had room. */
function pushAll(readers: ReadonlySet<RecordReader>, record: ReadableEvent): boolean {
  let taken = false;
  for (const reader of readers) taken = reader.push(record) || taken;
  return taken;
}

/** How to reach the receiver of a signal. @throws UsageError, EndpointError */
function receiverOf(signal: Signal, endpoint: string): Receiver {
  const given = { endpoint: { name: 'endpoint', value: endpoint } };
  const settings = receiverSettings(signal, process.env, given, (line) => diag.warn(line));
  return openable(settings, { tell: (line) => diag.info(line) });
}
