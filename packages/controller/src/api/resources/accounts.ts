/** `/v1/accounts`: logins at an auth method, and their passwords (http-api.md §2.4). */
import { type FieldError, invalidField } from '@stile/protocol/errors';
import { Secret } from '@stile/runtime';
import type { AccountRow } from '../../auth/account-repository.ts';
import type { PasswordChange } from '../../session/ending/account-ending.ts';
import type { Access, Located } from '../access.ts';
import { childListOperation } from '../list/list-operation.ts';
import { listedItems } from '../list/listed-items.ts';
import { noContent, ok, operation, type Call, type Operation } from '../operation.ts';
import { decodeAction, decodeCreate, decodeKinds, refuseFaults, requestMessage } from '../schema/decode.ts';
import { schemaOf, type Input, type Output } from '../schema/field.ts';
import { renderItem, type VisibleFields } from '../schema/render.ts';
import {
  actionsField,
  descriptionField,
  idField,
  nameField,
  scopeField,
  shownTime,
  versionField,
} from '../schema/shared-fields.ts';
import { isId } from '../schema/text-rules.ts';
import type { ApiServices, ScopeNode } from '../services.ts';
import { decodeUpdate } from '../update-mask.ts';
import { revocationField, revocationValues } from './auth-token-fields.ts';
import {
  itemActions,
  nameChanges,
  readScope,
  required,
  requirePathId,
  resourceIn,
  scopeInfo,
} from './item.ts';

const unknownMethod = 'Unknown auth method type from ID.';
const missingLoginName = 'This is a required field for this type.';
const methodPrefixes = ['ampw', 'amoidc', 'amldap'];

const schema = schemaOf('Account', {
  id: idField,
  scope: scopeField,
  name: nameField,
  description: descriptionField,
  created_time: shownTime,
  updated_time: shownTime,
  version: versionField,
  type: {
    kind: 'string',
    access: 'create',
    rule: (value) =>
      value === '' || value === 'password' ? undefined : 'This must be the type of the auth method.',
    summary: '`password`.',
  },
  auth_method_id: {
    kind: 'string',
    access: 'create',
    required: unknownMethod,
    rule: (value) => (isId(value, methodPrefixes) ? undefined : unknownMethod),
    summary: 'The auth method of the login.',
  },
  attributes: {
    kind: 'object',
    access: 'change',
    strict: true,
    fields: {
      login_name: {
        kind: 'string',
        access: 'change',
        cannotClear: missingLoginName,
        summary: 'Lower case letters, digits, full stops and hyphens.',
      },
      password: {
        kind: 'string',
        access: 'create',
        isWriteOnly: true,
        summary: 'The first password; without one nobody can log in.',
      },
    },
  },
  managed_group_ids: {
    kind: 'strings',
    access: 'output',
    summary: 'Password accounts are in no managed group.',
  },
  authorized_actions: actionsField,
});

const changedSchema = schemaOf('ChangedAccount', { ...schema.fields, revocation: revocationField });

const prefixes = ['acctpw', 'apw', 'acctoidc', 'acctldap'];
const facts = { resource: 'accounts', type: 'account', schema } as const;

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

function show(row: AccountRow, scope: ScopeNode, access: Access, visible: VisibleFields): object {
  return renderItem(schema, valuesOf(row, scope, access), visible);
}

interface LocatedAccount extends Located {
  readonly row: AccountRow;
  readonly scope: ScopeNode;
}

async function locate(services: ApiServices, id: string): Promise<LocatedAccount> {
  const row = required(await services.accounts.lookup(id));
  const scope = await readScope(services.scopes, row.scope_id);
  return { row, scope, resource: resourceIn(scope, 'account', id, row.auth_method_id) };
}

function createOperation(services: ApiServices): Operation {
  return operation({
    ...facts,
    verb: 'create',
    method: 'POST',
    on: 'collection',
    summary: 'Adds a login to an auth method.',
    request: schema,
    response: { schema },
    permission: { type: 'account', action: 'create' },
    parse: ({ body }) =>
      decodeCreate(schema, body, {
        also: (decoded, errors) => {
          // The values have the kinds of the table by now.
          const { attributes } = decoded as Input<(typeof schema)['fields']>;
          if ((attributes?.login_name ?? '').trim() === '') {
            errors.push({ name: 'login_name', description: missingLoginName });
          }
        },
      }),
    locate: async (input) => {
      const method = required(await services.authMethods.lookup(input.auth_method_id));
      const scope = await readScope(services.scopes, method.scope_id);
      return { scope, resource: resourceIn(scope, 'account', undefined, method.id) };
    },
    act: async ({ input, found, access, visible }) => {
      const { login_name: loginName = '', password = '' } = input.attributes ?? {};
      const row = await services.authMethodChanges.createAccount({
        authMethodId: input.auth_method_id,
        name: input.name ?? null,
        description: input.description ?? null,
        attributes: { loginName, ...(password === '' ? {} : { password: new Secret(password) }) },
      });
      return ok(show(row, found.scope, access, visible));
    },
  });
}

function updateOperation(services: ApiServices): Operation {
  return operation({
    ...facts,
    verb: 'update',
    method: 'PATCH',
    on: 'item',
    summary: 'Changes an account.',
    request: schema,
    response: { schema },
    permission: { type: 'account', action: 'update' },
    parse: (call) => {
      const id = requirePathId(call.id, 'update', prefixes);
      const mask = call.query.list('update_mask');
      return { id, ...decodeUpdate(schema, call.body, { mask, type: 'password' }) };
    },
    locate: ({ id }) => locate(services, id),
    act: async ({ input, found, access, visible }) => {
      input.refuseEmpty();
      const { attributes } = input.changes;
      const loginName = attributes?.login_name;
      const row = await services.authMethodChanges.updateAccount(input.id, input.version, {
        ...nameChanges(input.changes),
        ...(typeof loginName === 'string' ? { attributes: { loginName } } : {}),
      });
      return ok(show(row, found.scope, access, visible));
    },
  });
}

const setPasswordRequest = schemaOf('SetPasswordRequest', {
  version: versionField,
  password: {
    kind: 'string',
    access: 'change',
    isWriteOnly: true,
    summary: 'Empty or absent takes the password away: then nobody can log in.',
  },
});

const changePasswordRequest = schemaOf('ChangePasswordRequest', {
  version: versionField,
  current_password: { kind: 'string', access: 'change', isWriteOnly: true },
  new_password: { kind: 'string', access: 'change', isWriteOnly: true },
});

/** The body of an action on an account: its version and the texts, `''` when they were not given. @throws {StileError} */
function readAction<Name extends string>(
  { id, body }: Call,
  request: typeof setPasswordRequest | typeof changePasswordRequest,
  demanded: readonly Name[],
): { readonly id: string; readonly version: number; readonly texts: Readonly<Record<string, string>> } {
  const accountId = requirePathId(id, 'action', prefixes);
  const errors: FieldError[] = [];
  const { version, ...decoded } = decodeKinds(request.fields, body, errors);
  const isFaulty = (name: string): boolean => errors.some((error) => error.name === name);
  if (!isFaulty('version') && (typeof version !== 'number' || version === 0)) {
    errors.push({
      name: 'version',
      description: 'Existing resource version is required for an update.',
    });
  }
  for (const name of demanded) {
    if (!isFaulty(name) && (decoded[name] ?? '') === '') {
      errors.push({ name, description: 'This is a required field.' });
    }
  }
  refuseFaults(requestMessage, errors);
  const texts = Object.fromEntries(
    Object.entries(decoded).map(([name, value]) => [name, typeof value === 'string' ? value : '']),
  );
  return { id: accountId, version: typeof version === 'number' ? version : 0, texts };
}

/** The sign-ins that another password ended; nothing where there were none. */
async function endedLogins(services: ApiServices, done: PasswordChange<unknown>): Promise<object> {
  if (done.ended.authTokenIds.length === 0) return {};
  const revocation = await services.tokenEndings.settled(done.ended);
  return { revocation: { ...revocationValues(revocation), api_tokens_kept: done.apiTokensKept } };
}

function setPasswordOperation(services: ApiServices): Operation {
  return operation({
    ...facts,
    verb: 'set-password',
    method: 'POST',
    on: 'item',
    summary: 'Gives an account another password, without knowing the old one.',
    request: setPasswordRequest,
    response: { schema: changedSchema },
    permission: { type: 'account', action: 'set-password' },
    parse: (call) => {
      const { id, version, texts } = readAction(call, setPasswordRequest, []);
      const { password = '' } = texts;
      return { id, version, password: password === '' ? undefined : new Secret(password) };
    },
    locate: ({ id }) => locate(services, id),
    act: async ({ input, found, access, visible, call }) => {
      const { id, version, password } = input;
      const { userId, token } = call.caller;
      // One's own password is changed by a sign-in, whatever the token may do to others; a web session, which somebody else opened, changes none.
      if (found.row.user_id === userId || token?.type === 'web') access.requireToken('login');
      const done = await services.accountEndings.changePassword(id, call.caller, (also) =>
        services.passwords.setPassword(id, version, password, also),
      );
      const shown = show(done.result, found.scope, access, visible);
      return ok({ ...shown, ...(await endedLogins(services, done)) });
    },
  });
}

function changePasswordOperation(services: ApiServices): Operation {
  return operation({
    ...facts,
    verb: 'change-password',
    method: 'POST',
    on: 'item',
    summary: 'Changes the password of an account whose password is known.',
    request: changePasswordRequest,
    response: { schema: changedSchema },
    permission: { type: 'account', action: 'change-password' },
    token: 'login',
    parse: (call) => {
      const names = ['current_password', 'new_password'] as const;
      const { id, version, texts } = readAction(call, changePasswordRequest, names);
      const { current_password: current = '', new_password: next = '' } = texts;
      return { accountId: id, version, current: new Secret(current), next: new Secret(next) };
    },
    locate: ({ accountId }) => locate(services, accountId),
    act: async ({ input, found, access, visible, call }) => {
      const done = await services.accountEndings.changePassword(input.accountId, call.caller, (also) =>
        services.passwords.changePassword({ ...input, address: call.address }, also),
      );
      const shown = show(done.result, found.scope, access, visible);
      return ok({ ...shown, ...(await endedLogins(services, done)) });
    },
  });
}

const checkPasswordRequest = schemaOf('CheckPasswordRequest', {
  password: { kind: 'string', access: 'change', isWriteOnly: true },
});

const checkPasswordResponse = schemaOf('CheckPasswordResponse', {
  valid: { kind: 'bool', access: 'output', isAlwaysShown: true, summary: 'Whether it is the password.' },
});

/** Ours, and never shown among the actions (tokens.md §4.1). */
function checkPasswordOperation(services: ApiServices): Operation {
  return operation({
    ...facts,
    verb: 'check-password',
    method: 'POST',
    on: 'item',
    summary:
      'Says whether it is the password of the account; wrong ones count as failed logins. Nothing is issued.',
    request: checkPasswordRequest,
    response: { schema: checkPasswordResponse },
    permission: { type: 'account', action: 'set-password', ownAction: 'change-password' },
    token: 'unrestricted',
    parse: ({ id, body }) => {
      const accountId = requirePathId(id, 'action', prefixes);
      const { password = '' } = decodeAction(checkPasswordRequest.fields, body);
      if (password === '') {
        throw invalidField('password', 'This is a required field.');
      }
      return { accountId, password: new Secret(password) };
    },
    locate: async ({ accountId }) => {
      const found = await locate(services, accountId);
      return { ...found, ...(found.row.user_id === null ? {} : { ownerId: found.row.user_id }) };
    },
    act: async ({ input, call }) => {
      const valid = await services.passwords.checkPassword({
        ...input,
        address: call.address,
        by: call.caller.userId,
      });
      return ok(renderItem(checkPasswordResponse, { valid }));
    },
  });
}

function listOperation(services: ApiServices): Operation {
  return childListOperation<AccountRow>(
    {
      ...facts,
      summary: 'Lists the accounts of an auth method.',
      parentParameter: 'auth_method_id',
      parentPrefixes: methodPrefixes,
      lookupParent: async (id) => {
        const row = await services.authMethods.lookup(id);
        return row === undefined ? undefined : { id, scope: await readScope(services.scopes, row.scope_id) };
      },
      source: ({ access, parent }) => ({
        page: (page) => services.accounts.list(parent.id, page),
        counted: { table: 'account', column: 'auth_method_id', values: [parent.id] },
        stamps: (row) => row,
        render: listedItems(schema, access, (row) => ({
          values: valuesOf(row, parent.scope, access),
          resource: resourceIn(parent.scope, 'account', row.id, parent.id),
        })),
      }),
    },
    services,
  );
}

/** The rows of `/v1/accounts`. */
export function accountOperations(services: ApiServices): readonly Operation[] {
  return [
    listOperation(services),
    createOperation(services),
    operation({
      ...facts,
      verb: 'read',
      method: 'GET',
      on: 'item',
      summary: 'Reads an account.',
      response: { schema },
      permission: { type: 'account', action: 'read' },
      parse: ({ id }) => requirePathId(id, 'read', prefixes),
      locate: (id) => locate(services, id),
      act: ({ found, access, visible }) => Promise.resolve(ok(show(found.row, found.scope, access, visible))),
    }),
    updateOperation(services),
    operation({
      ...facts,
      verb: 'delete',
      method: 'DELETE',
      on: 'item',
      summary: 'Deletes an account with its auth tokens and ends the sessions made with them.',
      status: 204,
      permission: { type: 'account', action: 'delete' },
      parse: ({ id }) => requirePathId(id, 'delete', prefixes),
      locate: (id) => locate(services, id),
      act: async ({ input, call }) => {
        await services.accountEndings.deleteAccount(input, call.caller.userId);
        return noContent;
      },
    }),
    setPasswordOperation(services),
    changePasswordOperation(services),
    checkPasswordOperation(services),
  ];
}
