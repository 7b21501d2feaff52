// SPDX-License-Identifier: Apache-2.0
import { didYouMean, UsageError } from './usage-error.ts';

/** Parsers of what a user writes behind a flag. Each throws UsageError with what is wrong; the caller names the flag. */

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
/** setTimeout takes 2^31 - 1 ms, a little less than 25 days. */
const DURATION_MAX_MS = 24 * UNIT_MS.d!;

/** `30s`, `5m`, `1h30m`, `500ms` or plain seconds, in milliseconds: at least 1 ms, at most 24 days. */
export function duration(text: string): number {
  const plain = /^\d{1,9}(?:\.\d{1,3})?$/.test(text);
  const isSum = /^(?:\d{1,9}(?:\.\d{1,3})?(?:ms|s|m|h|d)){1,5}$/.test(text);
  let ms = plain ? Number(text) * 1000 : Number.NaN;
  if (isSum) {
    ms = 0;
    for (const [, count, unit] of text.matchAll(/([\d.]+)(ms|s|m|h|d)/g))
      ms += Number(count) * UNIT_MS[unit!]!;
  }
  if (!(ms >= 1 && ms <= DURATION_MAX_MS)) {
    throw new UsageError(`"${text}" is no time from 1ms to 24d; write 30s, 5m, 1h30m or plain seconds`);
  }
  return Math.round(ms);
}

/** As {@link duration} reads it, in the largest unit that divides it. */
export function time(ms: number | undefined): string {
  const unit = Object.keys(UNIT_MS).findLast((each) => (ms ?? 0) % UNIT_MS[each]! === 0);
  return `${(ms ?? 0) / UNIT_MS[unit!]!}${unit}`;
}

const SIZE = /^(\d{1,15})\s?(?:(k|m|g)(?:i?b)?|b)?$/i;
const SHIFTS: Readonly<Record<string, number>> = { k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 };

/** `8MiB`, `512KiB`, `8m` or plain bytes, in bytes. All units are powers of 1024. */
export function size(text: string, smallest: number, largest: number): number {
  const match = SIZE.exec(text);
  const bytes = match === null ? Number.NaN : Number(match[1]) * (SHIFTS[match[2]?.toLowerCase() ?? ''] ?? 1);
  if (!(bytes >= smallest && bytes <= largest)) {
    throw new UsageError(
      `"${text}" is no size from ${mebibytes(smallest)} to ${mebibytes(largest)}; write for example 8MiB`,
    );
  }
  return bytes;
}

/** As {@link size} reads it. */
export const mebibytes = (bytes: number): string => `${bytes / 2 ** 20}MiB`;

/** Like {@link size}, and a power of two: what the kernel takes as the size of a ring buffer. */
export function powerOfTwoSize(text: string, smallest: number, largest: number): number {
  const bytes = size(text, smallest, largest);
  if (!Number.isInteger(Math.log2(bytes))) {
    const below = 2 ** Math.floor(Math.log2(bytes));
    throw new UsageError(
      `"${text}" is no power of two; the nearest are ${mebibytes(below)} and ${mebibytes(2 * below)}`,
    );
  }
  return bytes;
}

/** One of a few words. */
export function oneOf<const T extends string>(text: string, words: readonly T[]): T {
  const word = words.find((each) => each === text.toLowerCase());
  if (word === undefined) {
    throw new UsageError(`"${text}" is none of ${words.join(', ')}${didYouMean(text, words)}`);
  }
  return word;
}

/** A whole number of something. */
export function count(text: string, smallest: number, largest: number): number {
  const number = /^\s*\d{1,15}\s*$/.test(text) ? Number(text) : Number.NaN;
  if (!(number >= smallest && number <= largest))
    throw new UsageError(`"${text}" is no whole number from ${smallest} to ${largest}`);
  return number;
}

/** What `--output` can be; a file's path is as it was written. */
export type Output = 'console' | 'json' | 'none' | `file:${string}`;

export function output(text: string): Output {
  if (text === 'file:') throw new UsageError('"file:" lacks a path; write file:events.jsonl');
  if (text.startsWith('file:')) return text as Output;
  try {
    return oneOf(text, ['console', 'json', 'none']);
  } catch (error) {
    throw new UsageError(`${(error as Error).message}; or write file:PATH`);
  }
}

/** Where a server listens. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** `HOST:PORT`, `[::1]:PORT`, or PORT on 127.0.0.1. */
export function endpoint(text: string): Endpoint {
  const [, bracketed, plain, digits = ''] =
    /^(?:\[([0-9a-fA-F:]+)\]:|([^[\]:\s]+):)?(\d{1,5})$/.exec(text.trim()) ?? [];
  const port = Number(digits);
  if (digits === '' || port > 65_535)
    throw new UsageError(`"${text}" is no HOST:PORT, such as 127.0.0.1:13134`);
  return { host: bracketed ?? plain ?? '127.0.0.1', port };
}

/** A process id: at most 2^22, the kernel's own limit. */
export function processId(text: string): number {
  const pid = /^\d{1,7}$/.test(text) ? Number(text) : 0;
  if (pid < 1 || pid > 2 ** 22) throw new UsageError(`"${text}" is no process id`);
  return pid;
}

/** The programs compare NAME= in 32 bytes, for at most 8 names (ebpf/lib/environment.h). */
const VARIABLES_MAX = 8;
const VARIABLE_BYTES_MAX = 31;

/** Names of environment variables, divided by commas; nothing at all means none. */
export function variableNames(text: string): readonly string[] {
  const names = [...new Set(list(text))];
  for (const name of names) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
      throw new UsageError(`"${name}" is no name of an environment variable`);
    if (name.length > VARIABLE_BYTES_MAX)
      throw new UsageError(`"${name}" has more than ${VARIABLE_BYTES_MAX} letters`);
  }
  if (names.length > VARIABLES_MAX)
    throw new UsageError(`${names.length} names are too many; at most ${VARIABLES_MAX} are read`);
  return names;
}

/** The programs compare with so many (ebpf/programs/dns.bpf.c). */
const PORTS_MAX = 8;

/** Port numbers, divided by commas: at least one. */
export function ports(text: string): readonly number[] {
  const numbers = [...new Set(list(text))].map((word) => {
    const port = /^\d{1,5}$/.test(word) ? Number(word) : 0;
    if (port < 1 || port > 65_535) throw new UsageError(`"${word}" is no port from 1 to 65535`);
    return port;
  });
  if (numbers.length === 0) throw new UsageError('no port is named; write 53, or numbers divided by commas');
  if (numbers.length > PORTS_MAX)
    throw new UsageError(`${numbers.length} ports are too many; at most ${PORTS_MAX} are compared`);
  return numbers;
}

/**
 * Event names, divided by commas: `agentsmith.process.exec`, the same without the prefix, the last word alone, globs
 * (`process.*`), or `all`. The result has full names in the order of `known`.
 */
export function eventNames(text: string, known: readonly string[]): readonly string[] {
  const wanted = new Set<string>();
  for (const pattern of list(text)) {
    const names = known.filter(
      (name) => pattern === 'all' || spellings(name).some((word) => matches(pattern, word)),
    );
    if (names.length === 0) {
      const short = known.map((name) => spellings(name)[1]!);
      throw new UsageError(
        `no event is called "${pattern}"${didYouMean(pattern, known.flatMap(spellings))}; there are ${short.join(', ')}`,
      );
    }
    for (const name of names) wanted.add(name);
  }
  if (wanted.size === 0) throw new UsageError('no event is named; write all, or names divided by commas');
  return known.filter((name) => wanted.has(name));
}

function spellings(name: string): readonly [full: string, short: string, word: string] {
  return [name, name.replace(/^agentsmith\./, ''), name.slice(name.lastIndexOf('.') + 1)];
}

/** What stands between commas. */
export function list(text: string): string[] {
  return text
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
}

/** Whether a glob with `*` and `?` matches all of `text`; only the last star is tried again, so it is never slow. */
export function matches(glob: string, text: string): boolean {
  let g = 0;
  let t = 0;
  let star = -1;
  let starText = 0;
  while (t < text.length) {
    if (glob[g] === '*') {
      star = g++;
      starText = t;
    } else if (glob[g] === '?' || glob[g] === text[t]) {
      g++;
      t++;
    } else if (star >= 0) {
      g = star + 1;
      t = ++starText;
    } else return false;
  }
  while (glob[g] === '*') g++;
  return g === glob.length;
}

/** The name of a file. */
export function path(text: string): string {
  if (text === '') throw new UsageError('the name of the file is empty');
  return text;
}
