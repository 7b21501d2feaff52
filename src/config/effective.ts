// SPDX-License-Identifier: Apache-2.0
import type { CommandLine } from './command-line.ts';
import { GROUPS } from './option.ts';
import { flagOf, OPTION_NAMES, type OptionName, optionOf } from './options.ts';
import { hidden } from './pairs.ts';
import type { ReceiverSettings } from './receiver-settings.ts';
import { time } from './values.ts';

/** Asked of one call: they say nothing about how the agent runs. */
const LEFT_OUT: readonly OptionName[] = ['check', 'help', 'version'];
const NOT_SET = '-';

/** Every setting with its value and where it comes from, a line each; secrets are hidden. */
export function effectiveSettings(line: CommandLine): string[] {
  const lines: string[] = [];
  for (const group of GROUPS) {
    const names = OPTION_NAMES.filter((name) => optionOf(name).group === group && !LEFT_OUT.includes(name));
    lines.push(
      ...section(
        group,
        names.map((name) => row(name, line)),
      ),
    );
  }
  const { receivers, attributes } = line.settings;
  for (const [signal, receiver] of Object.entries(receivers)) {
    lines.push(...section(`Receiver of ${signal}`, receiverRows(receiver)));
  }
  const rows = Object.entries(attributes).map(
    ([name, value]): Row => [
      name,
      Array.isArray(value) ? value.join(',') : `${value}`,
      line.attributeOrigins[name]!,
    ],
  );
  if (rows.length > 0) lines.push(...section('Resource, beside what is found on the host', rows));
  return lines.slice(1);
}

type Row = readonly [name: string, value: string, origin: string];

function row(name: OptionName, { settings, origins }: CommandLine): Row {
  const value: unknown = settings[name as keyof typeof settings];
  const option = optionOf(name);
  const { name: origin } = origins.get(name)!;
  return [flagOf(name).slice(2), value === undefined ? NOT_SET : (option.show ?? written)(value), origin];
}

function written(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.join(',');
  return `${value}`;
}

function receiverRows(receiver: ReceiverSettings): Row[] {
  const rows: Row[] = [];
  for (const key of ['endpoint', 'protocol', 'insecure', 'ca', 'cert', 'key', 'compression'] as const) {
    const setting = receiver[key];
    if (setting !== undefined) rows.push([key, `${setting.value}`, setting.name]);
  }
  rows.push(['timeout', time(receiver.timeoutMillis), '']);
  if (Object.keys(receiver.headers).length > 0) rows.push(['headers', hidden(receiver.headers), '']);
  return rows;
}

/** Three columns; what is longer than its column pushes the next one on. */
function section(title: string, rows: readonly Row[]): string[] {
  const width = Math.max(...rows.map(([name]) => name.length)) + 2;
  return [
    '',
    `${title}:`,
    ...rows.map(([name, value, origin]) => `  ${name.padEnd(width)}${value.padEnd(30)}  ${origin}`.trimEnd()),
  ];
}
