/**
 * `/v1/auth-tokens`: list, read, delete, revoke (http-api.md §2.5, tokens.md §4.1). A token itself is shown where it is made only:
 * auth-token-minting.ts.
 */
import type { AuthTokenRow } from '../../auth/token/auth-token-service.ts';
import type { AuthTokenType, RevokedReason } from '../../auth/token/auth-token.ts';
import { withoutSessionCookie } from '../http/session-cookie.ts';
import { scopeListOperation, type ScopeListStep } from '../list/list-operation.ts';
import type { Located } from '../access.ts';
import { noContent, ok, operation, type Call, type Operation, type Step } from '../operation.ts';
import { type FieldError, invalidField } from '@stile/protocol/errors';
import { decodeAction, refuseFaults, checkUnknown, requestMessage } from '../schema/decode.ts';
import { schemaOf } from '../schema/field.ts';
import { renderItem } from '../schema/render.ts';
import { isId, isStorable } from '../schema/text-rules.ts';
import type { ApiServices } from '../services.ts';
import {
  authTokenFacts,
  authTokenPrefixes,
  authTokenSchema,
  authTokenValues,
  locateToken,
  revocationValues,
  revokedSchema,
} from './auth-token-fields.ts';
import { authTokenChangeOperations } from './auth-token-changes.ts';
import { authTokenExchangeOperations } from './auth-token-exchange.ts';
import { createAuthTokenOperation } from './auth-token-minting.ts';
import { readScope, required, requirePathId, resourceIn } from './item.ts';

const kinds: readonly AuthTokenType[] = ['login', 'web', 'api', 'one-time'];

/** The kinds that a comma list names. @throws {StileError} invalidArgument */
function readTypes(text: string, field: string): readonly AuthTokenType[] | undefined {
  if (text === '') return undefined;
  return text.split(',').map((name) => {
    const type = kinds.find((each) => each === name.trim());
    if (type !== undefined) return type;
    throw invalidField(field, `Names of types, parted by commas: ${kinds.join(', ')}.`);
  });
}

interface ListOptions {
  readonly includeExpired: boolean;
  readonly types: readonly AuthTokenType[] | undefined;
  readonly userId: string | undefined;
  readonly name: string | undefined;
}

function readListOptions({ query }: Call): ListOptions {
  const userId = query.text('user_id');
  if (userId !== '' && !isId(userId, ['u'])) {
    throw invalidField('user_id', 'Must be the id of a user.');
  }
  const name = query.text('name');
  if (!isStorable(name)) {
    throw invalidField('name', 'Must be the name of an auth token.');
  }
  return {
    includeExpired: query.flag('include_expired'),
    types: readTypes(query.text('type'), 'type'),
    userId: userId === '' ? undefined : userId,
    name: name === '' ? undefined : name,
  };
}

async function renderRows(
  services: ApiServices,
  step: ScopeListStep,
  rows: readonly AuthTokenRow[],
): Promise<readonly (object | undefined)[]> {
  const { access, scopeOf, call } = step;
  const [names, streams] = await Promise.all([
    services.authTokens.loginNames(rows.map((row) => row.user_id)),
    services.eventStreams.streamsOf(rows.map((row) => row.id)),
  ]);
  return rows.map((row) => {
    const scope = scopeOf(row.scope_id);
    const loginName = names.get(row.user_id);
    const values = authTokenValues(row, { services, scope, access, loginName, streams: streams.get(row.id) });
    const isOwn = row.user_id === call.caller.userId;
    const actions = values.authorized_actions;
    if (!actions.some((action) => isOwn || !action.endsWith(':self'))) return undefined;
    return renderItem(authTokenSchema, values, access.listed(resourceIn(scope, 'auth-token', row.id)));
  });
}

function listOperation(services: ApiServices): Operation {
  return scopeListOperation<AuthTokenRow>(
    {
      ...authTokenFacts,
      summary: 'Lists auth tokens.',
      levels: ['global', 'org'],
      wrongScope: "This field must be 'global' or a valid org scope id.",
      recursesFromAnywhere: false,
      query: [
        { name: 'include_expired', type: 'boolean', summary: 'Also those that have ended.' },
        { name: 'type', type: 'string', summary: 'Only these types, parted by commas.' },
        { name: 'user_id', type: 'string', summary: 'Only those of this user.' },
        { name: 'name', type: 'string', summary: 'Only those with exactly this name.' },
      ],
      source: (step) => {
        const { permissions, call } = step;
        const options = readListOptions(call);
        const ownerId = call.caller.userId;
        return {
          page: (page) => services.authTokens.list({ permissions, ownerId, page, ...options }),
          counted: { table: 'auth_token', permissions, ownerId, livingOnly: !options.includeExpired },
          stamps: (row) => row,
          hasLeft: (row) => !options.includeExpired && services.authTokens.statusOf(row) !== 'active',
          render: (rows) => renderRows(services, step, rows),
        };
      },
    },
    services,
  );
}

function revokeOperation(services: ApiServices): Operation {
  return operation({
    ...authTokenFacts,
    verb: 'revoke',
    method: 'POST',
    on: 'item',
    summary:
      'Ends an auth token with all that stands on it. It can be read until the installation forgets it.',
    response: { schema: revokedSchema },
    permission: { type: 'auth-token', action: 'delete', hasSelf: true, isOwnTokenFree: true },
    beforeEnrolment: true,
    parse: ({ id }) => requirePathId(id, 'action', authTokenPrefixes),
    locate: (id) => locateToken(services, id),
    act: async ({ input, found, call, access, visible }) => {
      const by = call.caller.userId;
      const reason: RevokedReason = found.row.user_id === by ? 'user request' : 'admin request';
      const revocation = await services.tokenEndings.revoke(input, by, reason);
      const values = authTokenValues(required(revocation.row), { services, scope: found.scope, access });
      return {
        status: 200,
        body: renderItem(revokedSchema, { ...values, revocation: revocationValues(revocation) }, visible),
        ...(input === call.caller.authTokenId ? { headers: withoutSessionCookie(call.cookieName) } : {}),
      };
    },
  });
}

const revokeAllRequest = schemaOf('RevokeAllAuthTokens', {
  user_id: {
    kind: 'string',
    access: 'change',
    summary: 'Whose; `*` for everybody. Absent: the caller.',
  },
  types: { kind: 'strings', access: 'change', summary: 'Default: login, web and one-time.' },
  except_current: {
    kind: 'bool',
    access: 'change',
    summary: 'The token of this request stays. Default true.',
  },
});
const revokeAllResponse = schemaOf('RevokedAuthTokens', {
  items: { kind: 'list', access: 'output', fields: authTokenSchema.fields },
  revocation: { kind: 'json', access: 'output' },
});

interface RevokeAll {
  /** Undefined = everybody. */
  readonly userId: string | undefined;
  readonly types: readonly AuthTokenType[];
  readonly exceptCurrent: boolean;
}

function readRevokeAll({ body, caller }: Call): RevokeAll {
  const input = decodeAction(revokeAllRequest.fields, body, requestMessage);
  const unknown: FieldError[] = [];
  checkUnknown(revokeAllRequest.fields, body, unknown);
  refuseFaults(requestMessage, unknown);
  const userId = input.user_id ?? caller.userId;
  if (userId !== '*' && !isId(userId, ['u'])) {
    throw invalidField('user_id', 'Must be the id of a user, or *.');
  }
  if (input.types?.length === 0) {
    throw invalidField('types', 'Name at least one type, or leave the field out.');
  }
  const types = input.types === undefined ? undefined : readTypes(input.types.join(','), 'types');
  return {
    userId: userId === '*' ? undefined : userId,
    types: types ?? ['login', 'web', 'one-time'],
    exceptCurrent: input.except_current !== false,
  };
}

function revokeAllOperation(services: ApiServices): Operation {
  return operation({
    ...authTokenFacts,
    verb: 'revoke-all',
    method: 'POST',
    on: 'collection',
    summary: 'Ends the auth tokens of a user, or of everybody, with all that stands on them.',
    request: revokeAllRequest,
    response: { schema: revokeAllResponse },
    permission: { type: 'auth-token', action: 'delete', hasSelf: true, isOwnFree: true },
    token: 'unrestricted',
    parse: readRevokeAll,
    locate: async ({ userId }) => {
      if (userId !== undefined) required(await services.users.lookup(userId));
      const scope = await readScope(services.scopes, 'global');
      const resource = resourceIn(scope, 'auth-token');
      return { scope, resource, ...(userId === undefined ? {} : { ownerId: userId }) };
    },
    act: async ({ input, call, access, visible }) => {
      const by = call.caller.userId;
      const { userId, types, exceptCurrent } = input;
      const owner = {
        types,
        ...(userId === undefined ? {} : { userId }),
        ...(exceptCurrent ? { exceptId: call.caller.authTokenId } : {}),
      };
      const reason: RevokedReason = userId === by ? 'user request' : 'admin request';
      const revocation = await services.tokenEndings.revokeOf(owner, by, reason);
      const items = await shownItems(services, { access, visible }, revocation.authTokenIds);
      const isOwnEnded = revocation.authTokenIds.includes(call.caller.authTokenId ?? '');
      return {
        ...ok({ items, revocation: revocationValues(revocation) }),
        ...(isOwnEnded ? { headers: withoutSessionCookie(call.cookieName) } : {}),
      };
    },
  });
}

/** Most tokens that an answer shows one by one. */
const mostShown = 1000;

async function shownItems(
  services: ApiServices,
  { access, visible }: Pick<Step<unknown, Located>, 'access' | 'visible'>,
  ids: readonly string[],
): Promise<readonly object[]> {
  const [rows, scopes] = await Promise.all([
    services.authTokens.lookupAll(ids.slice(0, mostShown)),
    services.scopes.tree(),
  ]);
  const known = new Map(scopes.map((scope) => [scope.id, scope]));
  const names = await services.authTokens.loginNames(rows.map((row) => row.user_id));
  return rows.flatMap((row) => {
    const scope = known.get(row.scope_id);
    if (scope === undefined) return [];
    const view = { services, scope, access, loginName: names.get(row.user_id) };
    return [renderItem(authTokenSchema, authTokenValues(row, view), visible)];
  });
}

/** The rows of `/v1/auth-tokens`. */
export function authTokenOperations(services: ApiServices): readonly Operation[] {
  return [
    listOperation(services),
    operation({
      ...authTokenFacts,
      verb: 'read',
      method: 'GET',
      on: 'item',
      summary: 'Reads what is known of an auth token.',
      response: { schema: authTokenSchema },
      permission: { type: 'auth-token', action: 'read', hasSelf: true, isOwnTokenFree: true },
      beforeEnrolment: true,
      parse: ({ id }) => requirePathId(id, 'read', authTokenPrefixes),
      locate: (id) => locateToken(services, id),
      act: async ({ found, access, visible }) => {
        const names = await services.authTokens.loginNames([found.row.user_id]);
        const loginName = names.get(found.row.user_id);
        const values = authTokenValues(found.row, { services, scope: found.scope, access, loginName });
        return ok(renderItem(authTokenSchema, values, visible));
      },
    }),
    operation({
      ...authTokenFacts,
      verb: 'delete',
      method: 'DELETE',
      on: 'item',
      summary: 'Deletes an auth token (logs out) and ends the sessions made with it.',
      status: 204,
      permission: { type: 'auth-token', action: 'delete', hasSelf: true, isOwnTokenFree: true },
      beforeEnrolment: true,
      parse: ({ id }) => requirePathId(id, 'delete', authTokenPrefixes),
      locate: (id) => locateToken(services, id),
      act: async ({ input, call }) => {
        await services.tokenEndings.delete(input, call.caller.userId);
        return input === call.caller.authTokenId
          ? { ...noContent, headers: withoutSessionCookie(call.cookieName) }
          : noContent;
      },
    }),
    revokeOperation(services),
    revokeAllOperation(services),
    createAuthTokenOperation(services),
    ...authTokenChangeOperations(services),
    ...authTokenExchangeOperations(services),
  ];
}
