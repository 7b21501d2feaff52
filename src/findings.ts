// SPDX-License-Identifier: Apache-2.0

/** `bad` makes doctor fail; `note` is worth knowing. */
type Status = 'ok' | 'bad' | 'note';

/** The result of one check; `remedy` is what to do. */
export interface Finding {
  readonly status: Status;
  readonly subject: string;
  readonly text: string;
  readonly remedy?: string;
}

export const ok = (subject: string, text: string): Finding => ({ status: 'ok', subject, text });
export const bad = (subject: string, text: string, remedy: string): Finding => ({
  status: 'bad',
  subject,
  text,
  remedy,
});
export const note = (subject: string, text: string, remedy?: string): Finding => ({
  status: 'note',
  subject,
  text,
  ...(remedy !== undefined && { remedy }),
});

const MARKS: Readonly<Record<Status, string>> = { ok: 'ok', bad: '!!', note: '--' };
const WIDTH = 100;
/** The longest name of an event, process.credential.change, and a blank. */
const SUBJECT_WIDTH = 26;

/** Lines for a terminal, at most 100 columns wide: mark, subject, text, and below it `→` what to do. */
export function render({ status, subject, text, remedy }: Finding): string[] {
  const indent = ' '.repeat(4 + SUBJECT_WIDTH);
  const lines = wrap(text, WIDTH - indent.length);
  const first = `${MARKS[status]}  ${subject.padEnd(SUBJECT_WIDTH - 1)} ${lines[0] ?? ''}`.trimEnd();
  const steps = remedy === undefined ? [] : wrap(`→ ${remedy}`, WIDTH - indent.length);
  return [first, ...[...lines.slice(1), ...steps].map((line) => indent + line)];
}

/** Breaks at blanks, and words that are too long anywhere: messages of the kernel hold paths. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text
    .split(/\s+/)
    .flatMap((each) => each.match(new RegExp(`.{1,${width}}`, 'gu')) ?? [])) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = '';
    }
    line += line === '' ? word : ` ${word}`;
  }
  return [...lines, line];
}
