// SPDX-License-Identifier: Apache-2.0
import { EXIT_MEANINGS } from './exit-codes.ts';
import { COMMANDS, type Command, type EventNames, GROUPS } from './option.ts';
import { flagOf, OPTION_NAMES, type OptionName, optionOf, variableOf } from './options.ts';

const WIDTH = 100;
/** Where the descriptions begin. */
const COLUMN = 30;

const EXAMPLES: readonly (readonly [line: string, about: string])[] = [
  ['sudo agentsmith-otel', 'print what happens on this host'],
  ['sudo agentsmith-otel --endpoint http://localhost:4317', 'send it to an OpenTelemetry Collector'],
  ["sudo agentsmith-otel --events 'process.*' --output json --duration 30s", ''],
  ['sudo agentsmith-otel doctor --endpoint', 'what works here, and what to do about the rest'],
];

/** The text of `--help`, at most 100 columns wide: of a command only its own options. */
export function helpText(events: EventNames, only?: Command): string {
  const lines = ['Usage: agentsmith-otel [run|doctor|record FILE|replay FILE] [options]', '', 'Examples:'];
  for (const [line, about] of EXAMPLES) lines.push(`  ${line}${about === '' ? '' : `   # ${about}`}`);
  lines.push('', 'Commands:');
  for (const [name, { argument, about }] of Object.entries(COMMANDS)) {
    lines.push(...row(argument === undefined ? name : `${name} ${argument}`, about));
  }
  for (const group of GROUPS) {
    const names = OPTION_NAMES.filter(
      (name) =>
        optionOf(name).group === group && (only === undefined || optionOf(name).commands.includes(only)),
    );
    if (names.length > 0) lines.push('', `${group}:`);
    for (const name of names) {
      lines.push(...row(left(name), optionOf(name).help), ...row('', sources(name, events)));
    }
  }
  lines.push(
    '',
    'Flags win over AGENTSMITH_* variables, those over OTEL_* ones: all OTEL_EXPORTER_OTLP_* count, and',
  );
  lines.push('OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_LOGS_EXPORTER, OTEL_SDK_DISABLED.');
  lines.push('', 'Exit codes:');
  for (const [code, meaning] of EXIT_MEANINGS) lines.push(...row(String(code), meaning));
  return `${lines.join('\n')}\n`;
}

function left(name: OptionName): string {
  const { value, short, bare } = optionOf(name);
  const shown = value === undefined ? '' : bare === undefined ? ` ${value}` : ` [${value}]`;
  return `${short === undefined ? '' : `-${short}, `}${flagOf(name)}${shown}`;
}

/** `[AGENTSMITH_RING_SIZE; default: 8MiB]` */
function sources(name: OptionName, events: EventNames): string {
  const { value, initial, initially, also } = optionOf(name);
  const variables = [variableOf(name), also?.name].filter((each) => each !== undefined).join(', ');
  const shown =
    name === 'events'
      ? events.defaults.map((each) => each.replace(/^agentsmith\./, '')).join(', ')
      : (initially ?? initial);
  const ending = value === undefined || shown === undefined ? '' : `; default: ${shown}`;
  return variables === '' ? '' : `[${variables}${ending}]`;
}

function row(term: string, text: string): string[] {
  if (text === '') return [];
  if (text === '') return [];
  const lines: string[] = [];
  let line = `  ${term}`.padEnd(COLUMN);
  if (line.length > COLUMN) {
    lines.push(line);
    line = ' '.repeat(COLUMN);
  }
  let isEmpty = true;
  for (const word of text.split(' ')) {
    if (!isEmpty && line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = ' '.repeat(COLUMN);
      isEmpty = true;
    }
    line += isEmpty ? word : ` ${word}`;
    isEmpty = false;
  }
  return [...lines, line];
}
