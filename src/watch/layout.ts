// SPDX-License-Identifier: Apache-2.0
import type { ReadableEvent } from '../events/event.ts';
import { cut, padded } from '../export/cells.ts';
import { consoleLine, DIM, printable, RESET, WARNING } from '../export/console.ts';
import type { AgentStatus } from '../health/status.ts';
import { grouped, longTime, lossWords } from '../health/status-table.ts';
import type { Activity, ProcessRow } from './activity.ts';

const REVERSE = '\x1b[7m';

/** Rows that are always there: two about the agent, the table's head, the foot, and two blank ones between the parts. */
const FIXED_ROWS = 6;
/** Below it there is no room for both: only the table is shown. */
const EVENTS_FROM = 14;

/** What the screen shows. */
export interface Shown {
  readonly status: AgentStatus;
  readonly activity: Activity;
  /** ms since the epoch. */
  readonly now: number;
  /** The agent's last message. */
  readonly notice?: string;
}

/** The terminal's own words. */
export interface Size {
  readonly columns: number;
  readonly rows: number;
}

type Style = (text: string) => string;
const styled =
  (code: string, on: boolean): Style =>
  (text) =>
    on ? `${code}${text}${RESET}` : text;

const perSecond = (rate: number): string =>
  rate < 0.05 ? '-' : rate < 1000 ? rate.toFixed(1) : grouped(rate);

/** Cells of the table; what is left of the line is the last column's. */
const widths = (columns: number) => ({ pid: 7, user: 8, name: columns < 100 ? 16 : 24, rate: 8, events: 9 });

function tableLine(
  cellsOfRow: Readonly<Record<'pid' | 'user' | 'name' | 'rate' | 'events' | 'last', string>>,
  columns: number,
): string {
  const { pid, user, name, rate, events } = widths(columns);
  const { last, ...texts } = cellsOfRow;
  const head = [
    texts.pid.padStart(pid),
    padded(texts.user, user),
    padded(texts.name, name),
    texts.rate.padStart(rate),
    texts.events.padStart(events),
  ].join(' ');
  return padded(`${head}  ${last}`, columns);
}

const TITLES = {
  pid: 'PID',
  user: 'USER',
  name: 'PROCESS',
  rate: 'EVENTS/s',
  events: 'EVENTS',
  last: 'LAST',
};

const processLine = (row: ProcessRow, columns: number): string =>
  tableLine(
    {
      pid: `${row.pid}`,
      user: printable(row.user),
      name: printable(row.name),
      rate: perSecond(row.rate),
      events: grouped(row.events),
      last: printable(row.last),
    },
    columns,
  );

/** Where a line has room for all its columns it is coloured; a narrower one is cut. */
const COLOURED_FROM = 64;

const eventLine = (record: ReadableEvent, columns: number, colour: boolean): string =>
  columns < COLOURED_FROM
    ? cut(consoleLine(record, { columns: COLOURED_FROM, colour: false }), columns)
    : consoleLine(record, { columns, colour });

/** What is lost stands first: a narrow terminal cuts at the right. */
function bookLine(status: AgentStatus): string {
  const { attempted, filtered, exported, lost } = status.totals;
  const reasons = lossWords(status).join(', ');
  const counts = `${grouped(attempted)} attempted, ${grouped(filtered)} filtered, ${grouped(exported)} shown`;
  return `${grouped(lost)} lost${reasons === '' ? '' : ` (${reasons})`}; ${counts}`;
}

/**
 * The screen: just `rows` lines of at most `columns` cells each, colours not counted. Nothing that a process chose (its
 * name, arguments, files) comes out of its line.
 */
export function layout(
  { status, activity, now, notice }: Shown,
  { columns, rows, colour }: Size & { readonly colour: boolean },
): string[] {
  const room = Math.max(0, rows - FIXED_ROWS);
  const forEvents = rows < EVENTS_FROM ? 0 : Math.floor(room / 2);
  const processes = activity.rows(now, room - forEvents);
  const dim = styled(DIM, colour);
  const warning = styled(WARNING, colour);
  const { version, tier, uptime, totals } = status;
  const head = `agentsmith-otel ${version}${tier === undefined ? '' : `, tier ${tier}`}, up ${longTime(uptime)}`;
  const table = processes.map((row) => {
    const line = processLine(row, columns);
    return row.isWarning ? warning(line) : row.hasEnded ? dim(line) : line;
  });
  const lines = [
    cut(`${head}: ${perSecond(activity.rate(now))} events/s of ${grouped(activity.size)} processes`, columns),
    (totals.lost > 0 ? warning : (text: string) => text)(cut(bookLine(status), columns)),
    '',
    styled(REVERSE, colour)(tableLine(TITLES, columns)),
    ...filled(table, room - forEvents),
    '',
    ...filled(
      activity.recent(forEvents).map((record) => eventLine(record, columns, colour)),
      forEvents,
    ),
  ].slice(0, Math.max(0, rows - 1));
  return [...lines, dim(cut(notice === undefined ? 'q quits' : `q quits; ${printable(notice)}`, columns))];
}

const filled = (lines: readonly string[], count: number): string[] =>
  Array.from({ length: count }, (_, i) => lines[i] ?? '');
