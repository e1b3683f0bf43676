/** `/v1/users`: list, and which aliases lead somewhere for a user (http-api.md §2.6). */
import type { UserRow } from '../../iam/user-repository.ts';
import type { Alias } from '../../alias/alias.ts';
import type { Access } from '../access.ts';
import { grantsHash, scopeListOperation } from '../list/list-operation.ts';
import { listPage, readListParameters } from '../list/list-page.ts';
import { ok, operation, type Call, type Gate, type Operation } from '../operation.ts';
import { fieldErrors, requestMessage } from '../schema/decode.ts';
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

const schema = schemaOf('User', {
  id: idField,
  scope_id: shownText,
  scope: scopeField,
  name: nameField,
  description: descriptionField,
  created_time: shownTime,
  updated_time: shownTime,
  version: versionField,
  authorized_actions: actionsField,
  login_name: { ...shownText, summary: 'Of the account at the primary auth method.' },
  primary_account_id: shownText,
});

const aliasSchema = schemaOf('ResolvableAlias', {
  id: idField,
  created_time: shownTime,
  updated_time: shownTime,
  value: shownText,
  destination_id: shownText,
  type: shownText,
});

function requireListedUser(call: Call): string {
  const id = requirePathId(call.id, 'read', ['u']);
  if (id !== 'u_recovery') return id;
  throw fieldErrors(requestMessage, [{ name: 'id', description: 'u_recovery has no aliases.' }]);
}

function show(alias: Alias): object {
  return renderItem(aliasSchema, {
    id: alias.id,
    created_time: alias.created_at,
    updated_time: alias.updated_at,
    value: alias.value,
    destination_id: alias.destination_id,
    type: alias.type,
  });
}

/** Aliases of the targets on which the user may do anything. */
async function listAliases(services: ApiServices, call: Call, userId: string, gate: Gate): Promise<object> {
  const parameters = readListParameters(call.query, services.lists.maxPageSize);
  const [acl, scopes] = await Promise.all([gate.aclFor({ userId }), services.scopes.tree()]);
  const projects = scopes.filter((scope) => scope.type === 'project');
  const permissions = acl.listPermissions('target', projects);
  return listPage<Alias>(
    {
      page: async (page) =>
        permissions.size === 0 ? [] : services.users.resolvableAliases(permissions, page),
      stamps: (row) => row,
      render: (rows) => Promise.resolve(rows.map(show)),
    },
    parameters,
    { resource: 'alias', grantsHash: grantsHash(acl, 'target') },
    services.lists,
  );
}

function valuesOf(row: UserRow, scope: ScopeNode, access: Access): Output<(typeof schema)['fields']> {
  return {
    id: row.id,
    scope_id: row.scope_id,
    scope: scopeInfo(scope),
    name: row.name,
    description: row.description,
    created_time: row.created_at,
    updated_time: row.updated_at,
    version: row.version,
    authorized_actions: itemActions(access, resourceIn(scope, 'user', row.id)),
    login_name: row.login_name,
    primary_account_id: row.primary_account_id,
  };
}

/** Items of a list have no accounts (http-api.md §2.6). */
function listOperation(services: ApiServices): Operation {
  return scopeListOperation<UserRow>(
    {
      resource: 'users',
      type: 'user',
      schema,
      summary: 'Lists users.',
      levels: ['global', 'org'],
      wrongScope: "Must be 'global' or a valid org scope id when listing.",
      recursesFromAnywhere: false,
      source: ({ access, permissions, scopeOf }) => ({
        page: (page) =>
          permissions.size === 0 ? Promise.resolve([]) : services.users.list([...permissions.keys()], page),
        counted: { table: 'iam_user', permissions },
        stamps: (row) => row,
        render: (rows) =>
          Promise.resolve(
            rows.map((row) => {
              const scope = scopeOf(row.scope_id);
              const values = valuesOf(row, scope, access);
              if (values.authorized_actions?.length === 0) return undefined;
              return renderItem(schema, values, access.listed(resourceIn(scope, 'user', row.id)));
            }),
          ),
      }),
    },
    services,
  );
}

/** The rows of `/v1/users`. */
export function userOperations(services: ApiServices): readonly Operation[] {
  return [
    listOperation(services),
    operation({
      resource: 'users',
      verb: 'list-resolvable-aliases',
      method: 'GET',
      on: 'item',
      summary: 'Lists the aliases of targets on which the user may do anything.',
      response: { schema: aliasSchema, isList: true },
      permission: { type: 'user', action: 'list-resolvable-aliases' },
      parse: requireListedUser,
      locate: async (id) => {
        const user = required(await services.users.lookup(id));
        const scope = await readScope(services.scopes, user.scope_id);
        return { resource: resourceIn(scope, 'user', id) };
      },
      act: async ({ call, input, gate }) => ok(await listAliases(services, call, input, gate)),
    }),
  ];
}
