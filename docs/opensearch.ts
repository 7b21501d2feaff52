// SPDX-License-Identifier: Apache-2.0
import type { Column } from '../src/events/column.ts';
import type { EventDefinition } from '../src/events/event.ts';
import * as at from '../src/semconv.ts';

/*
 * examples/opensearch/index-template.json: how OpenSearch is to index our attributes, made from the definitions of events.
 * Left to itself it makes text of strings (no aggregation, no search for a whole path), a long of a duration that happens to
 * be a whole number of seconds, and then refuses the next one.
 */

/** OpenSearch's types for OTLP's; a list has the type of its elements. */
const TYPES: Readonly<Record<Column['type'], string>> = {
  string: 'keyword',
  'string[]': 'keyword',
  int: 'long',
  double: 'double',
  bool: 'boolean',
};

/** Text whose form is known: times, and addresses, which can then be searched by network (`10.0.0.0/8`). */
const FORMS: Readonly<Record<string, string>> = {
  [at.ATTR_PROCESS_CREATION_TIME]: 'date',
  [at.GAP_START]: 'date',
  [at.GAP_END]: 'date',
  [at.ATTR_NETWORK_PEER_ADDRESS]: 'ip',
  [at.ATTR_NETWORK_LOCAL_ADDRESS]: 'ip',
};

/** A term of the index has at most 32,766 bytes, and a character up to four. What is longer is kept, not indexed. */
const LONGEST = 8191;

const mappingOf = (type: string) => (type === 'keyword' ? { type, ignore_above: LONGEST } : { type });

/** The index template for what the Collector's OpenSearch exporter writes into `agentsmith-*`, as JSON. */
export function indexTemplate(events: readonly EventDefinition[]): string {
  const columns = events.flatMap(({ attributes }) => Object.entries(attributes));
  const types = new Map(columns.map(([name, { type }]) => [name, TYPES[type]]));
  for (const [name, type] of Object.entries(FORMS)) types.set(name, type);
  const attributes = [...types].sort(([a], [b]) => (a < b ? -1 : 1));
  const template = {
    index_patterns: ['agentsmith-*'],
    priority: 200,
    template: {
      settings: {
        // One strange value is no reason to refuse the event around it.
        'index.mapping.ignore_malformed': true,
        'index.mapping.total_fields.limit': 2000,
      },
      mappings: {
        // A host name that looks like a date must not make dates of all host names.
        date_detection: false,
        dynamic_templates: [
          {
            strings: {
              path_match: '*',
              match_mapping_type: 'string',
              mapping: mappingOf('keyword'),
            },
          },
        ],
        properties: {
          '@timestamp': { type: 'date_nanos' },
          observedTimestamp: { type: 'date_nanos' },
          observedTime: { type: 'date_nanos' },
          time: { type: 'date_nanos' },
          body: { type: 'text' },
          ...Object.fromEntries(attributes.map(([name, type]) => [`attributes.${name}`, mappingOf(type)])),
        },
      },
    },
  };
  return `${JSON.stringify(template, null, 2)}\n`;
}
