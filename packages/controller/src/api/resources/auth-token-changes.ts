/** `PATCH /v1/auth-tokens/{id}` and `:rotate`: an API token gets another name, narrower limits, or a new secret (tokens.md §4.1). */
import { StileError, type FieldError } from '@stile/protocol/errors';
import type { CallerToken } from '../../auth/token/auth-token.ts';
import { refusal, type Access, type Located } from '../access.ts';
import { ok, operation, type Call, type Operation } from '../operation.ts';
import { decodeKinds, given, refuseFaults, requestMessage } from '../schema/decode.ts';
import { schemaOf, type Input } from '../schema/field.ts';
import { renderItem } from '../schema/render.ts';
import type { ApiServices } from '../services.ts';
import {
  authTokenFacts,
  authTokenPrefixes,
  authTokenSchema,
  authTokenValues,
  locateToken,
  mintedSchema,
} from './auth-token-fields.ts';
import { longestDescription, nameProblem, readLimits, readTime, type Limits } from './auth-token-limits.ts';
import { requireActingForOthers, requirePolicy, shownMinted } from './auth-token-policy.ts';
import { requirePathId, requireVersion } from './item.ts';

const updateRequest = schemaOf('UpdateAuthToken', {
  version: { kind: 'uint32', access: 'change' },
  name: { kind: 'string', access: 'change' },
  description: { kind: 'string', access: 'change' },
  token_scopes: { kind: 'strings', access: 'change', summary: 'Narrower than they are.' },
  allow_list: { kind: 'strings', access: 'change', summary: 'Narrower than it is.' },
  expiration_time: { kind: 'string', access: 'change', summary: 'RFC 3339; earlier than it is.' },
});

interface UpdateInput extends Limits {
  readonly id: string;
  readonly version: number;
  readonly name: string | undefined;
  readonly description: string | null | undefined;
  /** Epoch microseconds. */
  readonly expiresAt: number | undefined;
}

function readUpdate(call: Call, nowUs: number): UpdateInput {
  const id = requirePathId(call.id, 'update', authTokenPrefixes);
  const errors: FieldError[] = [];
  const { body } = call;
  const known = new Set(Object.keys(updateRequest.fields));
  for (const name of Object.keys(body)
    .filter((each) => !known.has(each))
    .slice(0, 100)) {
    errors.push({ name: name.slice(0, 100), description: 'This field cannot be changed.' });
  }
  const decoded = decodeKinds(updateRequest.fields, body, errors) as Input<(typeof updateRequest)['fields']>;
  const { name, description, version = 0 } = decoded;
  if (version === 0) {
    errors.push({ name: 'version', description: 'Existing resource version is required for an update.' });
  }
  const problem = name === undefined ? undefined : nameProblem(name);
  if (problem !== undefined) errors.push({ name: 'name', description: problem });
  if ((description ?? '').length > longestDescription) {
    errors.push({ name: 'description', description: `At most ${longestDescription} characters.` });
  }
  const limits = readLimits(decoded, errors);
  const expiresAt = readTime(decoded.expiration_time, nowUs, errors);
  refuseFaults(requestMessage, errors);
  const isCleared = given(body, 'description') === undefined && Object.hasOwn(body, 'description');
  return {
    id,
    version,
    name,
    description: isCleared || description === '' ? null : description,
    expiresAt,
    ...limits,
  };
}

function updateOperation(services: ApiServices): Operation {
  return operation({
    ...authTokenFacts,
    verb: 'update',
    method: 'PATCH',
    on: 'item',
    summary: 'Renames an API token, or narrows its scopes, its allow list or its end.',
    request: updateRequest,
    response: { schema: authTokenSchema },
    permission: { type: 'auth-token', action: 'update', hasSelf: true, isOwnFree: true },
    parse: (call) => readUpdate(call, services.clock.nowUs()),
    locate: ({ id }) => locateToken(services, id),
    act: async ({ input, found, access, call, visible }) => {
      const isOther = found.row.user_id !== call.caller.userId;
      const token = requireChange(services, { access, found, isOther });
      const row = await services.tokenChanges.narrow({ ...input, by: { ...call.caller, token } });
      return ok(
        renderItem(authTokenSchema, authTokenValues(row, { services, scope: found.scope, access }), visible),
      );
    },
  });
}

/** The token of the caller, which may change another. @throws {StileError} unauthenticated, permissionDenied, failedPrecondition */
function requireChange(
  services: ApiServices,
  asked: { readonly access: Access; readonly found: Located; readonly isOther: boolean },
): CallerToken {
  const { token } = asked.access.caller;
  if (token === undefined) throw refusal(asked.access.caller);
  if (token.type === 'web') {
    throw new StileError('permissionDenied', 'Forbidden. An auth token of type "web" cannot change another.');
  }
  if (asked.isOther) asked.access.requireToken('unrestricted');
  requirePolicy(services, { ...asked, action: 'update:self' });
  return token;
}

function rotateOperation(services: ApiServices): Operation {
  return operation({
    ...authTokenFacts,
    verb: 'rotate',
    method: 'POST',
    on: 'item',
    summary: 'Gives an API token a new secret; the old one is dead at once, and nothing else changes.',
    request: schemaOf('RotateAuthToken', { version: { kind: 'uint32', access: 'change' } }),
    response: { schema: mintedSchema },
    permission: { type: 'auth-token', action: 'update', hasSelf: true, isOwnFree: true },
    parse: ({ id, body }) => ({
      id: requirePathId(id, 'action', authTokenPrefixes),
      version: requireVersion(body),
    }),
    locate: ({ id }) => locateToken(services, id),
    act: async ({ input, found, access, call }) => {
      const isOther = found.row.user_id !== call.caller.userId;
      const token = requireChange(services, { access, found, isOther });
      if (isOther) requireActingForOthers(access);
      const issued = await services.tokenChanges.rotate({ ...input, by: { ...call.caller, token } });
      return ok(shownMinted(issued, { services, scope: found.scope, access }));
    },
  });
}

/** The two rows. */
export function authTokenChangeOperations(services: ApiServices): readonly Operation[] {
  return [updateOperation(services), rotateOperation(services)];
}
