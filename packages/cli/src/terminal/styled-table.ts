/**
 * Tables in three styles (tokens.md §3): lines (header centred, `-+-` rule, row count), columns (two spaces) and box (`+---+`), and the
 * box of keys and values. Cells may be a server's text: every cell is one line, escaped by `printable`, as wide as it looks.
 */
import { printable } from './layout.ts';

/** How a table is drawn. */
export type TableStyle = 'lines' | 'columns' | 'box';

/** Cells as text; a row may be shorter than the header. */
export interface StyledTable {
  /** As shown, but for `columns`, which writes it in capitals. */
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Characters that take no place: marks on others, joiners. */
const zeroWidth = /^[\p{Mn}\p{Me}\p{Cf}]$/u;

/** First and last code points that take two places (Unicode 16, East Asian Width W and F), without those that are not assigned. */
const wideRanges: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x231a, 0x231b],
  [0x2329, 0x232a],
  [0x23e9, 0x23ec],
  [0x2e80, 0x303e],
  [0x3041, 0x33ff],
  [0x3400, 0x4dbf],
  [0x4e00, 0xa4cf],
  [0xa960, 0xa97c],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe10, 0xfe19],
  [0xfe30, 0xfe6f],
  [0xff01, 0xff60],
  [0xffe0, 0xffe6],
  [0x16fe0, 0x18dff],
  [0x1aff0, 0x1b2ff],
  [0x1d300, 0x1d376],
  [0x20000, 0x3fffd],
];

/** Pictures are two places wide. */
const picture = /^\p{Emoji_Presentation}$/u;

function characterWidth(character: string): number {
  if (zeroWidth.test(character)) return 0;
  const point = character.codePointAt(0) ?? 0;
  if (point < 0x1100) return 1;
  return picture.test(character) || wideRanges.some(([first, last]) => point >= first && point <= last)
    ? 2
    : 1;
}

/** Places that a text takes on a terminal; it must hold no control characters. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const character of text) width += characterWidth(character);
  return width;
}

function padEnd(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - displayWidth(text)));
}

function padStart(text: string, width: number): string {
  return ' '.repeat(Math.max(0, width - displayWidth(text))) + text;
}

function centred(text: string, width: number): string {
  const gap = Math.max(0, width - displayWidth(text));
  return padEnd(' '.repeat(Math.floor(gap / 2)) + text, width);
}

interface Laid {
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly widths: readonly number[];
}

function laid({ header, rows }: StyledTable): Laid {
  const cells = rows.map((row) => header.map((_, column) => printable(row[column] ?? '')));
  const titles = header.map(printable);
  const widths = titles.map((title, column) =>
    Math.max(displayWidth(title), ...cells.map((row) => displayWidth(row[column] ?? ''))),
  );
  return { header: titles, rows: cells, widths };
}

function lines(table: StyledTable): string[] {
  const { header, rows, widths } = laid(table);
  const line = (cells: readonly string[], pad: typeof padEnd): string =>
    `  ${cells.map((cell, column) => pad(cell, widths[column] ?? 0)).join(' | ')}`.trimEnd();
  const last = widths.length - 1;
  // The first and the last column have one place more, where a frame would be.
  const rule = widths.map((width, column) => {
    const edges = (column === 0 ? 1 : 0) + (column === last ? 1 : 0);
    return '-'.repeat(width + 2 + edges);
  });
  return [
    line(header, centred),
    rule.join('+'),
    ...rows.map((row) => line(row, padEnd)),
    `(${rows.length} ${rows.length === 1 ? 'row' : 'rows'})`,
  ];
}

function columns(table: StyledTable): string[] {
  const { header, rows, widths } = laid({
    ...table,
    header: table.header.map((title) => title.toUpperCase()),
  });
  return [header, ...rows].map((row) =>
    row
      .map((cell, column) => padEnd(cell, widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

function boxLine(cells: readonly string[], widths: readonly number[]): string {
  return `| ${cells.map((cell, column) => padEnd(cell, widths[column] ?? 0)).join(' | ')} |`;
}

function boxRule(widths: readonly number[]): string {
  return `+-${widths.map((width) => '-'.repeat(width)).join('-+-')}-+`;
}

function box(table: StyledTable): string[] {
  const { header, rows, widths } = laid(table);
  const rule = boxRule(widths);
  return [rule, boxLine(header, widths), rule, ...rows.map((row) => boxLine(row, widths)), rule];
}

const styles: Readonly<Record<TableStyle, (table: StyledTable) => string[]>> = { lines, columns, box };

/** The lines of a table. */
export function styledTable(style: TableStyle, table: StyledTable): string[] {
  return styles[style](table);
}

/** Keys, right-aligned, and values in a box. */
export function keyValueBox(entries: readonly (readonly [key: string, value: string])[]): string[] {
  const cells = entries.map(([key, value]) => [printable(key), printable(value)] as const);
  const keyWidth = Math.max(0, ...cells.map(([key]) => displayWidth(key)));
  const widths = [keyWidth, Math.max(0, ...cells.map(([, value]) => displayWidth(value)))];
  const rule = boxRule(widths);
  return [rule, ...cells.map(([key, value]) => boxLine([padStart(key, keyWidth), value], widths)), rule];
}

/** A time of the API for style `lines`: `YYYY-MM-DD HH:MM:SS.ffffff` UTC, trailing zeros cut; another text as it is. */
export function lineTime(text: string): string {
  const [, date, clock, fraction = ''] = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.(\d+))?Z$/.exec(text) ?? [];
  if (date === undefined || clock === undefined) return text;
  const digits = fraction.slice(0, 6).replace(/0+$/, '');
  return `${date} ${clock}${digits === '' ? '' : `.${digits}`}`;
}

/** A time of the API for the other styles: RFC 3339 in whole seconds; another text as it is. */
export function secondTime(text: string): string {
  return text.replace(/^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.\d+Z$/, '$1Z');
}
