// SPDX-License-Identifier: Apache-2.0
import { isIP } from 'node:net';
import { didYouMean, UsageError } from './usage-error.ts';
import { eventNames } from './values.ts';

/** What a rule looks at. Never the name of a thread: anyone can set it. */
export const FILTER_SUBJECTS = ['uid', 'cgroup', 'executable', 'destination', 'path'] as const;
export type FilterSubject = (typeof FILTER_SUBJECTS)[number];

/** One `--filter`: which events of whom are not wanted, or are the only ones that are. */
export interface FilterRule {
  readonly action: 'drop' | 'keep';
  /** Full names. */
  readonly events: readonly string[];
  readonly subject: FilterSubject;
  readonly value: string;
}

/** The grammar in one line, for messages and `--help`. */
export const FILTER_GRAMMAR: string = `drop|keep EVENTS ${FILTER_SUBJECTS.join('|')}=VALUE`;

const EXAMPLE = 'drop network.connect destination=10.0.0.0/8';

/** Events that have a destination or a path. */
const CONCERNED: Partial<Record<FilterSubject, RegExp>> = {
  destination: /^agentsmith\.network\.connect$/,
  path: /^agentsmith\.file\./,
};

/** What the kernel compares of a path at most (ebpf/filters.h): the text, its NULs included. */
const PATH_BYTES_MAX = 64;

/**
 * `drop|keep EVENTS SUBJECT=VALUE`. EVENTS as for --events. Values: `uid=1000`; `cgroup=/system.slice/x` below the
 * cgroup root, or its id; `executable=/usr/bin/x`; `destination=10.0.0.0/8`; `path=/etc/` (everything below),
 * `path=/etc/passwd` (this one) or `path=*.so` (names that end so).
 *
 * @throws UsageError
 */
export function filterRule(text: string, known: readonly string[]): FilterRule {
  const [, action, events, subject = '', value = ''] =
    /^\s*(drop|keep)\s+(\S+)\s+([a-z]+)=(.*?)\s*$/s.exec(text) ?? [];
  if (action === undefined || events === undefined)
    throw new UsageError(`"${text}" is no filter; write ${FILTER_GRAMMAR}, for example ${EXAMPLE}`);
  if (!isSubject(subject)) {
    throw new UsageError(
      `"${subject}" is nothing to filter by${didYouMean(subject, FILTER_SUBJECTS)}; there are ${FILTER_SUBJECTS.join(', ')}`,
    );
  }
  CHECKS[subject](value);
  const names = eventNames(events, known);
  const concerned = names.filter((name) => CONCERNED[subject]?.test(name) ?? true);
  if (concerned.length === 0) throw new UsageError(`"${text}": none of these events has a ${subject}`);
  return { action: action as 'drop' | 'keep', events: concerned, subject, value };
}

/** Several rules, divided by semicolons. @throws UsageError */
export function filterRules(text: string, known: readonly string[]): readonly FilterRule[] {
  return text
    .split(';')
    .filter((rule) => rule.trim() !== '')
    .map((rule) => filterRule(rule, known));
}

/** Rules as {@link filterRules} reads them. */
export function filterText(rules: readonly FilterRule[]): string {
  return rules
    .map(({ action, events, subject, value }) => `${action} ${events.join(',')} ${subject}=${value}`)
    .join('; ');
}

const isSubject = (word: string): word is FilterSubject =>
  (FILTER_SUBJECTS as readonly string[]).includes(word);

function absolute(value: string): void {
  if (!value.startsWith('/')) throw new UsageError(`"${value}" is no absolute path`);
}

const CHECKS: Readonly<Record<FilterSubject, (value: string) => void>> = {
  uid(value) {
    if (!/^\d{1,10}$/.test(value) || Number(value) >= 2 ** 32)
      throw new UsageError(`"${value}" is no user id`);
  },
  cgroup(value) {
    if (!/^\d{1,19}$/.test(value) && !value.startsWith('/'))
      throw new UsageError(
        `"${value}" is no control group: write its id, or its path below the root of the hierarchy`,
      );
  },
  executable: absolute,
  destination(value) {
    parseNetwork(value);
  },
  path(value) {
    const pattern = pathPattern(value);
    if (pattern.text.length > PATH_BYTES_MAX)
      throw new UsageError(`"${value}" is too long: the kernel compares ${PATH_BYTES_MAX} bytes`);
  },
};

/** A path rule as the kernel compares it: the components leaf first, each with its NUL (ebpf/filters.h). */
export interface PathPattern {
  readonly kind: 'below' | 'leaf' | 'exact';
  readonly text: Buffer;
}

/** @throws UsageError */
export function pathPattern(value: string): PathPattern {
  if (value.startsWith('*')) {
    const suffix = value.slice(1);
    if (suffix === '' || /[*?/]/.test(suffix))
      throw new UsageError(`"${value}": behind the star stands the end of a file name (*.so)`);
    return { kind: 'leaf', text: Buffer.from(suffix) };
  }
  absolute(value);
  if (/[*?]/.test(value))
    throw new UsageError(`"${value}": a star stands only at the beginning (*.so); a folder ends with /`);
  const components = value.split('/').filter((word) => word !== '');
  const reversed = components.reverse().map((word) => `${word}\0`);
  const isFolder = value.endsWith('/');
  return {
    kind: isFolder ? 'below' : 'exact',
    text: Buffer.from(`${isFolder ? '\0' : ''}${reversed.join('')}\0`),
  };
}

/** A network as 16 bytes of IPv6 and the bits that count; IPv4 as ::ffff:a.b.c.d. @throws UsageError */
export function parseNetwork(text: string): { readonly address: Buffer; readonly bits: number } {
  const [, host = '', length] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const family = isIP(host);
  const most = family === 4 ? 32 : 128;
  const bits = length === undefined ? most : Number(length);
  if (family === 0 || bits > most)
    throw new UsageError(`"${text}" is no network; write for example 10.0.0.0/8 or fd00::/8`);
  if (family === 4)
    return {
      address: Buffer.from([...new Array(10).fill(0), 255, 255, ...host.split('.').map(Number)]),
      bits: bits + 96,
    };
  return { address: ipv6Bytes(host), bits };
}

/** RFC 4291 2.2; the text was checked by isIP. */
function ipv6Bytes(text: string): Buffer {
  const withoutZone = text.replace(/%.*$/, '');
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(withoutZone);
  const plain = dotted
    ? `${dotted[1]}${hex(dotted[2]!, dotted[3]!)}:${hex(dotted[4]!, dotted[5]!)}`
    : withoutZone;
  const [head = '', tail] = plain.split('::');
  const words = (part: string) =>
    part === '' ? [] : part.split(':').map((word) => Number.parseInt(word, 16));
  const [before, after] = [words(head), words(tail ?? '')];
  const all = [...before, ...new Array(8 - before.length - after.length).fill(0), ...after];
  const bytes = Buffer.alloc(16);
  for (const [i, word] of all.entries()) bytes.writeUInt16BE(word, 2 * i);
  return bytes;
}

const hex = (high: string, low: string): string => ((Number(high) << 8) | Number(low)).toString(16);
