/** `/v1/auth-tokens`: list, read and delete; a token itself is shown at login only (http-api.md §2.5). */
import type { AuthTokenRow } from '../../auth/auth-token-service.ts';
import type { Access, Located } from '../access.ts';
import { scopeListOperation, type ScopeListStep } from '../list/list-operation.ts';
import type { PageRequest } from '../list/list-page.ts';
import { noContent, ok, operation, type Operation } from '../operation.ts';
import { schemaOf, type Output } from '../schema/field.ts';
import { renderItem } from '../schema/render.ts';
import { actionsField, idField, scopeField, shownText, shownTime } from '../schema/shared-fields.ts';
import type { ApiServices, ScopeNode } from '../services.ts';
import { itemActions, readScope, requirePathId, resourceIn, scopeInfo } from './item.ts';

const schema = schemaOf('AuthToken', {
  id: idField,
  scope_id: shownText,
  scope: scopeField,
  user_id: shownText,
  auth_method_id: shownText,
  account_id: shownText,
  created_time: shownTime,
  updated_time: shownTime,
  approximate_last_used_time: shownTime,
  expiration_time: shownTime,
  authorized_actions: actionsField,
});

const prefixes = ['at'];
const facts = { resource: 'auth-tokens', type: 'auth-token', schema } as const;

interface LocatedToken extends Located {
  readonly row: AuthTokenRow;
  readonly scope: ScopeNode;
}

async function locate(services: ApiServices, id: string): Promise<LocatedToken> {
  const row = await services.authTokens.read(id);
  const scope = await readScope(services.scopes, row.scope_id);
  return { row, scope, resource: resourceIn(scope, 'auth-token', id), ownerId: row.user_id };
}

function valuesOf(row: AuthTokenRow, scope: ScopeNode, access: Access): Output<(typeof schema)['fields']> {
  return {
    id: row.id,
    scope_id: row.scope_id,
    scope: scopeInfo(scope),
    user_id: row.user_id,
    auth_method_id: row.auth_method_id,
    account_id: row.account_id,
    created_time: row.created_at,
    updated_time: row.updated_at,
    approximate_last_used_time: row.last_used_at,
    expiration_time: row.expires_at,
    authorized_actions: itemActions(access, resourceIn(scope, 'auth-token', row.id)),
  };
}

/** A page of what may be listed: all tokens of the scopes when one of them is open to more than the own ones. */
function pageOf(
  services: ApiServices,
  step: ScopeListStep,
  page: PageRequest,
): Promise<readonly AuthTokenRow[]> {
  const { permissions, call } = step;
  if (permissions.size === 0) return Promise.resolve([]);
  const isOwnOnly = [...permissions.values()].every((each) => !each.all && each.ids.length === 0);
  return services.authTokens.list({
    scopeIds: [...permissions.keys()],
    ...(isOwnOnly ? { userId: call.caller.userId } : {}),
    page,
  });
}

function listOperation(services: ApiServices): Operation {
  return scopeListOperation<AuthTokenRow>(
    {
      ...facts,
      summary: 'Lists auth tokens.',
      levels: ['global', 'org'],
      wrongScope: "This field must be 'global' or a valid org scope id.",
      recursesFromAnywhere: false,
      source: (step) => ({
        page: (page) => pageOf(services, step, page),
        counted: { table: 'auth_token', permissions: step.permissions, ownerId: step.call.caller.userId },
        stamps: (row) => row,
        render: (rows) =>
          Promise.resolve(
            rows.map((row) => {
              const { access, scopeOf, call } = step;
              const scope = scopeOf(row.scope_id);
              const values = valuesOf(row, scope, access);
              const isOwn = row.user_id === call.caller.userId;
              const actions = values.authorized_actions ?? [];
              if (!actions.some((action) => isOwn || !action.endsWith(':self'))) return undefined;
              return renderItem(schema, values, access.listed(resourceIn(scope, 'auth-token', row.id)));
            }),
          ),
      }),
    },
    services,
  );
}

/** The rows of `/v1/auth-tokens`. */
export function authTokenOperations(services: ApiServices): readonly Operation[] {
  return [
    listOperation(services),
    operation({
      ...facts,
      verb: 'read',
      method: 'GET',
      on: 'item',
      summary: 'Reads what is known of an auth token.',
      response: { schema },
      permission: { type: 'auth-token', action: 'read', hasSelf: true },
      parse: ({ id }) => requirePathId(id, 'read', prefixes),
      locate: (id) => locate(services, id),
      act: ({ found, access, visible }) =>
        Promise.resolve(ok(renderItem(schema, valuesOf(found.row, found.scope, access), visible))),
    }),
    operation({
      ...facts,
      verb: 'delete',
      method: 'DELETE',
      on: 'item',
      summary: 'Deletes an auth token (logs out) and ends the sessions made with it.',
      status: 204,
      permission: { type: 'auth-token', action: 'delete', hasSelf: true },
      parse: ({ id }) => requirePathId(id, 'delete', prefixes),
      locate: (id) => locate(services, id),
      act: async ({ input, call }) => {
        await services.deleteAuthToken(input, call.caller.userId);
        return noContent;
      },
    }),
  ];
}
