/**
 * Lays out text the way the recorded tables are (cli.md §3.1): map blocks with aligned values, word wrap that keeps a
 * line's indent, and control characters from a server made visible so that it cannot write to the terminal.
 */

/** Columns when the output is no terminal. */
export const defaultColumns = 80;

/** What a value of a block may be. `undefined` and `null` leave the row out. */
export type RowValue = string | number | boolean | readonly string[] | object | undefined | null;

/** Control characters, line and paragraph separators, and the marks that turn the direction of text. */
const unsafe = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;

/** `text` with every character that could move the cursor, colour or reorder text written as `\n`, `\t` or `\uXXXX`. */
export function printable(text: string): string {
  return text.replace(unsafe, (character) => {
    if (character === '\n') return '\\n';
    if (character === '\t') return '\\t';
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** Words of one line joined greedily into lines of at most `columns`; a longer word stands alone, unsplit. */
function wrapWords(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = '';
  let lineLength = 0;
  for (const part of text.match(/\s*\S+/g) ?? []) {
    const length = Array.from(part).length;
    if (line !== '' && lineLength + length > columns) {
      lines.push(line);
      line = part.trimStart();
      lineLength = Array.from(line).length;
    } else {
      line += part;
      lineLength += length;
    }
  }
  lines.push(line);
  return lines;
}

/**
 * Wraps each element at `columns`; the lines it is cut into keep the indent of its first line (cli.md §3.1 rule 3). An element
 * may have several lines (a block); from the second on their own indent counts as text, so they have that much less room.
 */
export function wrap(elements: readonly string[], columns: number = defaultColumns): string {
  return elements.flatMap((element) => wrapElement(element, columns)).join('\n');
}

function wrapElement(element: string, columns: number): string[] {
  const text = element.trimEnd();
  if (text === '') return [''];
  const start = text.trimStart();
  const indent = text.length - start.length;
  const room = Math.max(columns - indent, 1);
  const pieces = start.split('\n').flatMap((line) => wrapWords(line.trimEnd(), room));
  return pieces.map((piece) => ' '.repeat(indent) + piece.trim());
}

/** A string slice as Go prints it: `["a" "b"]`. */
function quotedList(values: readonly string[]): string {
  return `[${values.map((value) => JSON.stringify(value)).join(' ')}]`;
}

function byteOrder(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** One `label: value` line; the value starts `indent + labelWidth + 2` columns in. */
export function row(label: string, value: RowValue, indent: number, labelWidth: number): string[] {
  const start = `${' '.repeat(indent)}${printable(label)}: `.padEnd(indent + labelWidth + 2);
  if (Array.isArray(value)) return [start + printable(quotedList(value.map(String)))];
  if (typeof value === 'object' && value !== null) {
    const json = JSON.stringify(value, null, 2).split('\n');
    return [start, ...json.map((line) => ' '.repeat(indent) + printable(line.trim()))];
  }
  return [start + printable(String(value ?? ''))];
}

/** A block of rows sorted by label in byte order, as one element; rows without a value are left out, and with them the block. */
export function block(
  rows: Readonly<Record<string, RowValue>>,
  indent: number,
  labelWidth: number,
): string[] {
  const lines = Object.entries(rows)
    .filter(([, value]) => value !== undefined && value !== null)
    .toSorted(([a], [b]) => byteOrder(a, b))
    .flatMap(([label, value]) => row(label, value, indent, labelWidth));
  return lines.length === 0 ? [] : [lines.join('\n')];
}

const weekdays = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'] as const;
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;

function two(value: number): string {
  return String(value).padStart(2, '0');
}

/** Name of the local zone at that time, as Go prints it: `UTC`, `CET`, else `+0530`. */
function zoneName(date: Date): string {
  const parts = new Intl.DateTimeFormat('en-US', { timeZoneName: 'short' }).formatToParts(date);
  const name = parts.find((part) => part.type === 'timeZoneName')?.value ?? 'UTC';
  if (!/^(GMT|UTC)[+-]/.test(name)) return name === 'GMT' && date.getTimezoneOffset() === 0 ? 'UTC' : name;
  const offset = -date.getTimezoneOffset();
  const minutes = Math.abs(offset);
  return `${offset < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}${two(minutes % 60)}`;
}

/**
 * An RFC 3339 time as RFC 1123 in the local zone: `Mon, 02 Jan 2006 15:04:05 MST` (cli.md §3.1 rule 5).
 * A text that is no time comes back as it is.
 */
export function localTime(text: string): string {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) return text;
  const day = `${weekdays[date.getDay()]}, ${two(date.getDate())} ${months[date.getMonth()]} ${date.getFullYear()}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())} ${zoneName(date)}`;
}
