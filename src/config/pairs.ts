// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { addHeader } from './receiver-settings.ts';
import { UsageError } from './usage-error.ts';

/** Names and their values: headers, attributes of the Resource. */
export type Pairs = Readonly<Record<string, string>>;

/** All of them together; the last wins. */
export const merged = (all: readonly Pairs[]): Pairs => Object.assign({}, ...all) as Pairs;

/** Longest key and value of a resource attribute, as in the SDK. */
const TEXT_MAX = 255;

/**
 * `key1=value1,key2=value2`, both percent-encoded, as OTEL_RESOURCE_ATTRIBUTES has it. One mistake makes all of it
 * void (OpenTelemetry's resource specification). @throws UsageError
 */
export function resourcePairs(text: string): Pairs {
  const pairs: [string, string][] = [];
  for (const pair of text.split(',')) {
    if (pair.trim() === '') continue;
    const [key, value, more] = pair.split('=').map(decoded);
    if (!key || value === undefined || more !== undefined || isLong(key) || isLong(value)) {
      throw new UsageError(`"${pair.trim()}" is no key=value (percent-encoded); all of it is ignored`);
    }
    pairs.push([key, value]);
  }
  return Object.fromEntries(pairs);
}

const isLong = (text: string): boolean => text.length > TEXT_MAX;

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text.trim());
  } catch {
    return undefined;
  }
}

/** `key=value` of a flag, as it stands. @throws UsageError */
export function resourcePair(text: string): Pairs {
  const [key, value] = halves(text);
  if (isLong(key) || isLong(value)) throw new UsageError(`"${key}" or its value is longer than ${TEXT_MAX}`);
  return { [key]: value };
}

/** `name=value` of a flag, as it stands; `name=@FILE` takes the value from a file. @throws UsageError */
export function header(text: string): Pairs {
  const [name, value] = halves(text, 'name=value');
  return headers({ [name]: value.startsWith('@') ? contents(value.slice(1)) : value });
}

/** `name1=value1,name2=value2`, values percent-encoded, as OTEL_EXPORTER_OTLP_HEADERS has them. @throws UsageError */
export function headerPairs(text: string): Pairs {
  const pairs = text
    .split(',')
    .filter((pair) => pair.trim() !== '')
    .map((pair): [string, string] => {
      const [name, value] = halves(pair, 'name=value');
      return [name, decoded(value) ?? value];
    });
  return headers(Object.fromEntries(pairs));
}

/** Lower-case names. Messages name the header only: the value is likely a secret. @throws UsageError */
function headers(given: Pairs): Pairs {
  const all: Record<string, string> = {};
  for (const [name, value] of Object.entries(given)) addHeader(all, 'header', name, value);
  return all;
}

/** A value may hold "=" itself: tokens in base64 do. */
function halves(text: string, form = 'key=value'): [string, string] {
  const at = text.indexOf('=');
  const name = text.slice(0, Math.max(at, 0)).trim();
  // Without the text: what is left of a header that lacks its name may be the secret.
  if (name === '') throw new UsageError(`write ${form}`);
  return [name, text.slice(at + 1).trim()];
}

function contents(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    throw new UsageError(`cannot read ${path} (${(error as NodeJS.ErrnoException).code})`);
  }
}

/** Names, and not what is behind them. */
export const hidden = (pairs: Pairs): string =>
  Object.keys(pairs)
    .map((name) => `${name}=<hidden>`)
    .join(',');

/** As a user would write them. */
export const shown = (pairs: Pairs): string =>
  Object.entries(pairs)
    .map(([name, value]) => `${name}=${value}`)
    .join(',');
