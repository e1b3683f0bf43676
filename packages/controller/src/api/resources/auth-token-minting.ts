/** `POST /v1/auth-tokens`: API tokens, web sessions and one-time tokens (tokens.md §4.1). */
import { longestDurationSeconds } from '@stile/protocol/token-duration';
import { StileError, type FieldError } from '@stile/protocol/errors';
import type { MintedType } from '../../auth/minting/auth-token-minting.ts';
import type { CallerToken } from '../../auth/token/auth-token.ts';
import type { Located } from '../access.ts';
import { ok, operation, type Call, type Operation, type Step } from '../operation.ts';
import { decodeKinds, refuseFaults, checkUnknown, requestMessage } from '../schema/decode.ts';
import { schemaOf, type Input } from '../schema/field.ts';
import { isId } from '../schema/text-rules.ts';
import type { ApiServices, ScopeNode } from '../services.ts';
import { authTokenFacts, mintedSchema } from './auth-token-fields.ts';
import {
  longestAttributes,
  longestDescription,
  nameProblem,
  readLifetime,
  readLimits,
  type Limits,
} from './auth-token-limits.ts';
import {
  isTokenAdmin,
  requireActingForOthers,
  requirePolicy,
  requireSecondFactor,
  shownMinted,
} from './auth-token-policy.ts';
import { readScope, required, resourceIn } from './item.ts';

const createRequest = schemaOf('CreateAuthToken', {
  type: { kind: 'string', access: 'change', summary: '`api`, `web` or `one-time`.' },
  user_id: { kind: 'string', access: 'change', summary: 'Whose it shall be. Absent: the caller.' },
  name: { kind: 'string', access: 'change', summary: 'Of API tokens: 1 to 64 of A-Z a-z 0-9 . _ -' },
  description: { kind: 'string', access: 'change' },
  time_to_live_seconds: {
    kind: 'uint32',
    access: 'change',
    summary: 'How long it lives; null = as long as the installation allows.',
  },
  lifetime: { kind: 'string', access: 'change', summary: 'The same as people write it, as in 30d.' },
  time_to_stale_seconds: { kind: 'uint32', access: 'change', summary: 'Idle limit; 0 = none.' },
  token_scopes: { kind: 'strings', access: 'change', summary: 'See `GET /v1/auth-tokens:token-scopes`.' },
  allow_list: { kind: 'strings', access: 'change', summary: 'Entries type:id, type:* or *.' },
  match_origin: { kind: 'bool', access: 'change' },
  single_use: { kind: 'bool', access: 'change', summary: 'Of one-time tokens. Default true.' },
  attributes: { kind: 'json', access: 'change', summary: 'Free notes, at most 4 KiB.' },
});

function isMintedType(type: string | undefined): type is MintedType {
  return type === 'api' || type === 'web' || type === 'one-time';
}

interface CreateInput extends Limits {
  readonly type: MintedType;
  readonly userId: string;
  readonly decoded: Input<(typeof createRequest)['fields']>;
  readonly timeToLiveSeconds: number | null | undefined;
  readonly attributes: string | undefined;
}

function checkTexts(decoded: CreateInput['decoded'], errors: FieldError[]): void {
  const { type, name, description } = decoded;
  if (name !== undefined && type !== 'api') {
    errors.push({ name: 'name', description: 'Only API tokens have names.' });
  } else if (name !== undefined) {
    const problem = nameProblem(name);
    if (problem !== undefined) errors.push({ name: 'name', description: problem });
  }
  if ((description ?? '').length > longestDescription) {
    errors.push({ name: 'description', description: `At most ${longestDescription} characters.` });
  }
}

const specialUsers: ReadonlySet<string> = new Set(['u_anon', 'u_auth', 'u_recovery']);

function checkUser(decoded: CreateInput['decoded'], caller: Call['caller'], errors: FieldError[]): void {
  const { user_id: userId, type } = decoded;
  if (userId === undefined) return;
  if (!isId(userId, ['u']) || specialUsers.has(userId)) {
    errors.push({ name: 'user_id', description: 'Must be the id of a user who can log in.' });
  } else if (type === 'one-time' && userId !== caller.userId) {
    errors.push({ name: 'user_id', description: 'A one-time token can be made for oneself only.' });
  }
}

function readCreate({ body, caller }: Call): CreateInput {
  const errors: FieldError[] = [];
  // Every value has the kind of the table, or its name stands among the errors.
  const decoded = decodeKinds(createRequest.fields, body, errors) as Input<(typeof createRequest)['fields']>;
  checkUnknown(createRequest.fields, body, errors);
  const { type } = decoded;
  if (!isMintedType(type)) {
    const description =
      type === 'login' ? 'Sign-ins are made at an auth method.' : 'Must be api, web or one-time.';
    errors.push({ name: 'type', description });
  }
  checkTexts(decoded, errors);
  checkUser(decoded, caller, errors);
  const limits = readLimits(decoded, errors);
  const timeToLiveSeconds = readLifetime(body, decoded, errors);
  const attributes = decoded.attributes === undefined ? undefined : JSON.stringify(decoded.attributes);
  if (attributes !== undefined && Buffer.byteLength(attributes) > longestAttributes) {
    errors.push({ name: 'attributes', description: `At most ${longestAttributes} bytes of JSON.` });
  }
  if ((decoded.time_to_stale_seconds ?? 0) > longestDurationSeconds) {
    errors.push({ name: 'time_to_stale_seconds', description: 'At most a hundred years.' });
  }
  refuseFaults(requestMessage, errors);
  const userId = decoded.user_id ?? caller.userId;
  return { type: type as MintedType, userId, decoded, timeToLiveSeconds, attributes, ...limits };
}

interface FoundOwner extends Located {
  readonly owner: { readonly id: string; readonly scopeId: string };
  readonly scope: ScopeNode;
}

async function locateOwner(services: ApiServices, input: CreateInput): Promise<FoundOwner> {
  const user = required(await services.users.lookup(input.userId));
  const [scope, global] = await Promise.all([
    readScope(services.scopes, user.scope_id),
    readScope(services.scopes, 'global'),
  ]);
  return {
    owner: { id: user.id, scopeId: user.scope_id },
    scope,
    // Whoever mints for others does it from global: an administrator of an org must not act as a user who holds more elsewhere.
    resource: resourceIn(global, 'auth-token'),
    ownerId: user.id,
  };
}

/**
 * Which kinds of tokens mint what (tokens.md §1.1, §0 rows 8 and 9).
 * @throws {StileError} permissionDenied, failedPrecondition
 */
function requireMayMint(services: ApiServices, step: Step<CreateInput, FoundOwner>): CallerToken {
  const { input, found, access } = step;
  const { token, userId } = access.caller;
  if (token === undefined) throw new StileError('unauthenticated', 'Unauthenticated, or invalid token.');
  if (token.type === 'web') {
    throw new StileError('permissionDenied', 'Forbidden. An auth token of type "web" cannot mint another.');
  }
  // It would be a way to a sign-in, which may do what an API token never may.
  if (input.type === 'one-time' && token.type === 'api') {
    throw new StileError(
      'permissionDenied',
      'Forbidden. An auth token of type "api" cannot mint a one-time token, which is exchanged for a sign-in.',
    );
  }
  const isOther = found.owner.id !== userId;
  if (isOther || input.type === 'web') requireActingForOthers(access);
  if (input.type === 'api') requirePolicy(services, { access, found, isOther, action: 'create:self' });
  return token;
}

/** The row of `POST /v1/auth-tokens`. */
export function createAuthTokenOperation(services: ApiServices): Operation {
  return operation({
    ...authTokenFacts,
    verb: 'create',
    method: 'POST',
    on: 'collection',
    summary: 'Makes an API token, a web session or a one-time token.',
    request: createRequest,
    response: { schema: mintedSchema },
    permission: { type: 'auth-token', action: 'create', hasSelf: true, isOwnFree: true },
    parse: readCreate,
    locate: (input) => locateOwner(services, input),
    act: async (step) => {
      const { input, found, access, call, gate } = step;
      const token = requireMayMint(services, step);
      if (input.type === 'api') {
        await requireSecondFactor(services, token, [found.owner.id, call.caller.userId]);
      }
      const issued = await services.minting.mint({
        caller: { ...call.caller, token },
        client: call.client,
        type: input.type,
        owner: found.owner,
        isAdmin: await isTokenAdmin(gate, found.owner.id),
        name: input.decoded.name,
        description: input.decoded.description,
        timeToLiveSeconds: input.timeToLiveSeconds,
        timeToStaleSeconds: input.decoded.time_to_stale_seconds,
        tokenScopes: input.tokenScopes,
        allowList: input.allowList,
        matchOrigin: input.decoded.match_origin,
        singleUse: input.decoded.single_use,
        attributes: input.attributes,
      });
      return ok(shownMinted(issued, { services, scope: found.scope, access }));
    },
  });
}
