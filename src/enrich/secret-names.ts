// SPDX-License-Identifier: Apache-2.0
import { ArgumentCursor, BLANK, endOfArgument } from './argument-cursor.ts';

/*
 * Values that a name gives away. A name is telling by its last word: DB_PASSWORD, spring.datasource.password and
 * --registry-token are; password-file, token_count and secretName are not.
 */
const WORDS =
  'passphrase|password|passwd|passcode|pass(?:in|out)?|pwd|secret|token|o?auth|authorization|bearer|cookie|' +
  '(?:api|app|access|secret|private|account|encryption|signing|master|auth|shared)[_.-]?key';

/** The last word of a name, a number behind it (PASSWORD_2), and what stands before the value. */
export const NAME = new RegExp(
  `(${WORDS})(?:[_-]?[0-9]{1,3})?(\\\\{0,3}["']?[ \\t]{0,8}(?:[=:]|%3[ad])|\\0|[ \\t]{1,8})`,
  'gi',
);
const WHOLE_NAME = new RegExp(`(${WORDS})(?:[_-]?[0-9]{1,3})?$`, 'i');

/** They end ordinary words too (bypass, compass), so not everything may stand before them. */
const SHORT = /^(?:pass(?:in|out)?|pwd|o?auth)$/i;
const BEFORE_SHORT =
  /(?:^|[^a-z]|db|my|user|root|admin|ftp|smtp|imap|mail|ssh|sql|pg|redis|mongo|rabbit|proxy|http|basic|ldap|login|store)$/i;

/** Options that do without the secret or ask for it elsewhere: `--no-password`, `--ask-become-pass`. */
const WITHOUT = /^-{1,2}(?:no|without|ask|prompt|skip|disable|use|enable)-/i;
const WORKING_DIRECTORY = /^(?:OLD)?PWD$/;
/** `token:x` and `auth:x` are names of images and modules at least as often as secrets. */
const TIGHT_COLON = /^(?:pass|pwd|secret|authorization|cookie)|key$/i;

/** Longest part of a name before its last word, and longest value that may turn out to be none: bounds of the work. */
const NAME_MAX = 64;
const HARMLESS_MAX = 64;
const HARMLESS = /^(?:true|false|yes|no|on|off|none|null|nil|undefined|\[redacted\]|\*{1,64})$/i;
const HARMLESS_OF: readonly (readonly [word: RegExp, value: RegExp])[] = [
  [/^o?auth$/i, /^(?:basic|digest|ntlm|negotiate|kerberos|gssapi|plain|login|any|required|optional|[0-9])$/i],
  [/^pass/i, /^(?:[0-9]$|stdin$|(?:file|env|fd):)/], // ffmpeg -pass 1, openssl -passin file:x
  [/^token$/i, /^[0-9]{1,4}$/], // max_token=512
  [/^secret$/i, /^(?:id|type|src|source)=/], // docker build --secret id=x,src=y
  [/^cookie$/i, /^[^=]{0,64}[/.][^=]{0,64}$/], // curl --cookie jar.txt
  [/^(?:pwd|private[_.-]?key)$/i, /^(?:~|\.{1,2})?\//], // ansible --private-key /path
];
/** What a shell replaces. */
export const VARIABLE = /^\$(?:[A-Za-z_][A-Za-z0-9_]{0,62}|\{[A-Za-z_][A-Za-z0-9_]{0,60}\})$/;

const SCHEME = /(?:bearer|basic|digest|token|negotiate|apikey|aws4-hmac-sha256)(?:[ \t]{1,8}|%20|\+)/iy;
const QUOTE = /\\{0,3}["']/y;
const BARE_END = `${BLANK};&|"'\`<>`;

/** Whether a value under this name is a secret: `name` of a variable or option, without its dashes or with them. */
export function isSecretName(name: string, value: string): boolean {
  const match = WHOLE_NAME.exec(name.slice(-2 * NAME_MAX));
  return (
    match !== null &&
    isTelling(name.slice(0, name.length - match[0].length), match[1]!) &&
    !isHarmless(match[1]!, value)
  );
}

/** Appends [start, end] of each value in `text` (arguments with a NUL between them) whose name is telling. */
export function findNamedSecrets(text: string, found: number[]): void {
  const argument = new ArgumentCursor(text);
  NAME.lastIndex = 0;
  for (let match = NAME.exec(text); match !== null; match = NAME.exec(text)) {
    const [whole, word = '', separator = ''] = match;
    const start = nameStart(text, match.index);
    argument.moveTo(start);
    if (!isTelling(text.slice(start, match.index), word)) continue;
    const from = valueStart(text, argument, start, match.index, word, separator, match.index + whole.length);
    if (from < 0) continue;
    const range = valueRange(text, argument, start, word, separator, from);
    const value = text.slice(range.from, Math.min(range.to, range.from + HARMLESS_MAX + 1));
    NAME.lastIndex = range.from;
    if (value === '' || isHarmless(word, value) || (!range.literal && VARIABLE.test(value))) continue;
    found.push(range.from, range.to);
    NAME.lastIndex = range.to;
  }
}

function nameStart(text: string, word: number): number {
  let start = word;
  while (start > 0 && word - start < NAME_MAX && /[\w.-]/.test(text[start - 1]!)) start--;
  return start;
}

function isTelling(before: string, word: string): boolean {
  if (WORKING_DIRECTORY.test(before + word)) return false;
  return (
    !SHORT.test(word) || BEFORE_SHORT.test(before) || (/[a-z]$/.test(before) && /^[A-Z][a-z]/.test(word))
  );
}

function isHarmless(word: string, value: string): boolean {
  if (value.length > HARMLESS_MAX) return false;
  return (
    HARMLESS.test(value) || HARMLESS_OF.some(([words, values]) => words.test(word) && values.test(value))
  );
}

/** Where the value begins, -1 when the name has none: a bare word, a flag, `Class::token`, `secret://`, `app/secret:1`. */
function valueStart(
  text: string,
  argument: ArgumentCursor,
  name: number,
  wordAt: number,
  word: string,
  separator: string,
  at: number,
): number {
  if (separator === '\0' || !/[=:ad]$/i.test(separator)) {
    const isOption = text[name] === '-' && !WITHOUT.test(text.slice(name, wordAt));
    if (!isOption && !/^aws_/i.test(text.slice(name, wordAt))) return -1;
    return text[at] === '-' || (separator === '\0' && name !== argument.start) ? -1 : at;
  }
  if (separator.endsWith(':')) {
    if (text[at] === ':' || text.startsWith('//', at)) return -1;
    const isTight = separator === ':' && at < text.length && !` \t"'\\`.includes(text[at]!);
    if (isTight && (!TIGHT_COLON.test(word) || text[name - 1] === '/')) return -1;
  } else if (!/^[ \t]/.test(separator)) return at;
  while (text[at] === ' ' || text[at] === '\t') at++;
  return at;
}

interface ValueRange {
  from: number;
  to: number;
  /** Whether it is as the program gets it; else a shell or parser reads it first. */
  literal: boolean;
}

/** What stands before the name tells how far the value reaches. */
function valueRange(
  text: string,
  argument: ArgumentCursor,
  name: number,
  word: string,
  separator: string,
  from: number,
): ValueRange {
  if (separator === '\0')
    return { from: skipScheme(text, word, from), to: endOfArgument(text, from), literal: true };
  const before = name > argument.start ? text[name - 1]! : '';
  const isWord = argument.breakAt >= name && !argument.isScript;
  if (isWord && (before === '' || before === '=') && /[=:]$/.test(separator)) {
    return { from: skipScheme(text, word, from), to: argument.end, literal: true };
  }
  if (/["'`]/.test(before) && !/["']/.test(separator)) {
    return {
      from: skipScheme(text, word, from),
      to: endAt(text, from, argument.end, before),
      literal: false,
    };
  }
  QUOTE.lastIndex = from;
  const quote = QUOTE.exec(text)?.[0];
  if (quote !== undefined) {
    const inner = from + quote.length;
    return {
      from: skipScheme(text, word, inner),
      to: endOfQuoted(text, inner, argument.end, quote),
      literal: false,
    };
  }
  from = skipScheme(text, word, from);
  const stops =
    before === '?' || before === '&'
      ? `&#${BLANK}"'`
      : before === ';' || before === ','
        ? isWord
          ? before
          : before + BARE_END
        : BARE_END;
  return { from, to: endAt(text, from, argument.end, stops), literal: false };
}

function skipScheme(text: string, word: string, at: number): number {
  SCHEME.lastIndex = at;
  return /^authorization$/i.test(word) && SCHEME.test(text) ? SCHEME.lastIndex : at;
}

function endAt(text: string, from: number, end: number, stops: string): number {
  let i = from;
  while (i < end && !stops.includes(text[i]!)) i++;
  return Math.min(i, end);
}

/** A quote behind a backslash ends only what such a quote began. */
function endOfQuoted(text: string, from: number, end: number, quote: string): number {
  let i = from;
  while (i < end && !(text.startsWith(quote, i) && (quote.length > 1 || text[i - 1] !== '\\'))) i++;
  return i;
}
