/** `/v1/accounts`: read and list of logins at an auth method (http-api.md §2.4). */
import type { AccountRow } from '../../auth/account-repository.ts';
import type { Access } from '../access.ts';
import { childListOperation } from '../list/list-operation.ts';
import { ok, operation, type Operation } from '../operation.ts';
import { schemaOf, type Output } from '../schema/field.ts';
import { renderItem } from '../schema/render.ts';
import {
  actionsField,
  descriptionField,
  idField,
  nameField,
  scopeField,
  shownText,
  shownTime,
  versionField,
} from '../schema/shared-fields.ts';
import type { ApiServices, ScopeNode } from '../services.ts';
import { itemActions, readScope, required, requirePathId, resourceIn, scopeInfo } from './item.ts';

const schema = schemaOf('Account', {
  id: idField,
  scope: scopeField,
  name: nameField,
  description: descriptionField,
  created_time: shownTime,
  updated_time: shownTime,
  version: versionField,
  type: { ...shownText, summary: '`password`.' },
  auth_method_id: shownText,
  attributes: { kind: 'object', access: 'output', fields: { login_name: shownText } },
  authorized_actions: actionsField,
});

const prefixes = ['acctpw', 'apw', 'acctoidc', 'acctldap'];

function valuesOf(row: AccountRow, scope: ScopeNode, access: Access): Output<(typeof schema)['fields']> {
  return {
    id: row.id,
    scope: scopeInfo(scope),
    name: row.name,
    description: row.description,
    created_time: row.created_at,
    updated_time: row.updated_at,
    version: row.version,
    type: row.type,
    auth_method_id: row.auth_method_id,
    attributes: { login_name: row.login_name },
    authorized_actions: itemActions(access, resourceIn(scope, 'account', row.id, row.auth_method_id)),
  };
}

function listOperation(services: ApiServices): Operation {
  return childListOperation<AccountRow>(
    {
      resource: 'accounts',
      type: 'account',
      schema,
      summary: 'Lists the accounts of an auth method.',
      parentParameter: 'auth_method_id',
      parentPrefixes: ['ampw', 'amoidc', 'amldap'],
      lookupParent: async (id) => {
        const row = await services.authMethods.lookup(id);
        return row === undefined ? undefined : { id, scope: await readScope(services.scopes, row.scope_id) };
      },
      source: ({ access, parent }) => ({
        page: (page) => services.accounts.list(parent.id, page),
        counted: { table: 'account', column: 'auth_method_id', values: [parent.id] },
        stamps: (row) => row,
        render: (rows) =>
          Promise.resolve(
            rows.map((row) => {
              const values = valuesOf(row, parent.scope, access);
              if (values.authorized_actions?.length === 0) return undefined;
              const resource = resourceIn(parent.scope, 'account', row.id, parent.id);
              return renderItem(schema, values, access.listed(resource));
            }),
          ),
      }),
    },
    services,
  );
}

/** The rows of `/v1/accounts`. */
export function accountOperations(services: ApiServices): readonly Operation[] {
  return [
    listOperation(services),
    operation({
      resource: 'accounts',
      verb: 'read',
      method: 'GET',
      on: 'item',
      summary: 'Reads an account.',
      response: { schema },
      permission: { type: 'account', action: 'read' },
      parse: ({ id }) => requirePathId(id, 'read', prefixes),
      locate: async (id) => {
        const row = required(await services.accounts.lookup(id));
        const scope = await readScope(services.scopes, row.scope_id);
        return { row, scope, resource: resourceIn(scope, 'account', id, row.auth_method_id) };
      },
      act: ({ found, access, visible }) =>
        Promise.resolve(ok(renderItem(schema, valuesOf(found.row, found.scope, access), visible))),
    }),
  ];
}
