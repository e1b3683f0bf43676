/** Labels that most resources share, and the fields of every create and update (cli.md §3). */
import { plainList, textsOf } from '../table-view.ts';
import type { Column, FieldFlag, FieldKind, Section } from '../resource-spec.ts';

/** `Type`. */
export const typeColumn: Column = { label: 'Type', field: 'type' };

/** Columns that most items have, without a type. */
export const untypedColumns: readonly Column[] = [
  { label: 'Created Time', field: 'created_time', kind: 'time' },
  { label: 'Description', field: 'description' },
  { label: 'ID', field: 'id' },
  { label: 'Name', field: 'name' },
  { label: 'Updated Time', field: 'updated_time', kind: 'time' },
  { label: 'Version', field: 'version' },
];

/** Columns that most items have. */
export const itemColumns: readonly Column[] = [...untypedColumns, typeColumn];

/** Columns of most lists, without a type. */
export const untypedListColumns: readonly Column[] = [
  { label: 'Version', field: 'version' },
  { label: 'Name', field: 'name' },
  { label: 'Description', field: 'description' },
];

/** Columns of most lists. */
export const listColumns: readonly Column[] = [
  { label: 'Version', field: 'version' },
  typeColumn,
  { label: 'Name', field: 'name' },
  { label: 'Description', field: 'description' },
];

/** `-name` and `-description`. */
export const nameFields: readonly FieldFlag[] = [
  { name: 'name', help: 'Name to set.', field: 'name' },
  { name: 'description', help: 'Description to set.', field: 'description' },
];

/** A field of `attributes`: flag, wire name, help. */
export function attribute(
  name: string,
  wireName: string,
  help: string,
  more: Partial<FieldFlag> & { readonly kind?: FieldKind } = {},
): FieldFlag {
  return { name, field: `attributes.${wireName}`, help, ...more };
}

/** `-attributes`, `-attr` and theirs, as plugins need them. */
export const pluginAttributes: FieldFlag = {
  name: 'attributes',
  piece: 'attr',
  field: 'attributes',
  kind: 'attributes',
  help: 'Attributes for the plugin.',
};

/** `-secrets`, `-secret` and theirs, as plugins need them. */
export const pluginSecrets: FieldFlag = {
  name: 'secrets',
  piece: 'secret',
  field: 'secrets',
  kind: 'attributes',
  help: 'Secrets for the plugin.',
  isSecret: true,
};

/** `-plugin-id` and `-plugin-name`. */
export const pluginFields: readonly FieldFlag[] = [
  { name: 'plugin-id', field: 'plugin_id', on: 'create', help: 'ID of the plugin.' },
  {
    name: 'plugin-name',
    field: 'plugin_name',
    on: 'create',
    isQuery: true,
    help: 'Name of the plugin, instead of its ID.',
  },
];

/** A section that lists ids under a heading. */
export function idList(heading: string, field: string): Section {
  return (item) => plainList(`  ${heading}:`, textsOf(item[field]));
}
