// SPDX-License-Identifier: Apache-2.0

/** AWS access key ids: long-lived, temporary. */
const AWS_ID = /(?<![A-Za-z0-9])((?:AKIA|ASIA)[A-Z0-9]{16})(?![A-Za-z0-9])/dg;

/**
 * Credentials that their shape gives away. Group 1 is what to hide. Every repetition is bounded, and one that may be
 * long starts only at the edge of a word, so that a long word is read once and not once from each of its letters.
 */
export const TOKEN_PATTERNS: readonly RegExp[] = [
  AWS_ID,
  // GitHub: personal, OAuth, user-to-server, server-to-server, refresh; fine-grained.
  /(?<![A-Za-z0-9])(gh[opsur]_[A-Za-z0-9]{16,512}|github_pat_[A-Za-z0-9_]{16,512})/dg,
  // GitLab personal, npm automation.
  /(?<![A-Za-z0-9])(glpat-[A-Za-z0-9_-]{16,256}|npm_[A-Za-z0-9]{36})/dg,
  // Slack bot, user, app, refresh, configuration.
  /(?<![A-Za-z0-9])(xox[a-z](?:\.xox[a-z])?-[A-Za-z0-9-]{8,512})/dg,
  // Google API key.
  /(?<![A-Za-z0-9_-])(AIza[A-Za-z0-9_-]{35})/dg,
  // JSON Web Token: header.claims.signature, the first two JSON objects in base64url.
  /(?<![A-Za-z0-9_-])(eyJ[A-Za-z0-9_-]{4,8192}\.[A-Za-z0-9_-]{4,8192}\.[A-Za-z0-9_-]{0,8192})/dg,
  // scheme://user:password@host; the password may hold an @, and all that is no slash.
  /:\/\/[^\0-\x20/:@"'`]{0,256}:([^\0-\x20/"'`]{1,8192})@/dg,
  // user:password@host without a scheme (scp, curl); not `image:tag@sha256:…`, `npm:name@1.2.3` or `mailto:me@host`.
  /(?<![^\0-\x20"'`=,])(?!(?:npm|jsr|workspace|patch|pkg|git|github|gitlab|file|link|mailto|sips?|xmpp|acct):)[\w.+%-]{1,128}:([^\0-\x20/:@"'`]{1,1024})@(?!sha\d{3}:)[A-Za-z0-9[]/dg,
];

/**
 * A secret access key of AWS is 40 letters of base64 and could be anything; beside an access key id it is taken for
 * one when it has small and capital letters and a digit.
 */
export const AWS_SECRET = /(?<![A-Za-z0-9+/=])[A-Za-z0-9+/]{40}(?![A-Za-z0-9+/=])/g;

/** The first line of a private key in PEM. */
export const PEM_BEGIN = /-----BEGIN [A-Z0-9 ]{0,32}PRIVATE KEY(?: BLOCK)?-----/g;

/** Appends [start, end] of each credential in `text` to `found`. */
export function findTokens(text: string, found: number[]): void {
  for (const pattern of TOKEN_PATTERNS) {
    pattern.lastIndex = 0;
    const before = found.length;
    for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
      found.push(...match.indices![1]!);
    }
    if (pattern === AWS_ID && found.length > before) findAwsSecrets(text, found);
  }
  findPrivateKeys(text, found);
}

function findAwsSecrets(text: string, found: number[]): void {
  AWS_SECRET.lastIndex = 0;
  for (let match = AWS_SECRET.exec(text); match !== null; match = AWS_SECRET.exec(text)) {
    const word = match[0];
    if (/[a-z]/.test(word) && /[A-Z]/.test(word) && /[0-9]/.test(word)) {
      found.push(match.index, AWS_SECRET.lastIndex);
    }
  }
}

/** The first and last line stay: what kind of key it was is worth knowing. */
function findPrivateKeys(text: string, found: number[]): void {
  PEM_BEGIN.lastIndex = 0;
  while (PEM_BEGIN.test(text)) {
    const from = PEM_BEGIN.lastIndex;
    const stop = /\0|-----END/g;
    stop.lastIndex = from;
    const end = stop.exec(text)?.index ?? text.length;
    if (end > from) found.push(from, end);
    PEM_BEGIN.lastIndex = end;
  }
}
