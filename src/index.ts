// SPDX-License-Identifier: Apache-2.0

/*
 * agentsmith-otel as a library: an agent within a program. What is exported here keeps its meaning within a major
 * version; modules beneath are not to be imported.
 */
export { UsageError } from './config/usage-error.ts';
export type { RawEvent } from './decode/record.ts';
export type { Column } from './events/column.ts';
/** Columns over the fields of a kernel record, for `defineEvent`. */
export {
  address,
  constant,
  decimal,
  either,
  errno,
  flag,
  int,
  oneOf,
  seconds,
  when,
} from './events/column.ts';
export { type ReadableEvent, Severity } from './events/event.ts';
export { EndpointError } from './export/endpoint.ts';
export { OutputFileError } from './export/file.ts';
export { drop } from './export/otel.ts';
export type { AgentConfig, Books, EmbeddedAgent, OwnFile, OwnRecord } from './library/api.ts';
export { createAgent } from './library/create-agent.ts';
export {
  type DefinedEvent,
  defineEvent,
  type Fields,
  type OwnEvent,
  type RecordName,
} from './library/define-event.ts';
export type { RecordReader } from './library/reader.ts';
export type { AttributeValue } from './otlp-writer.ts';
export { SensorError } from './sensor/live.ts';
export { RecordingError } from './sensor/recording.ts';
export { StateError } from './state/state-directory.ts';
