/** `GET /v1/users:me` and `POST /v1/users/{id}:set-attribute`: what the caller is and may, and free notes about a user (tokens.md §4.1). */
import type { FieldError } from '@stile/protocol/errors';
import { Access } from '../access.ts';
import { ok, operation, tokenOperation, type Call, type Gate, type Operation } from '../operation.ts';
import { decodeKinds, given, refuseFaults, requestMessage } from '../schema/decode.ts';
import { schemaOf } from '../schema/field.ts';
import { renderItem } from '../schema/render.ts';
import type { ApiServices } from '../services.ts';
import { authTokenSchema, authTokenValues } from './auth-token-fields.ts';
import { mayMintForOthers } from './auth-token-policy.ts';
import { readScope, required, requirePathId, resourceIn } from './item.ts';
import { showTwoFactor } from './two-factor.ts';
import { showIdentity } from './users.ts';

const json = { kind: 'json', access: 'output' } as const;
const list = { kind: 'list', access: 'output', fields: {} } as const;
const meSchema = schemaOf('Me', {
  user: json,
  account: json,
  auth_token: json,
  groups: list,
  roles: list,
  attributes: json,
  two_factor: json,
  may: { ...json, summary: 'What the caller may do that no list of actions shows.' },
});

/** What the caller may do beyond the action lists, asked once by consoles (console.md §2.3). */
function mayOf(services: ApiServices, access: Access): Readonly<Record<string, boolean>> {
  const { token } = access.caller;
  const global = { scopeId: 'global', parentScopeId: null } as const;
  const isWholeLogin = token?.type === 'login' && !token.mask.isRestricted;
  const tokens = { ...global, type: 'auth-token' } as const;
  const policy = services.authTokens.settings.apiTokenPolicy;
  const mayMint =
    policy === 'self-service'
      ? access.acl.decideAsGranted(tokens, 'create:self').authorized
      : policy === 'by-grant' && access.may(tokens, 'create:self');
  return {
    create_api_token: mayMint && (token?.type === 'login' || token?.type === 'api'),
    create_for_others: isWholeLogin && mayMintForOthers(access),
    list_all_tokens: access.may(tokens, 'list') && access.may({ ...tokens, id: 'at_0' }, 'read'),
    reset_two_factor: access.may({ ...global, type: 'user', id: 'u_0' }, 'update'),
  };
}

async function me(services: ApiServices, call: Call, gate: Gate): Promise<object> {
  const { userId, accountId, authTokenId = '' } = call.caller;
  const [acl, user, token, account, identity, twoFactor] = await Promise.all([
    gate.aclFor(call.caller),
    services.users.lookup(userId),
    services.authTokens.read(authTokenId),
    accountId === undefined ? undefined : services.accounts.lookup(accountId),
    services.userIdentity.read(userId),
    services.secondFactors.read(userId),
  ]);
  const row = required(user);
  const scope = await readScope(services.scopes, row.scope_id);
  const access = new Access(acl, call.caller);
  const named = (each: { readonly id: string; readonly name: string | null; readonly scope_id: string }) => ({
    id: each.id,
    ...(each.name === null ? {} : { name: each.name }),
    scope_id: each.scope_id,
  });
  const view = { services, scope, access, loginName: row.login_name ?? undefined };
  return {
    user: showIdentity(row, scope, access),
    ...(account === undefined
      ? {}
      : {
          account: { id: account.id, auth_method_id: account.auth_method_id, login_name: account.login_name },
        }),
    auth_token: renderItem(authTokenSchema, authTokenValues(token, view)),
    groups: identity.groups.map(named),
    roles: identity.roles.map(named),
    attributes: identity.attributes,
    two_factor: showTwoFactor(twoFactor),
    may: mayOf(services, access),
  };
}

const attributeRequest = schemaOf('SetUserAttribute', {
  key: { kind: 'string', access: 'change', summary: 'a-z, then up to 63 of a-z 0-9 _ . -' },
  value: {
    kind: 'any',
    access: 'change',
    summary: 'Any JSON of at most 4 KiB; null takes the attribute away.',
  },
});
const attributesSchema = schemaOf('UserAttributes', { attributes: { ...json, isAlwaysShown: true } });

/** Longest value as JSON, bytes. */
const longestValue = 4096;

function readAttribute({ id, body }: Call): {
  readonly id: string;
  readonly key: string;
  readonly value: string | undefined;
} {
  const userId = requirePathId(id, 'action', ['u']);
  const errors: FieldError[] = [];
  const { key } = decodeKinds({ key: attributeRequest.fields.key }, body, errors);
  if (errors.length === 0 && !(typeof key === 'string' && /^[a-z][a-z0-9_.-]{0,63}$/.test(key))) {
    errors.push({ name: 'key', description: 'A letter of a-z, then up to 63 of a-z 0-9 _ . -' });
  }
  if (!Object.hasOwn(body, 'value')) {
    errors.push({ name: 'value', description: 'Any JSON, or null to take the attribute away.' });
  }
  const raw = given(body, 'value');
  const value = raw === undefined ? undefined : JSON.stringify(raw);
  if (value !== undefined && Buffer.byteLength(value) > longestValue) {
    errors.push({ name: 'value', description: `At most ${longestValue} bytes of JSON.` });
  }
  refuseFaults(requestMessage, errors);
  return { id: userId, key: typeof key === 'string' ? key : '', value };
}

function setAttributeOperation(services: ApiServices): Operation {
  return operation({
    resource: 'users',
    verb: 'set-attribute',
    method: 'POST',
    on: 'item',
    summary: 'Keeps a free note about a user; never consulted for a decision.',
    request: attributeRequest,
    response: { schema: attributesSchema },
    permission: { type: 'user', action: 'update', isOwnFree: true, hasSelf: true },
    token: 'unrestricted',
    parse: readAttribute,
    locate: async ({ id }) => {
      const user = required(await services.users.lookup(id));
      const scope = await readScope(services.scopes, user.scope_id);
      return { resource: resourceIn(scope, 'user', id), ownerId: id };
    },
    act: async ({ input }) => {
      const { id, key, value } = input;
      const attributes = await services.userIdentity.setAttribute(id, key, value);
      return ok(renderItem(attributesSchema, { attributes }));
    },
  });
}

/** The two rows. */
export function userIdentityOperations(services: ApiServices): readonly Operation[] {
  return [
    tokenOperation(
      {
        resource: 'users',
        verb: 'me',
        method: 'GET',
        on: 'collection',
        summary: 'Tells who the caller is, by which auth token, and what it may.',
        response: { schema: meSchema },
      },
      'it tells the caller about itself',
      async (call, gate) => ok(await me(services, call, gate)),
    ),
    setAttributeOperation(services),
  ];
}
