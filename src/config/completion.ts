// SPDX-License-Identifier: Apache-2.0
import { COMMANDS, type Command, type EventNames } from './option.ts';
import { flagOf, OPTION_NAMES, type OptionName, optionOf } from './options.ts';
import { oneOf } from './values.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

const PROGRAM = 'agentsmith-otel';
const COMMAND_NAMES = Object.keys(COMMANDS) as Command[];

/** The script that completes commands, flags and their words in a shell. @throws UsageError for an unknown shell */
export function completionScript(shell: string, events: EventNames): string {
  return { bash, zsh, fish }[oneOf(shell, SHELLS)](events);
}

/** What may stand behind a flag: some words, a file, something else (undefined), nothing at all (null). */
function wordsOf(name: OptionName, events: EventNames): readonly string[] | 'file' | undefined | null {
  const { value } = optionOf(name);
  if (value === undefined) return null;
  if (value === 'FILE') return 'file';
  if (name === 'events') return ['all', ...events.known.map((event) => event.replace(/^agentsmith\./, ''))];
  if (name === 'logLevel') return ['none', 'error', 'warn', 'info', 'debug', 'verbose', 'all'];
  return value.includes('|') ? value.split('|').filter((word) => /^[a-z/]+$/.test(word)) : undefined;
}

const argumentOf = (command: Command): readonly string[] | 'file' | undefined => {
  const { argument } = COMMANDS[command];
  return argument === undefined ? undefined : argument === 'FILE' ? 'file' : argument.split('|');
};

/** Every spelling of a flag. */
const spellings = (name: OptionName): string[] => {
  const { short } = optionOf(name);
  return [flagOf(name), ...(short === undefined ? [] : [`-${short}`])];
};

function bash(events: EventNames): string {
  const cases = OPTION_NAMES.flatMap((name) => {
    const words = wordsOf(name, events);
    if (words === null) return [];
    const reply = words === 'file' ? '-f' : words === undefined ? undefined : `-W '${words.join(' ')}'`;
    return [
      `    ${flagOf(name)}) ${reply === undefined ? '' : `COMPREPLY=($(compgen ${reply} -- "$word")); `}return ;;`,
    ];
  });
  const flags = COMMAND_NAMES.map(
    (command) =>
      `    ${command}) flags='${OPTION_NAMES.filter((name) => optionOf(name).commands.includes(command))
        .map(flagOf)
        .join(' ')}' ;;`,
  );
  const behind = COMMAND_NAMES.flatMap((command) => {
    const words = argumentOf(command);
    if (words === undefined) return [];
    return [
      `    ${command}) COMPREPLY=($(compgen ${words === 'file' ? '-f' : `-W '${words.join(' ')}'`} -- "$word")); return ;;`,
    ];
  });
  return `# bash completion of ${PROGRAM}: source this file, or put it into /etc/bash_completion.d
_agentsmith_otel() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} command='' each flags
  COMPREPLY=()
  case $before in
${cases.join('\n')}
  esac
  for each in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $each in ${COMMAND_NAMES.join('|')}) command=$each; break ;; esac
  done
  case \${command:-run} in
${flags.join('\n')}
  esac
  if [[ $word == -* ]]; then
    COMPREPLY=($(compgen -W "$flags" -- "$word"))
    return
  fi
  case $command in
    '') COMPREPLY=($(compgen -W '${COMMAND_NAMES.join(' ')}' -- "$word")) ;;
${behind.join('\n')}
  esac
}
complete -o default -o nosort -F _agentsmith_otel ${PROGRAM}
`;
}

/** For single quotes of sh; zsh and fish take it too. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

function zsh(events: EventNames): string {
  // Brackets and colons divide the parts of a specification of _arguments.
  const plain = (text: string) => text.replaceAll(/([[\]:\\])/g, '\\$1');
  const specs = OPTION_NAMES.flatMap((name) => {
    const words = wordsOf(name, events);
    const { help, each } = optionOf(name);
    const behind =
      words === null
        ? ''
        : words === 'file'
          ? ':file:_files'
          : words === undefined
            ? ':value: '
            : `:word:(${words.join(' ')})`;
    return spellings(name).map((flag) => quoted(`${each ? '*' : ''}${flag}[${plain(help)}]${behind}`));
  });
  const commands = COMMAND_NAMES.map((name) => quoted(`${name}:${COMMANDS[name].about}`));
  const behind = COMMAND_NAMES.flatMap((command) => {
    const words = argumentOf(command);
    if (words === undefined) return [];
    return [`    ${command}) ${words === 'file' ? '_files' : `compadd ${words.join(' ')}`} ;;`];
  });
  return `#compdef ${PROGRAM}
# zsh completion of ${PROGRAM}: put this file as _${PROGRAM} into a folder of $fpath
_agentsmith_otel_commands() {
  local -a commands=(
    ${commands.join('\n    ')}
  )
  _describe command commands
}
_agentsmith_otel_argument() {
  case $line[1] in
${behind.join('\n')}
  esac
}
_agentsmith_otel() {
  local -a line
  _arguments -s -S \\
    ${specs.join(' \\\n    ')} \\
    '1:command:_agentsmith_otel_commands' \\
    '2:argument:_agentsmith_otel_argument'
}
compdef _agentsmith_otel ${PROGRAM}
`;
}

function fish(events: EventNames): string {
  const lines = [
    `# fish completion of ${PROGRAM}: put this file into ~/.config/fish/completions`,
    `complete -c ${PROGRAM} -f`,
  ];
  for (const name of COMMAND_NAMES) {
    lines.push(
      `complete -c ${PROGRAM} -n __fish_use_subcommand -a ${name} -d ${quoted(COMMANDS[name].about)}`,
    );
    const words = argumentOf(name);
    const when = `-n '__fish_seen_subcommand_from ${name}'`;
    if (words === 'file') lines.push(`complete -c ${PROGRAM} ${when} -F`);
    else if (words) lines.push(`complete -c ${PROGRAM} ${when} -a ${quoted(words.join(' '))}`);
  }
  for (const name of OPTION_NAMES) {
    const { help, short } = optionOf(name);
    const words = wordsOf(name, events);
    const behind =
      words === null
        ? ''
        : words === 'file'
          ? ' -r -F'
          : words === undefined
            ? ' -x'
            : ` -x -a ${quoted(words.join(' '))}`;
    const letter = short === undefined ? '' : ` -s ${short}`;
    lines.push(`complete -c ${PROGRAM} -l ${flagOf(name).slice(2)}${letter}${behind} -d ${quoted(help)}`);
  }
  return `${lines.join('\n')}\n`;
}
