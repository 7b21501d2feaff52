// SPDX-License-Identifier: Apache-2.0
import { cut, padded } from '../export/cells.ts';
import { printable } from '../export/console.ts';
import { type AgentStatus, type EventStatus, sumOf } from './status.ts';

/** What one has room for: a name and seven numbers, on a narrow one six that are shortened earlier. */
interface Layout {
  readonly width: number;
  readonly name: number;
  readonly number: number;
  /** From here on a number is shortened, so that a space is left before it. */
  readonly short: number;
}

const WIDE: Layout = { width: 100, name: 22, number: 11, short: 1e10 };
const NARROW: Layout = { width: 80, name: 20, number: 10, short: 1e7 };
/** The column that says least: submitted is what was attempted, neither filtered nor lost in the kernel. */
const NOT_WHEN_NARROW = 1;

/** For a terminal with so many columns; 0 = it does not know. */
const layoutFor = (columns = 0): Layout => (columns > 0 && columns < WIDE.width ? NARROW : WIDE);

/** 12,034; from `short` on 12.0 M or 12.0 G, so that columns keep their width. */
export function grouped(count: number, short: number = WIDE.short): string {
  if (count < short) return Math.round(count).toLocaleString('en-US');
  return count < 1e10 ? `${(count / 1e6).toFixed(1)} M` : `${(count / 1e9).toFixed(1)} G`;
}

/** 850 ns, 3.2 µs, 1.5 ms */
function shortTime(seconds: number): string {
  if (seconds < 1e-6) return `${(seconds * 1e9).toFixed(0)} ns`;
  if (seconds < 1e-3) return `${(seconds * 1e6).toFixed(1)} µs`;
  return `${(seconds * 1e3).toFixed(1)} ms`;
}

/** 12 s, 4 min 12 s, 3 h 12 min, 5 d 3 h */
export function longTime(seconds: number): string {
  const whole = Math.floor(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (whole < 86_400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86_400)} d ${Math.floor((whole % 86_400) / 3600)} h`;
}

const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(bytes < 2 ** 20 && bytes > 0 ? 1 : 0)} MiB`;

/** A row of a table: a name and columns of numbers. */
function row({ name: width, number }: Layout, name: string, cells: readonly string[]): string {
  const numbers = cells.map((cell) => cell.padStart(number)).join('');
  return `${padded(name, width)}${numbers}`;
}

/** A row of the books. */
const booksRow = (layout: Layout, name: string, cells: readonly (string | number)[]): string =>
  row(
    layout,
    name,
    cells
      .filter((_, i) => layout === WIDE || i !== NOT_WHEN_NARROW)
      .map((cell) => (typeof cell === 'number' ? grouped(cell, layout.short) : cell)),
  );

const shortName = (name: string) => name.replace('agentsmith.', '');

/** `12 process.exec ring_full`, for each loss. */
export function lossWords({ events, mixed }: Pick<AgentStatus, 'events' | 'mixed'>): string[] {
  return [...events, { name: 'mixed', lost: mixed.lost }].flatMap(({ name, lost }) =>
    Object.entries(lost).map(([reason, count]) => `${grouped(count)} ${shortName(name)} ${reason}`),
  );
}

/** The losses in lines that fit. */
function lossLines(status: AgentStatus, { width }: Layout): string[] {
  const lines: string[] = [];
  let line = 'lost:';
  const words = lossWords(status);
  for (const [i, word] of words.entries()) {
    const next = `${line}${line.endsWith(':') ? ' ' : line.trim() === '' ? '' : ', '}${word}`;
    if (next.length + (i + 1 < words.length ? 1 : 0) <= width) line = next;
    else {
      lines.push(`${line},`);
      line = `      ${word}`;
    }
  }
  return words.length === 0 ? [] : [...lines, line];
}

/** The books as a table: only the events of which something was seen. `columns`: of the terminal. */
export function ledgerTable(
  { events, mixed, totals }: Pick<AgentStatus, 'events' | 'mixed' | 'totals'>,
  columns?: number,
): string[] {
  const layout = layoutFor(columns);
  const titles = ['attempted', 'submitted', 'filtered', 'received', 'exported', 'in memory', 'lost'];
  const lines = [booksRow(layout, 'event', titles)];
  for (const event of events) {
    const { name, attempted, submitted, filtered, received, exported, inMemory, lost } = event;
    const cells = [attempted, submitted, filtered, received, exported, inMemory, sumOf(lost)];
    if (attempted + received > 0) lines.push(booksRow(layout, shortName(name), cells));
  }
  const lostMixed = sumOf(mixed.lost);
  if (mixed.exported + lostMixed > 0)
    lines.push(booksRow(layout, 'mixed', ['', '', '', '', mixed.exported, '', lostMixed]));
  const { attempted, received, exported, filtered, lost } = totals;
  const sum = (of: (event: EventStatus) => number) => events.reduce((all, event) => all + of(event), 0);
  const inMemory = sum((event) => event.inMemory) - mixed.exported - lostMixed;
  const submitted = sum((event) => event.submitted);
  lines.push(booksRow(layout, 'all', [attempted, submitted, filtered, received, exported, inMemory, lost]));
  return lines;
}

function receiverLine({ receiver, destination }: AgentStatus): string {
  if (!receiver) return `records: ${destination}`;
  const { state, reason, lastExportAge } = receiver;
  const last = lastExportAge === undefined ? '' : `, last took records ${longTime(lastExportAge)} ago`;
  if (state === 'failing') return `records: ${reason}${last}`;
  return `records: ${destination}${state === 'idle' ? ', nothing sent yet' : last}`;
}

function hookTable(events: readonly EventStatus[], layout: Layout): string[] {
  const timed = events.filter(({ hookTime }) => hookTime !== undefined);
  if (timed.length === 0) return [];
  const lines = ['', row(layout, 'time of hooks', ['timed', 'average', 'p90', 'p95', 'p99'])];
  for (const { name, hookTime } of timed) {
    const { timed: count, average, p90, p95, p99 } = hookTime!;
    lines.push(
      row(layout, shortName(name), [
        grouped(count, layout.short),
        ...[average, p90, p95, p99].map(shortTime),
      ]),
    );
  }
  return lines;
}

/** The status for people, at most 100 columns wide, or 80 where the terminal has fewer than 100. */
export function statusLines(status: AgentStatus, columns?: number): string[] {
  const layout = layoutFor(columns);
  const { version, pid, uptime, tier, hooks, ring, process } = status;
  const head = `agentsmith-otel ${version}, process ${pid}, up ${longTime(uptime)}${tier === undefined ? '' : `, tier ${tier}`}`;
  const cpu = (process.cpuTime / Math.max(uptime, 1)) * 100;
  const programs = `hooks: ${hooks.attached.length} attached, ${hooks.missing.length} missing; ring ${mebibytes(ring.used)} of ${mebibytes(ring.size)}`;
  const cost = `memory ${mebibytes(process.memory)}, CPU ${cpu.toFixed(1)} % of a core`;
  const lines = [
    head,
    receiverLine(status),
    ...(layout === WIDE ? [`${programs}; ${cost}`] : [programs, cost]),
    ...hooks.missing.map((each) => `  missing: ${shortName(each)}`),
    '',
    ...ledgerTable(status, columns),
    ...lossLines(status, layout),
    ...hookTable(status.events, layout),
  ];
  return lines.map((line) => cut(printable(line), layout.width));
}

/** One line an agent, where several run. */
export function statusLine({ pid, uptime, totals, receiver }: AgentStatus): string {
  const { exported, lost } = totals;
  const state = receiver === undefined ? '' : `, receiver ${receiver.state}`;
  return `process ${pid}, up ${longTime(uptime)}, ${grouped(exported)} exported, ${grouped(lost)} lost${state}`;
}
