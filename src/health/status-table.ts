// SPDX-License-Identifier: Apache-2.0
import { printable } from '../export/console.ts';
import { type AgentStatus, type EventStatus, sumOf } from './status.ts';

/** A terminal of 100 columns has room for all of it: a name and seven numbers. */
const NAME_WIDTH = 22;
const NUMBER_WIDTH = 11;
const WIDTH = 100;

/** 12,034; from ten thousand million on 12.0 G, so that columns keep their width. */
export function grouped(count: number): string {
  return count < 1e10 ? Math.round(count).toLocaleString('en-US') : `${(count / 1e9).toFixed(1)} G`;
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

const cut = (text: string, width: number) => (text.length <= width ? text : `${text.slice(0, width - 1)}…`);

/** A row of the table: a name and columns of numbers. */
function row(name: string, cells: readonly string[]): string {
  const numbers = cells.map((cell) => cell.padStart(NUMBER_WIDTH)).join('');
  return `${cut(name, NAME_WIDTH).padEnd(NAME_WIDTH)}${numbers}`;
}

const shortName = (name: string) => name.replace('agentsmith.', '');

/** `12 process.exec ring_full`, for each loss, in lines of 100 columns. */
function lossLines(events: readonly Pick<EventStatus, 'name' | 'lost'>[]): string[] {
  const lines: string[] = [];
  let line = 'lost:';
  const words = events.flatMap(({ name, lost }) =>
    Object.entries(lost).map(([reason, count]) => `${grouped(count)} ${shortName(name)} ${reason}`),
  );
  for (const [i, word] of words.entries()) {
    const next = `${line}${line.endsWith(':') ? ' ' : line.trim() === '' ? '' : ', '}${word}`;
    if (next.length + (i + 1 < words.length ? 1 : 0) <= WIDTH) line = next;
    else {
      lines.push(`${line},`);
      line = `      ${word}`;
    }
  }
  return words.length === 0 ? [] : [...lines, line];
}

/** The books as a table: only the events of which something was seen. */
export function ledgerTable({
  events,
  mixed,
  totals,
}: Pick<AgentStatus, 'events' | 'mixed' | 'totals'>): string[] {
  const lines = [
    row('event', ['attempted', 'submitted', 'filtered', 'received', 'exported', 'in memory', 'lost']),
  ];
  const cells = (event: EventStatus) =>
    [
      event.attempted,
      event.submitted,
      event.filtered,
      event.received,
      event.exported,
      event.inMemory,
      sumOf(event.lost),
    ].map(grouped);
  for (const event of events)
    if (event.attempted + event.received > 0) lines.push(row(shortName(event.name), cells(event)));
  const lostMixed = sumOf(mixed.lost);
  if (mixed.exported + lostMixed > 0)
    lines.push(row('mixed', ['', '', '', '', grouped(mixed.exported), '', grouped(lostMixed)]));
  const { attempted, received, exported, filtered, lost } = totals;
  const inMemory = events.reduce((all, event) => all + event.inMemory, 0);
  const submitted = events.reduce((all, event) => all + event.submitted, 0);
  lines.push(
    row(
      'all',
      [attempted, submitted, filtered, received, exported, inMemory - mixed.exported - lostMixed, lost].map(
        grouped,
      ),
    ),
  );
  return lines;
}

function receiverLine({ receiver, destination }: AgentStatus): string {
  if (!receiver) return `records: ${destination}`;
  const { state, reason, lastExportAge } = receiver;
  const last = lastExportAge === undefined ? '' : `, last took records ${longTime(lastExportAge)} ago`;
  if (state === 'failing') return `records: ${reason}${last}`;
  return `records: ${destination}${state === 'idle' ? ', nothing sent yet' : last}`;
}

function hookTable(events: readonly EventStatus[]): string[] {
  const timed = events.filter(({ hookTime }) => hookTime !== undefined);
  if (timed.length === 0) return [];
  const lines = ['', row('time of hooks', ['timed', 'average', 'p90', 'p95', 'p99'])];
  for (const { name, hookTime } of timed) {
    const { timed: count, average, p90, p95, p99 } = hookTime!;
    lines.push(row(shortName(name), [grouped(count), ...[average, p90, p95, p99].map(shortTime)]));
  }
  return lines;
}

/** The status for people, at most 100 columns wide. */
export function statusLines(status: AgentStatus): string[] {
  const { version, pid, uptime, tier, hooks, ring, process } = status;
  const head = `agentsmith-otel ${version}, process ${pid}, up ${longTime(uptime)}${tier === undefined ? '' : `, tier ${tier}`}`;
  const cpu = (process.cpuTime / Math.max(uptime, 1)) * 100;
  const lines = [
    head,
    receiverLine(status),
    `hooks: ${hooks.attached.length} attached, ${hooks.missing.length} missing; ring ${mebibytes(ring.used)} of ${mebibytes(ring.size)}; memory ${mebibytes(process.memory)}, CPU ${cpu.toFixed(1)} % of a core`,
    ...hooks.missing.map((each) => `  missing: ${shortName(each)}`),
    '',
    ...ledgerTable(status),
    ...lossLines([...status.events, { name: 'mixed', lost: status.mixed.lost }]),
    ...hookTable(status.events),
  ];
  return lines.map((line) => cut(printable(line), WIDTH));
}

/** One line an agent, where several run. */
export function statusLine({ pid, uptime, totals, receiver }: AgentStatus): string {
  const { exported, lost } = totals;
  const state = receiver === undefined ? '' : `, receiver ${receiver.state}`;
  return `process ${pid}, up ${longTime(uptime)}, ${grouped(exported)} exported, ${grouped(lost)} lost${state}`;
}
