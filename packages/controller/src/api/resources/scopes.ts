/** `/v1/scopes`: read and list of global, orgs and projects (http-api.md §2.1). */
import { globalScopeId } from '@stile/protocol/ids';
import type { ScopeRow } from '../../iam/scope-repository.ts';
import type { Access } from '../access.ts';
import { isScopeId, scopeListOperation } from '../list/list-operation.ts';
import { ok, operation, type Operation } from '../operation.ts';
import { fieldErrors, requestMessage } from '../schema/decode.ts';
import { schemaOf, type Output } from '../schema/field.ts';
import { renderItem } from '../schema/render.ts';
import {
  actionsField,
  collectionActionsField,
  descriptionField,
  idField,
  nameField,
  scopeField,
  shownText,
  shownTime,
  versionField,
} from '../schema/shared-fields.ts';
import type { ApiServices, ScopeNode } from '../services.ts';
import { scopeCollectionActions } from './collection-actions.ts';
import { itemActions, readScope, required, resourceIn, scopeInfo } from './item.ts';

const schema = schemaOf('Scope', {
  id: idField,
  scope_id: { ...shownText, summary: 'The parent scope.' },
  scope: scopeField,
  name: nameField,
  description: descriptionField,
  created_time: shownTime,
  updated_time: shownTime,
  version: versionField,
  type: { ...shownText, summary: '`global`, `org` or `project`.' },
  primary_auth_method_id: { ...shownText, summary: 'Accounts of it get a user at their first login.' },
  authorized_actions: actionsField,
  authorized_collection_actions: collectionActionsField,
});

const facts = { resource: 'scopes', type: 'scope', schema } as const;

/** Actions that a scope of a type lacks (http-api.md §2.1). */
const missingActions: Readonly<Record<ScopeNode['type'], readonly string[]>> = {
  global: ['delete'],
  org: [],
  project: ['attach-storage-policy', 'detach-storage-policy'],
};

/** The scope in whose name a scope is read: its parent, global its own (grants.md §2.5). */
async function parentOf(services: ApiServices, row: ScopeRow): Promise<ScopeNode> {
  return readScope(services.scopes, row.parent_id ?? globalScopeId);
}

function valuesOf(row: ScopeRow, parent: ScopeNode, access: Access): Output<(typeof schema)['fields']> {
  const self: ScopeNode = {
    id: row.id,
    parentId: row.parent_id,
    type: row.type,
    name: row.name,
    description: row.description,
  };
  return {
    id: row.id,
    scope_id: row.parent_id,
    scope: scopeInfo(parent),
    name: row.name,
    description: row.description,
    created_time: row.created_at,
    updated_time: row.updated_at,
    version: row.version,
    type: row.type,
    primary_auth_method_id: row.primary_auth_method_id,
    authorized_actions: itemActions(access, resourceIn(parent, 'scope', row.id), missingActions[row.type]),
    authorized_collection_actions: scopeCollectionActions(access, self),
  };
}

function requireScopeId(id: string): string {
  if (isScopeId(id, ['global', 'org', 'project'])) return id;
  throw fieldErrors(requestMessage, [{ name: 'id', description: 'Invalid formatted identifier.' }]);
}

function readOperation(services: ApiServices): Operation {
  return operation({
    ...facts,
    verb: 'read',
    method: 'GET',
    on: 'item',
    summary: 'Reads a scope.',
    response: { schema },
    permission: { type: 'scope', action: 'read' },
    parse: ({ id }) => requireScopeId(id),
    locate: async (id) => {
      const row = required(await services.scopes.lookupRow(id));
      const parent = await parentOf(services, row);
      return { row, parent, resource: resourceIn(parent, 'scope', id) };
    },
    act: ({ found, access, visible }) =>
      Promise.resolve(ok(renderItem(schema, valuesOf(found.row, found.parent, access), visible))),
  });
}

function listOperation(services: ApiServices): Operation {
  return scopeListOperation<ScopeRow>(
    {
      ...facts,
      summary: 'Lists the scopes in a scope.',
      levels: ['global', 'org'],
      wrongScope: "Must be 'global' or a valid org scope id when listing.",
      defaultScopeId: globalScopeId,
      recursesFromAnywhere: false,
      source: ({ access, permissions, scopeOf }) => ({
        page: (page) =>
          permissions.size === 0
            ? Promise.resolve([])
            : services.scopes.listRows([...permissions.keys()], page),
        counted: { table: 'scope', column: 'parent_id', values: [...permissions.keys()] },
        stamps: (row) => row,
        render: (rows) =>
          Promise.resolve(
            rows.map((row) => {
              const parent = scopeOf(row.parent_id ?? globalScopeId);
              const values = valuesOf(row, parent, access);
              if (values.authorized_actions?.length === 0) return undefined;
              return renderItem(schema, values, access.listed(resourceIn(parent, 'scope', row.id)));
            }),
          ),
      }),
    },
    services,
  );
}

/** The rows of `/v1/scopes`. */
export function scopeOperations(services: ApiServices): readonly Operation[] {
  return [listOperation(services), readOperation(services)];
}
