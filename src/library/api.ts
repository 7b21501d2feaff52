// SPDX-License-Identifier: Apache-2.0
import type { LogRecordExporter, LogRecordProcessor } from '@opentelemetry/sdk-logs';
import type { AttributeValue } from '../otlp-writer.ts';
import type { DefinedEvent } from './define-event.ts';
import type { RecordReader } from './reader.ts';

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
  /**
   * Keeps records in this directory that the receiver does not take, also across restarts; after a run that was killed
   * one `agentsmith.sensor.gap` (`unclean_stop`) says since when events may be missing. Made if need be, only for root,
   * mode 0700; one agent at a time. Without it records wait in memory alone.
   */
  readonly stateDir?: string;
  /** Bytes of these records, at most: from 8 MiB to 1 TiB, 512 MiB by default; beyond it the oldest are dropped and counted. */
  readonly spoolSize?: number;
  /**
   * Milliseconds between two records that the agent is alive (`entity.state`): 30 s by default, 0 for never. A recording
   * has none.
   */
  readonly heartbeat?: number;
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
 * Where all records are: received + found on disk + lost in the kernel = delivered + filtered + lost + in memory +
 * spooled. Without a destination and while nobody reads, records count as filtered.
 */
export interface Books {
  readonly received: number;
  readonly delivered: number;
  readonly filtered: number;
  /** On disk, for a later run; with `stateDir` only. */
  readonly spooled: number;
  readonly lost: readonly { readonly event: string; readonly reason: string; readonly count: number }[];
}

/** An agent within a program. */
export interface EmbeddedAgent extends AsyncDisposable {
  /**
   * Attaches to the kernel and starts the stream.
   * @throws SensorError, EndpointError, OutputFileError, RecordingError, StateError, UsageError
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
