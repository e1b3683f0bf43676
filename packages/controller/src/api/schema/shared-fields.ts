/** Field rows that every resource has, so that they read and check alike (http-api.md §1.6, §1.7). */
import type { FieldTable, ListField, MapField, ObjectField, OutputField, StringField } from './field.ts';

/** Fields of the scope that a resource lives in. */
export const scopeInfoFields: FieldTable = {
  id: { kind: 'string', access: 'output' },
  type: { kind: 'string', access: 'output' },
  name: { kind: 'string', access: 'output' },
  description: { kind: 'string', access: 'output' },
  parent_scope_id: { kind: 'string', access: 'output' },
};

/** The scope that a resource lives in, as an object. */
export const scopeField: ObjectField & { readonly access: 'output' } = {
  kind: 'object',
  access: 'output',
  fields: scopeInfoFields,
  summary: 'The scope of the resource.',
};

/** An output text. */
export const shownText: StringField & { readonly access: 'output' } = { kind: 'string', access: 'output' };

/** An output time. */
export const shownTime: OutputField & { readonly kind: 'time'; readonly access: 'output' } = {
  kind: 'time',
  access: 'output',
};

/** The id of the resource. */
export const idField: StringField & { readonly access: 'output' } = {
  kind: 'string',
  access: 'output',
  summary: 'The id of the resource.',
};

/** A name that may be absent. */
export const nameField: StringField & { readonly access: 'change' } = {
  kind: 'string',
  access: 'change',
  trim: 'name',
  summary: 'A name, unique among its siblings.',
};

/** A description that may be absent. */
export const descriptionField: StringField & { readonly access: 'change' } = {
  kind: 'string',
  access: 'change',
  trim: 'description',
  maxLength: 8192,
  summary: 'A note for people.',
};

/** The version of the resource: counts its changes. Read by decodeCreate and decodeUpdate themselves. */
export const versionField: {
  readonly kind: 'uint32';
  readonly access: 'create';
  readonly summary: string;
} = {
  kind: 'uint32',
  access: 'create',
  summary: 'Counts the changes; a PATCH names the one it saw.',
};

/** What the caller may do with the resource. */
export const actionsField: { readonly kind: 'strings'; readonly access: 'output'; readonly summary: string } =
  {
    kind: 'strings',
    access: 'output',
    summary: 'Actions that the caller may do on the resource, sorted.',
  };

/** What the caller may do with the collections inside the resource. */
export const collectionActionsField: MapField & { readonly access: 'output' } = {
  kind: 'map',
  access: 'output',
  summary: 'Actions that the caller may do on collections inside the resource.',
};

/** A list of objects that is only shown. */
export function shownList<T extends FieldTable>(
  fields: T,
): ListField & { readonly fields: T; readonly access: 'output' } {
  return { kind: 'list', access: 'output', fields };
}
