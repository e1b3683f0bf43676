/** How watched sessions look: a table that fits the terminal, or one line for each change. Pure; every text of the server is made printable. */
import type { EventRow } from '@stile/client/api';
import { localTime, printable } from '../terminal/layout.ts';

/** Columns: heading and what of a row stands there. The last takes what room is left. */
const columns: readonly (readonly [heading: string, text: (row: EventRow) => string])[] = [
  ['ID', (row) => textOf(row.id)],
  ['STATUS', statusOf],
  ['USER', (row) => textOf(row['user_id'])],
  ['TARGET', (row) => textOf(row['target_id'])],
  ['ENDPOINT', (row) => textOf(row['endpoint'])],
  ['STARTED', (row) => localTime(textOf(row['created_time']))],
  ['ENDS', endOf],
];

/** What a screen is drawn from. */
export interface Screen {
  /** Characters of a line. */
  readonly columns: number;
  /** Lines of the terminal. */
  readonly lines: number;
  /** As `live`, `polling`. */
  readonly state: string;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? printable(value) : '';
}

function statusOf(row: EventRow): string {
  return textOf(row.status);
}

/** Why it ends or ended; else when its time is up. */
function endOf(row: EventRow): string {
  const reason = textOf(row['end_reason']);
  return reason === '' ? localTime(textOf(row['expiration_time'])) : reason;
}

/** Newest first; of one time by id, so that rows do not change places. */
function byStart(a: EventRow, b: EventRow): number {
  const [left, right] = [textOf(a['created_time']), textOf(b['created_time'])];
  if (left !== right) return left < right ? 1 : -1;
  return a.id < b.id ? -1 : 1;
}

/** Characters as a terminal counts them, near enough: no half of a pair is cut. */
function cut(text: string, width: number): string {
  const characters = Array.from(text);
  return characters.length <= width ? text : `${characters.slice(0, Math.max(width - 1, 0)).join('')}…`;
}

function counts(rows: readonly EventRow[]): string {
  const words = ['pending', 'active', 'canceling', 'terminated'];
  return words.map((word) => `${rows.filter((row) => row.status === word).length} ${word}`).join(', ');
}

/** The lines of a screen: where the stream stands, headings, and as many rows as fit. */
export function screenLines(rows: Iterable<EventRow>, screen: Screen): string[] {
  const all = [...rows].toSorted(byStart);
  const room = Math.max(screen.lines - 3, 1);
  const shown = all.slice(0, all.length > room ? room - 1 : room);
  const cells = shown.map((row) => columns.map(([, text]) => text(row)));
  const widths = columns.map(([heading], at) =>
    Math.max(heading.length, ...cells.map((row) => Array.from(row[at] ?? '').length)),
  );
  const line = (texts: readonly string[]): string =>
    cut(
      texts
        .map((text, at) => text.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
      screen.columns,
    );
  const more = all.length > shown.length ? [`… and ${all.length - shown.length} more`] : [];
  const head = cut(`Sessions: ${counts(all)} (${screen.state})`, screen.columns);
  return [head, line(columns.map(([heading]) => heading)), ...cells.map(line), ...more];
}

/** One change on one line: when it was made, the session, and where it stands now. */
export function changeLine(row: EventRow): string {
  const time = localTime(textOf(row['updated_time']));
  const end = textOf(row['end_reason']);
  const rest = [textOf(row['user_id']), textOf(row['target_id']), textOf(row['endpoint'])];
  return [time, printable(row.id), statusOf(row).padEnd(10), ...rest, ...(end === '' ? [] : [`(${end})`])]
    .filter((text) => text !== '')
    .join('  ');
}
