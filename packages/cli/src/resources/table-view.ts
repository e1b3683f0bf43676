/** Item and list tables of resources from their specs (cli.md §3): labels, widths and order as the recorded runs have them. */
import { block, localTime, printable, row, type RowValue } from '../terminal/layout.ts';
import type { Column, Json, ListView, ResourceSpec } from './resource-spec.ts';

/** Least label width of an item: "Parent Scope ID" and two (cli.md §3.1 rule 1). */
const leastLabelWidth = 17;

/** Column at which list values start, unless a spec says otherwise. */
const listValueColumn = 25;

/** An object's properties; empty for anything else. */
export function asJson(value: unknown): Json {
  // Each property is checked where it is read.
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

/** The texts of a list; numbers and others by their JSON. */
export function textsOf(value: unknown): string[] {
  if (!Array.isArray(value)) return [];
  const items: readonly unknown[] = value;
  return items
    .filter((item) => item !== undefined)
    .map((item) => (typeof item === 'string' ? item : JSON.stringify(item)));
}

/** The objects of a list. */
export function objectsOf(value: unknown): Json[] {
  return Array.isArray(value) ? value.map(asJson) : [];
}

/** The field of a path such as `attributes.address`. */
export function fieldOf(item: Json, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>(
      (value, key) => (Object.hasOwn(asJson(value), key) ? asJson(value)[key] : undefined),
      item,
    );
}

/** `2025-06-02T10:00:00.123456Z` as `2025-06-02 10:00:00.123456 +0000 UTC` (cli.md §3.13, workers). */
function utcTime(text: string): string {
  const [, day, time, fraction = ''] = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(\.\d{1,9})?Z$/.exec(text) ?? [];
  return day === undefined || time === undefined
    ? text
    : `${day} ${time}${fraction.replace(/\.?0+$/, '')} +0000 UTC`;
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || value === '' || value === 0 || value === false;
}

/** The printed value of a column; undefined leaves it out. */
export function cell(item: Json, column: Column): RowValue {
  const value = fieldOf(item, column.field);
  if (column.kind === 'present' ? value === undefined || value === null : isEmpty(value)) return undefined;
  if (typeof value === 'string') {
    if (column.kind === 'time') return localTime(value);
    return column.kind === 'utc' ? utcTime(value) : value;
  }
  if (typeof value === 'number' || typeof value === 'boolean') return value;
  return Array.isArray(value) ? textsOf(value) : asJson(value);
}

/** Lines of a plain list at an indent, as actions and ids are shown. */
export function plainList(heading: string, values: readonly string[]): string[] {
  return values.length === 0 ? [] : ['', heading, ...values.map((value) => `    ${printable(value)}`)];
}

/** `Authorized Actions on …'s Collections`: plural names sorted, each with its actions. */
export function collectionActions(heading: string, value: unknown): string[] {
  const collections = Object.entries(asJson(value)).toSorted(([a], [b]) => (a < b ? -1 : 1));
  if (collections.length === 0) return [];
  const lines = collections.flatMap(([name, actions]) => [
    `    ${printable(name)}:`,
    ...textsOf(actions).map((action) => `      ${printable(action)}`),
  ]);
  return ['', heading, ...lines];
}

function scopeSection(item: Json, heading: string, labelWidth: number): string[] {
  const scope = asJson(item['scope']);
  if (Object.keys(scope).length === 0) return [];
  const rows = {
    ID: cell(scope, { label: 'ID', field: 'id' }),
    Name: cell(scope, { label: 'Name', field: 'name' }),
    'Parent Scope ID': cell(scope, { label: 'Parent Scope ID', field: 'parent_scope_id' }),
    Type: cell(scope, { label: 'Type', field: 'type' }),
  };
  return ['', `  ${heading}:`, ...block(rows, 4, labelWidth)];
}

function attributeRows(spec: ResourceSpec, item: Json): Record<string, RowValue> {
  const attributes = asJson(item['attributes']);
  const labels = Object.entries(spec.item.attributes ?? {});
  const rows: Record<string, RowValue> = {};
  for (const key of Object.keys(attributes)) {
    // An object whose parts have labels of their own is shown by them.
    const parts = labels.filter(([path]) => path.startsWith(`${key}.`));
    const shown = parts.length > 0 ? parts : [[key, spec.item.attributes?.[key] ?? key] as const];
    for (const [path, label] of shown)
      rows[label] = cell(attributes, { label, field: path, kind: 'present' });
  }
  return rows;
}

/** The view of one resource after read, create, update and actions. Begins with an empty line. */
export function itemLines(spec: ResourceSpec, item: Json): string[] {
  const rows: Record<string, RowValue> = {};
  for (const column of spec.item.columns) {
    const value = cell(item, column);
    if (value !== undefined) rows[column.label] = value;
  }
  const attributes = attributeRows(spec, item);
  const labels = [...Object.keys(rows), ...Object.keys(attributes)];
  const width = Math.max(leastLabelWidth, ...labels.map((label) => label.length));
  const sections = (list: readonly ((item: Json, width: number) => readonly string[])[] = []): string[] =>
    list.flatMap((section) => [...section(item, width)]);
  const attributeBlock = block(attributes, 4, width);
  return [
    '',
    `${spec.title} information:`,
    ...block(rows, 2, width + 2),
    ...scopeSection(item, spec.item.scopeHeading ?? 'Scope', width),
    ...sections(spec.item.sectionsBeforeActions),
    ...plainList('  Authorized Actions:', textsOf(item['authorized_actions'])),
    ...sections(spec.item.sections),
    ...(attributeBlock.length === 0 ? [] : ['', '  Attributes:', ...attributeBlock]),
  ];
}

const idColumn: Column = { label: 'ID', field: 'id' };

/** One item of a list. */
export function listItem(view: ListView, item: Json, options: { isRecursive: boolean }): string[] {
  const column = view.valueColumn ?? listValueColumn;
  const head = view.head ?? idColumn;
  const id = cell(item, head);
  const lines = row(head.label, typeof id === 'string' ? id : '(not available)', 2, column - 4);
  if (options.isRecursive) {
    const scopeId = cell(item, { label: 'Scope ID', field: 'scope.id' });
    if (scopeId !== undefined) lines.push(...row('Scope ID', scopeId, 4, column - 6));
  }
  for (const each of view.columns) {
    const value = cell(item, each);
    if (value !== undefined) lines.push(...row(each.label, value, 4, column - 6));
  }
  lines.push(...(view.sections ?? []).flatMap((section) => section(item)));
  const actions = textsOf(item['authorized_actions']);
  if (actions.length > 0)
    lines.push('    Authorized Actions:', ...actions.map((action) => `      ${printable(action)}`));
  return lines;
}

/** A block of small objects with an empty line between them, as host sources are shown. */
export function blocks(
  heading: string,
  field: string,
  columns: readonly Column[],
): (item: Json, width: number) => string[] {
  return (item, width) => {
    const lines = objectsOf(item[field]).flatMap((each, index) => {
      const rows = Object.fromEntries(columns.map((column) => [column.label, cell(each, column)]));
      return [...(index === 0 ? [] : ['']), ...block(rows, 4, width)];
    });
    return lines.length === 0 ? [] : ['', `  ${heading}:`, ...lines];
  };
}
