// SPDX-License-Identifier: Apache-2.0

import { FILTER_GRAMMAR, type FilterRule, filterRules, filterText } from '../filters.ts';
import { flag, KERNEL, optional, RECORDS, STREAM, setting } from '../option.ts';
import { count, eventNames, oneOf, ports, processId, variableNames } from '../values.ts';

/** What is watched, and how much is told of it. */
export const WATCH = {
  events: setting<readonly string[]>({
    group: 'Events',
    commands: [...KERNEL, 'replay'],
    value: 'NAMES',
    initial: 'default',
    reloads: true,
    help: 'which events: names divided by commas, with or without "agentsmith.", globs ("process.*"), or all',
    parse: (text, { known, defaults }) => (text === 'default' ? defaults : eventNames(text, known)),
  }),
  detail: setting<'standard' | 'lean' | 'all'>({
    group: 'Events',
    commands: RECORDS,
    value: 'standard|lean|all',
    initial: 'standard',
    reloads: true,
    help: 'lean: fewer attributes on frequent events; all: also which hook saw the event',
    parse: (text) => oneOf(text, ['standard', 'lean', 'all']),
  }),
  environment: setting<readonly string[]>({
    group: 'Events',
    commands: KERNEL,
    value: 'NAMES',
    initial: 'LD_PRELOAD,SSH_CONNECTION',
    help: 'environment variables to read at exec: up to 8 names of up to 31 letters; "" for none',
    parse: variableNames,
  }),
  dnsPorts: setting<readonly number[]>({
    group: 'Events',
    commands: KERNEL,
    value: 'PORTS',
    initial: '53',
    help: 'ports on which resolvers listen, UDP and TCP: up to 8 numbers divided by commas',
    parse: ports,
  }),
  noRedact: flag({
    group: 'Events',
    commands: [...RECORDS, 'watch'],
    reloads: true,
    help: 'show secrets: passwords and tokens in arguments and environment leave this host as they were typed',
  }),
  noBody: flag({
    group: 'Events',
    commands: RECORDS,
    reloads: true,
    help: 'leave out the line for people in each record',
  }),
  filter: setting<readonly FilterRule[]>({
    group: 'Filtering',
    commands: ['run', 'config', 'record', 'watch'],
    value: 'RULE',
    initial: '',
    initially: 'none',
    reloads: true,
    help: `in the kernel: ${FILTER_GRAMMAR} (repeatable; in variables divided by ";")`,
    separator: ';',
    each: (text, { known }) => filterRules(text, known),
    join: (all) => all.flat(),
    show: (rules) => filterText(rules) || 'none',
    parse: (text, { known }) => filterRules(text, known),
  }),
  rateLimit: setting<number>({
    group: 'Filtering',
    commands: ['run', 'config', 'record', 'watch'],
    value: 'COUNT',
    initial: '0',
    initially: 'no limit',
    reloads: true,
    help: 'frequent events that one process may send in a second; what is beyond is counted and told',
    parse: (text) => count(text, 0, 1_000_000),
  }),
  tree: optional<number>({
    group: 'Filtering',
    commands: STREAM,
    value: 'PID',
    initially: 'everything',
    once: true,
    help: 'only events of this process and its descendants; all others count as filtered',
    parse: processId,
  }),
} as const;
