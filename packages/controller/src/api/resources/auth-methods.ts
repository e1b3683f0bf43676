/** `/v1/auth-methods`: read and list; logging in is in authenticate.ts (http-api.md §2.2). */
import type { AuthMethodRow } from '../../auth/auth-method-repository.ts';
import type { Access } from '../access.ts';
import { scopeListOperation } from '../list/list-operation.ts';
import { ok, operation, type Operation } from '../operation.ts';
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
import { authenticateOperation } from './authenticate.ts';
import { collectionActions } from './collection-actions.ts';
import { itemActions, readScope, required, requirePathId, resourceIn, scopeInfo } from './item.ts';

const schema = schemaOf('AuthMethod', {
  id: idField,
  scope_id: shownText,
  scope: scopeField,
  name: nameField,
  description: descriptionField,
  created_time: shownTime,
  updated_time: shownTime,
  version: versionField,
  type: { ...shownText, summary: '`password`.' },
  attributes: {
    kind: 'object',
    access: 'output',
    fields: {
      min_login_name_length: { kind: 'uint32', access: 'output' },
      min_password_length: { kind: 'uint32', access: 'output' },
    },
  },
  is_primary: { kind: 'bool', access: 'output', summary: 'Whether it is the primary one of its scope.' },
  authorized_actions: actionsField,
  authorized_collection_actions: collectionActionsField,
});

/** Prefixes of auth method ids. */
const prefixes = ['ampw', 'amoidc', 'amldap'];
const facts = { resource: 'auth-methods', type: 'auth-method', schema } as const;
const wrongScope = "This field must be 'global' or a valid org scope id.";

function valuesOf(row: AuthMethodRow, scope: ScopeNode, access: Access): Output<(typeof schema)['fields']> {
  return {
    id: row.id,
    scope_id: row.scope_id,
    scope: scopeInfo(scope),
    name: row.name,
    description: row.description,
    created_time: row.created_at,
    updated_time: row.updated_at,
    version: row.version,
    type: row.type,
    attributes: {
      min_login_name_length: row.min_login_name_length,
      min_password_length: row.min_password_length,
    },
    is_primary: row.is_primary,
    // Only OIDC methods change their state.
    authorized_actions: itemActions(access, resourceIn(scope, 'auth-method', row.id), ['change-state']),
    authorized_collection_actions: collectionActions(access, scope, ['account', 'managed-group'], row.id),
  };
}

function readOperation(services: ApiServices): Operation {
  return operation({
    ...facts,
    verb: 'read',
    method: 'GET',
    on: 'item',
    summary: 'Reads an auth method.',
    response: { schema },
    permission: { type: 'auth-method', action: 'read' },
    parse: ({ id }) => requirePathId(id, 'read', prefixes),
    locate: async (id) => {
      const row = required(await services.authMethods.lookup(id));
      const scope = await readScope(services.scopes, row.scope_id);
      return { row, scope, resource: resourceIn(scope, 'auth-method', id) };
    },
    act: ({ found, access, visible }) =>
      Promise.resolve(ok(renderItem(schema, valuesOf(found.row, found.scope, access), visible))),
  });
}

function listOperation(services: ApiServices): Operation {
  return scopeListOperation<AuthMethodRow>(
    {
      ...facts,
      summary: 'Lists auth methods.',
      levels: ['global', 'org'],
      wrongScope,
      recursesFromAnywhere: false,
      source: ({ access, permissions, scopeOf }) => ({
        page: (page) =>
          permissions.size === 0
            ? Promise.resolve([])
            : services.authMethods.list([...permissions.keys()], page),
        counted: { table: 'auth_method', permissions },
        stamps: (row) => row,
        render: (rows) =>
          Promise.resolve(
            rows.map((row) => {
              const scope = scopeOf(row.scope_id);
              const values = valuesOf(row, scope, access);
              if (values.authorized_actions?.length === 0) return undefined;
              return renderItem(schema, values, access.listed(resourceIn(scope, 'auth-method', row.id)));
            }),
          ),
      }),
    },
    services,
  );
}

/** The rows of `/v1/auth-methods`. */
export function authMethodOperations(services: ApiServices): readonly Operation[] {
  return [listOperation(services), readOperation(services), authenticateOperation(services)];
}
