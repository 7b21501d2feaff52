// SPDX-License-Identifier: Apache-2.0
import { diag } from '@opentelemetry/api';
import { type Resource, resourceFromAttributes } from '@opentelemetry/resources';
import { Agent } from '../agent.ts';
import { type Keeping, openKeeping } from '../commands/keeping.ts';
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
import { startHeartbeat } from '../health/heartbeat.ts';
import { StatusSource } from '../health/status.ts';
import { openHost, openRecording } from '../sources.ts';
import type { AgentConfig, Books, EmbeddedAgent, OwnRecord } from './api.ts';
import { checkOwnName } from './define-event.ts';
import { RecordReader } from './reader.ts';

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
  #keeping: Keeping | undefined;
  #stopHeartbeat = () => {};
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
    const resource = surroundings().merge(resourceFromAttributes({ ...this.#config.resource }));
    const receiver = this.#receiver();
    const heartbeatMs = this.#heartbeatMs();
    this.#keeping = await this.#openKeeping(receiver?.logs);
    try {
      await this.#run({ ...this.#destination(receiver), resource });
    } catch (error) {
      // One that cannot start tells nobody of the run before: the next one does.
      this.#keeping?.close(this.#keeping.mark.uncleanSince === undefined);
      throw error;
    }
    const source = new StatusSource(this.#agent!, { destination: '', sends: receiver !== undefined });
    this.#stopHeartbeat = startHeartbeat(this.#agent!, source, resource, heartbeatMs);
  }

  async #run(destination: DestinationOptions): Promise<void> {
    const { detail = 'standard', body = true, tree, recording } = this.#config;
    const views = (this.#config.views ?? []).map((view) =>
      view.over(this.#all.find(({ name }) => name === `agentsmith.${view.record}`)!),
    );
    const exporter = exporterFor(destination);
    const kept = this.#keeping;
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
        ...(kept && { kept: { uncleanSince: kept.mark.uncleanSince, spool: kept.spool } }),
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

  async #openKeeping(receiver: Receiver | undefined): Promise<Keeping | undefined> {
    const { stateDir, spoolSize } = this.#config;
    const bytes = setting('spoolSize', spoolSize);
    if (stateDir === undefined) return undefined;
    const path = setting('stateDir', stateDir);
    if (receiver) return openKeeping(path, { spoolSize: bytes, protocol: receiver.protocol });
    diag.warn('stateDir has no effect: it keeps what is sent to an endpoint');
    return undefined;
  }

  /** 0 = none. @throws UsageError */
  #heartbeatMs(): number {
    const { heartbeat, recording } = this.#config;
    const text = heartbeat === undefined || heartbeat === 0 ? heartbeat : `${heartbeat}ms`;
    const interval = setting('heartbeat', text);
    return recording === undefined ? interval : 0;
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

  #destination(receiver: DestinationOptions['receiver']): Omit<DestinationOptions, 'resource'> {
    const { file, processors = [], exporters = [] } = this.#config;
    const kept = this.#keeping;
    const { path, maxBytes, keep } = typeof file === 'string' ? { path: file } : { path: undefined, ...file };
    return {
      ...(receiver && { receiver: { ...receiver, ...(kept && { kept }) } }),
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

  #receiver(): DestinationOptions['receiver'] {
    const { endpoint, queueSize, metricsInterval } = this.#config;
    if (endpoint === undefined) return undefined;
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
    this.#stopHeartbeat();
    await this.#agent?.stop(withinMs);
    if (this.#agent) this.#keeping?.close(true);
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
    if (!agent) return { received: 0, delivered: 0, filtered: 0, spooled: 0, lost: [] };
    const { ledger } = agent;
    const sum = (counts: Float64Array) => counts.reduce((total, count) => total + count, 0);
    return {
      received: sum(ledger.received),
      delivered: sum(ledger.exported) + ledger.exportedMixed,
      filtered: sum(ledger.filtered),
      spooled: sum(ledger.spooled),
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
