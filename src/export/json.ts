// SPDX-License-Identifier: Apache-2.0
import type { AttributeMap, ReadableEvent } from '../events/event.ts';
import type { AttributeValue } from '../otlp-writer.ts';

/** AnyValue in the JSON mapping of OTLP (64-bit integers are strings). */
function anyValue(value: AttributeValue | AttributeMap): object {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value === 'number')
    return Number.isInteger(value) ? { intValue: `${value}` } : { doubleValue: value };
  if (isList(value)) return { arrayValue: { values: value.map(anyValue) } };
  return { kvlistValue: { values: keyValues(value) } };
}

/** `Array.isArray` does not know readonly arrays. */
const isList = (value: readonly string[] | AttributeMap): value is readonly string[] => Array.isArray(value);

const keyValues = (attributes: Readonly<Record<string, AttributeValue | AttributeMap>>): object[] =>
  Object.entries(attributes).map(([key, value]) => ({ key, value: anyValue(value) }));

/** The whole record as one line: a LogRecord in the JSON mapping of OTLP, without resource and scope. */
export function jsonLine(record: ReadableEvent): string {
  return JSON.stringify({
    timeUnixNano: `${record.time}`,
    observedTimeUnixNano: `${record.observed}`,
    severityNumber: record.severityNumber,
    eventName: record.eventName,
    ...(record.body !== undefined && { body: { stringValue: record.body } }),
    attributes: keyValues({ ...record.attributes, ...record.maps }),
  });
}
