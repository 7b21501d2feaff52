// SPDX-License-Identifier: Apache-2.0

import { VARIABLE } from './secret-names.ts';

/*
 * Short options mean a secret only to some commands: `-p` is a port, a pid or a path to most others. So the command
 * is looked for where commands stand (first, behind `sudo` and its like, behind `;` and `|` in a script), and only
 * its own options count. mysql itself overwrites `-pSECRET` in its argv later; the kernel's copy still holds it.
 */

interface SecretOption {
  readonly flags: readonly string[];
  /** Where the value is: the next word, the same word behind the flag, or either. */
  readonly value: 'next' | 'attached' | 'either';
  /** The secret begins behind this character (`user:secret`); without it in the value there is none. */
  readonly behind?: string;
  /** The option counts only behind this word (`docker login`). */
  readonly after?: string;
}

const login: SecretOption = { flags: ['-p'], value: 'either', after: 'login' };
const archive: SecretOption = { flags: ['-P'], value: 'next' };

/** By the command's name, or by its beginning when the key ends in `*`. */
const COMMANDS: readonly (readonly [command: string, option: SecretOption])[] = [
  ['curl', { flags: ['-u', '-U', '--user', '--proxy-user'], value: 'either', behind: ':' }],
  ['curl', { flags: ['-b'], value: 'either', behind: '=' }],
  ['http', { flags: ['-a'], value: 'next', behind: ':' }],
  ['https', { flags: ['-a'], value: 'next', behind: ':' }],
  ['lftp', { flags: ['-u'], value: 'next', behind: ',' }],
  ['mysql*', { flags: ['-p'], value: 'attached' }],
  ['mariadb*', { flags: ['-p'], value: 'attached' }],
  ['mongo*', { flags: ['-p'], value: 'next' }],
  ['redis-cli', { flags: ['-a'], value: 'next' }],
  ['sqlcmd', { flags: ['-P'], value: 'either' }],
  ['sshpass', { flags: ['-p'], value: 'either' }],
  ['ldap*', { flags: ['-w'], value: 'either' }],
  ['smbclient', { flags: ['-U'], value: 'either', behind: '%' }],
  ['rpcclient', { flags: ['-U'], value: 'either', behind: '%' }],
  ['ipmitool', { flags: ['-P'], value: 'next' }],
  ['docker', login],
  ['podman', login],
  ['nerdctl', login],
  ['skopeo', login],
  ['helm', login],
  ['zip', archive],
  ['unzip', archive],
  ['7z*', { flags: ['-p'], value: 'attached' }],
  ['useradd', { flags: ['-p'], value: 'next' }],
  ['usermod', { flags: ['-p'], value: 'next' }],
  ['nmcli', { flags: ['password'], value: 'next' }],
];

/** A cheap look before the words are read one by one. */
const ANY_COMMAND =
  /curl|http|lftp|mysql|mariadb|mongo|redis-cli|sqlcmd|sshpass|ldap|smbclient|rpcclient|ipmitool|login|zip|7z|user(?:add|mod)|nmcli/;

/** Commands whose arguments are a command; their own options and settings may stand before it. */
const WRAPPERS = new Set(
  'sudo doas env nice ionice nohup time timeout exec command xargs setsid stdbuf strace ltrace chrt taskset busybox'.split(
    ' ',
  ),
);

/** What divides the commands of a script, or a word of it; quotes hold blanks together. */
export const SCRIPT_WORD =
  /[;|&()\n]|"[^"\0]{0,4096}"?|'[^'\0]{0,4096}'?|[^\0-\x20;|&()"'][^\0-\x20;|&()]{0,4096}/g;
/** Longest word that can be a command. */
const COMMAND_MAX = 256;

/** Appends [start, end] of each value in `text` (arguments with a NUL between them) that a short option gives away. */
export function findCommandSecrets(text: string, found: number[]): void {
  if (!ANY_COMMAND.test(text)) return;
  const commandLine = new CommandReader(text, found);
  for (let start = 0; start < text.length; ) {
    const next = text.indexOf('\0', start);
    const end = next < 0 ? text.length : next;
    commandLine.word(start, end);
    if (/[ \n]/.test(text.slice(start, end))) readScript(text, start, end, found);
    start = end + 1;
  }
}

function readScript(text: string, start: number, end: number, found: number[]): void {
  const script = new CommandReader(text, found);
  SCRIPT_WORD.lastIndex = start;
  for (
    let match = SCRIPT_WORD.exec(text);
    match !== null && match.index < end;
    match = SCRIPT_WORD.exec(text)
  ) {
    if (/^[;|&()\n]/.test(match[0])) script.endCommand();
    else script.word(match.index, SCRIPT_WORD.lastIndex);
  }
}

/** Reads the words of a command line in order and finds the secrets among them. */
class CommandReader {
  readonly #text: string;
  readonly #found: number[];
  /** Whether the next word may be a command. */
  #expectsCommand = true;
  #isWrapped = false;
  #wasOption = false;
  #options: readonly SecretOption[] = [];
  #awaited: SecretOption | undefined;
  #isUnlocked = false;

  constructor(text: string, found: number[]) {
    this.#text = text;
    this.#found = found;
  }

  endCommand(): void {
    this.#expectsCommand = true;
    this.#isWrapped = this.#wasOption = this.#isUnlocked = false;
    this.#options = [];
    this.#awaited = undefined;
  }

  word(from: number, to: number): void {
    const word = this.#text.slice(from, Math.min(to, from + COMMAND_MAX));
    if (this.#expectsCommand) this.#readCommand(word);
    else if (this.#awaited) {
      this.#hide(from, to, this.#awaited);
      this.#awaited = undefined;
    } else this.#readArgument(word, from, to);
  }

  #readCommand(word: string): void {
    const name = word.slice(word.lastIndexOf('/') + 1);
    if (WRAPPERS.has(name)) {
      this.#isWrapped = true;
      return;
    }
    const options = COMMANDS.filter(([command]) =>
      command.endsWith('*') ? name.startsWith(command.slice(0, -1)) : name === command,
    ).map(([, option]) => option);
    const isOption = word.startsWith('-');
    // `sudo -u bob A=b timeout 5 mysql`: options, their values, settings and numbers come before the command.
    const isBefore =
      /^\w{1,64}=/.test(word) || (this.#isWrapped && (isOption || this.#wasOption || /^[0-9]/.test(word)));
    this.#wasOption = isOption;
    if (options.length === 0 && isBefore) return;
    this.#expectsCommand = false;
    this.#options = options;
  }

  #readArgument(word: string, from: number, to: number): void {
    for (const option of this.#options) {
      if (option.after === word) this.#isUnlocked = true;
      if (option.after !== undefined && !this.#isUnlocked) continue;
      for (const flag of option.flags) {
        if (!word.startsWith(flag)) continue;
        if (word === flag && option.value !== 'attached') this.#awaited = option;
        else if (word !== flag && option.value !== 'next') {
          const isLong = flag.startsWith('--');
          if (!isLong || word[flag.length] === '=')
            this.#hide(from + flag.length + (isLong ? 1 : 0), to, option);
        }
      }
    }
  }

  #hide(from: number, to: number, option: SecretOption): void {
    let value = this.#text.slice(from, to);
    const quote = value[0];
    if (quote === '"' || quote === "'") {
      value = value.slice(1, value.endsWith(quote) ? -1 : undefined);
      from++;
    }
    const start = option.behind === undefined ? 0 : value.indexOf(option.behind) + 1;
    if (option.behind !== undefined && start === 0) return;
    if (start < value.length && !VARIABLE.test(value.slice(start, start + 65))) {
      this.#found.push(from + start, from + value.length);
    }
  }
}
