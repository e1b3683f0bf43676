/** `/v1/users`: people, their accounts, and which aliases lead somewhere for them (http-api.md §2.6, tokens.md §4.1). */
import { invalidField } from '@stile/protocol/errors';
import type { UserDetail } from '../../iam/user/user-service.ts';
import type { UserRow } from '../../iam/user-repository.ts';
import type { Alias } from '../../alias/alias.ts';
import type { Access } from '../access.ts';
import { grantsHash, isScopeId, scopeListOperation } from '../list/list-operation.ts';
import { listPage, readListParameters } from '../list/list-page.ts';
import { listedItems } from '../list/listed-items.ts';
import { noContent, ok, operation, type Call, type Gate, type Operation } from '../operation.ts';
import { decodeCreate } from '../schema/decode.ts';
import { schemaOf, type Output } from '../schema/field.ts';
import { renderItem, type VisibleFields } from '../schema/render.ts';
import {
  actionsField,
  descriptionField,
  idField,
  nameField,
  scopeField,
  shownList,
  shownText,
  shownTime,
  versionField,
} from '../schema/shared-fields.ts';
import { isId } from '../schema/text-rules.ts';
import type { ApiServices, ScopeNode } from '../services.ts';
import { decodeUpdate } from '../update-mask.ts';
import { revocationField, revocationValues } from './auth-token-fields.ts';
import {
  decodeMemberChange,
  itemActions,
  nameChanges,
  readScope,
  required,
  requirePathId,
  requireVersion,
  resourceIn,
  scopeInfo,
} from './item.ts';

const wrongScope = "Must be 'global' or a valid org scope id.";

const schema = schemaOf('User', {
  id: idField,
  scope_id: {
    kind: 'string',
    access: 'create',
    required: wrongScope,
    rule: (value) => (isScopeId(value, ['global', 'org']) ? undefined : wrongScope),
    summary: 'The scope that the user lives in: global or an org.',
  },
  scope: scopeField,
  name: nameField,
  description: descriptionField,
  created_time: shownTime,
  updated_time: shownTime,
  version: versionField,
  account_ids: { kind: 'strings', access: 'output', summary: 'Accounts of the user, on single reads.' },
  accounts: shownList({ id: shownText, scope_id: shownText }),
  authorized_actions: actionsField,
  login_name: { ...shownText, summary: 'Of the account at the primary auth method.' },
  full_name: shownText,
  email: shownText,
  primary_account_id: shownText,
  disabled_time: { ...shownTime, summary: 'Since when the user is disabled.' },
});

const accountsSchema = schemaOf('UserAccounts', {
  version: versionField,
  account_ids: { kind: 'strings', access: 'change', summary: 'Ids of accounts.' },
});

const stateSchema = schemaOf('UserState', { version: versionField });

const disabledSchema = schemaOf('DisabledUser', { ...schema.fields, revocation: revocationField });

const prefixes = ['u'];
const facts = { resource: 'users', type: 'user', schema } as const;

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
  throw invalidField('id', 'u_recovery has no aliases.');
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
  const [acl, scopes] = await Promise.all([
    gate.aclFor({ userId, token: call.caller.token }),
    services.scopes.tree(),
  ]);
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
    { resource: 'alias', grantsHash: grantsHash(acl, 'target'), allowedIds: acl.allowedIds('alias') },
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
    disabled_time: row.disabled_at,
  };
}

/** A user without its accounts, whole. */
export function showIdentity(row: UserRow, scope: ScopeNode, access: Access): object {
  return renderItem(schema, valuesOf(row, scope, access));
}

function showUser(detail: UserDetail, scope: ScopeNode, access: Access, visible: VisibleFields): object {
  return renderItem(
    schema,
    {
      ...valuesOf(detail.user, scope, access),
      account_ids: detail.accounts.map((account) => account.id),
      accounts: detail.accounts.map((account) => ({ id: account.id, scope_id: account.scopeId })),
    },
    visible,
  );
}

interface LocatedUser {
  readonly detail: UserDetail;
  readonly scope: ScopeNode;
  readonly resource: ReturnType<typeof resourceIn>;
}

async function locate(services: ApiServices, id: string): Promise<LocatedUser> {
  const detail = required(await services.userService.lookup(id));
  const scope = await readScope(services.scopes, detail.user.scope_id);
  return { detail, scope, resource: resourceIn(scope, 'user', id) };
}

function createOperation(services: ApiServices): Operation {
  return operation({
    ...facts,
    verb: 'create',
    method: 'POST',
    on: 'collection',
    summary: 'Makes a user without accounts.',
    request: schema,
    response: { schema },
    permission: { type: 'user', action: 'create' },
    parse: ({ body }) => decodeCreate(schema, body),
    locate: async (input) => {
      const scope = await readScope(services.scopes, input.scope_id);
      return { scope, resource: resourceIn(scope, 'user') };
    },
    act: async ({ input, found, access, visible }) => {
      const detail = await services.userService.create({
        scopeId: input.scope_id,
        name: input.name ?? null,
        description: input.description ?? null,
      });
      return ok(showUser(detail, found.scope, access, visible));
    },
  });
}

function updateOperation(services: ApiServices): Operation {
  return operation({
    ...facts,
    verb: 'update',
    method: 'PATCH',
    on: 'item',
    summary: 'Changes name and description of a user.',
    request: schema,
    response: { schema },
    permission: { type: 'user', action: 'update' },
    parse: (call) => {
      const id = requirePathId(call.id, 'update', prefixes);
      return { id, ...decodeUpdate(schema, call.body, { mask: call.query.list('update_mask') }) };
    },
    locate: ({ id }) => locate(services, id),
    act: async ({ input, found, access, visible }) => {
      input.refuseEmpty();
      const detail = await services.userService.update(input.id, input.version, nameChanges(input.changes));
      return ok(showUser(detail, found.scope, access, visible));
    },
  });
}

const accountRule = {
  field: 'account_ids',
  isLegalId: (id: string) => isId(id, ['acctpw', 'apw', 'acctoidc', 'acctldap']),
  illegal: () => 'Values must be valid account ids.',
};

function accountsOperation(services: ApiServices, action: 'add' | 'set' | 'remove'): Operation {
  const verb = `${action}-accounts`;
  return operation({
    ...facts,
    verb,
    method: 'POST',
    on: 'item',
    summary: `Changes the accounts of a user: ${action}. What an account proved ends when it is taken away.`,
    request: accountsSchema,
    response: { schema },
    permission: { type: 'user', action: verb },
    parse: ({ id, body }) => ({
      id: requirePathId(id, 'action', prefixes),
      change: decodeMemberChange(action, body, accountRule),
    }),
    locate: ({ id }) => locate(services, id),
    act: async ({ input, found, access, visible, call }) => {
      const { version, ids } = input.change;
      const change = { id: input.id, version, by: call.caller.userId };
      const detail = await services.userEndings.changeAccounts(action, change, ids);
      return ok(showUser(detail, found.scope, access, visible));
    },
  });
}

/** What `:disable` and `:enable` share; ours, and never shown among the actions (tokens.md §4.1). */
const stateFacts = {
  ...facts,
  method: 'POST',
  on: 'item',
  request: stateSchema,
  permission: { type: 'user', action: 'update' },
  parse: ({ id, body }: Call) => ({
    id: requirePathId(id, 'action', prefixes),
    version: requireVersion(body),
  }),
} as const;

function disableOperation(services: ApiServices): Operation {
  return operation({
    ...stateFacts,
    verb: 'disable',
    summary: 'Disables a user and ends its tokens and sessions at once.',
    response: { schema: disabledSchema },
    locate: ({ id }) => locate(services, id),
    act: async ({ input, found, access, visible, call }) => {
      const { detail, ended } = await services.userEndings.disable({ ...input, by: call.caller.userId });
      const revocation = revocationValues(await services.tokenEndings.settled(ended));
      return ok({ ...showUser(detail, found.scope, access, visible), revocation });
    },
  });
}

function enableOperation(services: ApiServices): Operation {
  return operation({
    ...stateFacts,
    verb: 'enable',
    summary: 'Enables a user again; it must log in anew.',
    response: { schema },
    locate: ({ id }) => locate(services, id),
    act: async ({ input, found, access, visible, call }) => {
      const detail = await services.userEndings.enable({ ...input, by: call.caller.userId });
      return ok(showUser(detail, found.scope, access, visible));
    },
  });
}

/** Items of a list have no accounts (http-api.md §2.6). */
function listOperation(services: ApiServices): Operation {
  return scopeListOperation<UserRow>(
    {
      ...facts,
      summary: 'Lists users.',
      levels: ['global', 'org'],
      wrongScope: "Must be 'global' or a valid org scope id when listing.",
      recursesFromAnywhere: false,
      source: ({ access, permissions, scopeOf }) => ({
        page: (page) =>
          permissions.size === 0 ? Promise.resolve([]) : services.users.list([...permissions.keys()], page),
        counted: { table: 'iam_user', permissions },
        stamps: (row) => row,
        render: listedItems(schema, access, (row) => {
          const scope = scopeOf(row.scope_id);
          return { values: valuesOf(row, scope, access), resource: resourceIn(scope, 'user', row.id) };
        }),
      }),
    },
    services,
  );
}

/** The rows of `/v1/users`. */
export function userOperations(services: ApiServices): readonly Operation[] {
  return [
    listOperation(services),
    createOperation(services),
    operation({
      ...facts,
      verb: 'read',
      method: 'GET',
      on: 'item',
      summary: 'Reads a user.',
      response: { schema },
      permission: { type: 'user', action: 'read' },
      parse: ({ id }) => requirePathId(id, 'read', prefixes),
      locate: (id) => locate(services, id),
      act: ({ found, access, visible }) =>
        Promise.resolve(ok(showUser(found.detail, found.scope, access, visible))),
    }),
    updateOperation(services),
    operation({
      ...facts,
      verb: 'delete',
      method: 'DELETE',
      on: 'item',
      summary: 'Deletes a user and ends its tokens and sessions; its accounts stay.',
      status: 204,
      permission: { type: 'user', action: 'delete' },
      parse: ({ id }) => requirePathId(id, 'delete', prefixes),
      locate: (id) => locate(services, id),
      act: async ({ input, call }) => {
        await services.userEndings.delete(input, call.caller.userId);
        return noContent;
      },
    }),
    accountsOperation(services, 'add'),
    accountsOperation(services, 'set'),
    accountsOperation(services, 'remove'),
    disableOperation(services),
    enableOperation(services),
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
