// SPDX-License-Identifier: Apache-2.0

/*
 * OpenTelemetry's configuration file. Loaded only where there is one: parser and validator are half a megabyte.
 */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { type ConfigurationModel, parseConfigFile } from '@opentelemetry/configuration';
import { LineCounter, parseDocument } from 'yaml';
import { checkKeys, type Path, pathText, STANDARD_KEYS } from './file-keys.ts';
import { notHonoured } from './file-notes.ts';
import { FileReader } from './file-reader.ts';
import type { FileSettings } from './file-settings.ts';
import type { EventNames } from './option.ts';
import { keyOf, OPTION_NAMES, OWN_KEYS, optionOf } from './options.ts';
import { didYouMean, UsageError } from './usage-error.ts';

/** No file of settings is larger; what is would fill the memory of a root process. */
const FILE_MAX = 1 << 20;

/**
 * Reads a configuration file with its substitutions. What is wrong ends in one line: file, line, place, what was
 * expected, the nearest key.
 *
 * @throws UsageError; the error of open(2) where it cannot be read
 */
export function readConfigFile(path: string, events: EventNames): FileSettings {
  const name = basename(path);
  const text = readFileSync(path, 'utf8');
  if (text.length > FILE_MAX) throw new UsageError(`${name}: more than ${FILE_MAX} bytes are no settings`);
  checkText(name, text);
  const model = officialModel(name, path);
  const reader = new FileReader(name, model);
  reader.read();
  checkOwnValues(name, reader, events);
  return {
    name,
    values: reader.values,
    attributes: reader.attributes,
    ...(reader.logs && { logs: reader.logs }),
    ...(reader.metrics && { metrics: reader.metrics }),
    variables: new Set([...text.matchAll(/\$\{(?:env:)?([A-Za-z_]\w*)/g)].map(([, variable]) => variable!)),
    notes: [...notHonoured(model), ...reader.notes],
  };
}

/** What the official parser passes over in silence: broken YAML, unknown keys at the root and of ours. */
function checkText(name: string, text: string): void {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    version: '1.2',
    lineCounter: lines,
    prettyErrors: false,
    // Not its warnings on stderr beside our line.
    logLevel: 'error',
  });
  const line = (offset: number | undefined) => (offset === undefined ? '' : `:${lines.linePos(offset).line}`);
  const [broken] = document.errors;
  if (broken) throw new UsageError(`${name}${line(broken.pos[0])}: no YAML: ${broken.message}`);
  const root = valuesOf(name, document);
  if (typeof root !== 'object' || root === null || Array.isArray(root))
    throw new UsageError(`${name}: no settings; expected file_format: "1.1" and what follows it`);
  const where = (path: Path): string => {
    const parent: unknown = path.length > 1 ? document.getIn(path.slice(0, -1), true) : document.contents;
    const items = (parent as { items?: { key?: { value?: unknown; range?: number[] } }[] } | undefined)
      ?.items;
    const offset = items?.find((item) => item.key?.value === path.at(-1))?.key?.range?.[0];
    return `${name}${line(offset)}: ${pathText(path)}`;
  };
  checkKeys(root, STANDARD_KEYS, where);
  checkOwnKeys((root as ConfigurationModel).distribution?.agentsmith, where);
}

/** @throws UsageError for an alias of nothing, of itself, or of too much */
function valuesOf(name: string, document: ReturnType<typeof parseDocument>): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    throw new UsageError(`${name}: no YAML: ${(error as Error).message}`);
  }
}

function checkOwnKeys(own: unknown, where: (path: Path) => string): void {
  const at = ['distribution', 'agentsmith'];
  if (own === undefined || own === null) return;
  if (typeof own !== 'object' || Array.isArray(own))
    throw new UsageError(`${where(at)}: expected keys and values: ${[...OWN_KEYS.keys()].join(', ')}`);
  for (const key of Object.keys(own)) {
    if (OWN_KEYS.has(key)) continue;
    const elsewhere = OPTION_NAMES.find((option) => keyOf(option) === key);
    const { place, once } = elsewhere ? optionOf(elsewhere) : {};
    const reason = place
      ? `its place is ${place}`
      : once
        ? 'it belongs to a command line'
        : `no such key${didYouMean(key, [...OWN_KEYS.keys()])}; expected ${[...OWN_KEYS.keys()].join(', ')}`;
    throw new UsageError(`${where([...at, key])}: ${reason}`);
  }
}

/** Of keys that take a few words: the official validator does not say which. */
const WORDS: Readonly<Record<string, readonly string[]>> = {
  log_level: ['trace', 'debug', 'info', 'warn', 'error', 'fatal'],
  encoding: ['protobuf', 'json'],
  temporality_preference: ['cumulative', 'delta', 'low_memory'],
};

/** Substitution and validation by OpenTelemetry's own package. */
function officialModel(name: string, path: string): ConfigurationModel {
  try {
    return parseConfigFile(path);
  } catch (error) {
    const [first = '', second] = (error as Error).message.split('\n').map((each) => each.trim());
    const message = (second ?? first)
      .replace('Invalid OpenTelemetry config file: ', '')
      .replace(`${path}: `, '')
      .replace(/^(?:\/[^ ]+)/, (pointer) => `${pathText(steps(pointer))}:`)
      .replace('must be', 'expected')
      .replace(
        /^(\S*?)(\w+): expected equal to one of the allowed values$/,
        (_whole, before, key: string) =>
          `${before}${key}: expected one of ${(WORDS[key] ?? ['what the schema lists']).join(', ')}`,
      );
    throw new UsageError(`${name}: ${message}`);
  }
}

/** A JSON pointer (RFC 6901). */
function steps(pointer: string): Path {
  return pointer
    .slice(1)
    .split('/')
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((step) => (/^\d+$/.test(step) ? Number(step) : step));
}

function checkOwnValues(name: string, { values }: FileReader, events: EventNames): void {
  for (const [option, { text, at }] of values) {
    try {
      optionOf(option).parse(text, events);
    } catch (error) {
      throw new UsageError(`${name}: ${at}: ${(error as Error).message}`);
    }
  }
}
