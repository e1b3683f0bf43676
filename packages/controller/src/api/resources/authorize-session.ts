/** `POST /v1/targets/{id}:authorize-session`: a target by id, name or alias becomes a pending session (http-api.md §2.11). */
import type { FieldError } from '@stile/protocol/errors';
import type { BrokeredCredential } from '../../credential/credential-service.ts';
import type { SessionAuthorizationResult } from '../../session/session-service.ts';
import { StileError } from '@stile/protocol/errors';
import { ok, operation, type Call, type Operation } from '../operation.ts';
import { decodeAction, fieldErrors, fieldsMessage, refuseFaults } from '../schema/decode.ts';
import { schemaOf, type Input, type Output } from '../schema/field.ts';
import { renderItem } from '../schema/render.ts';
import { scopeField, shownList, shownText, shownTime } from '../schema/shared-fields.ts';
import { isId } from '../schema/text-rules.ts';
import type { ApiServices, ScopeNode } from '../services.ts';
import { notFound, scopeInfo } from './item.ts';
import { locateTarget, targetPrefixes, type LocatedTarget } from './target-lookup.ts';

const request = schemaOf('AuthorizeSessionRequest', {
  name: { kind: 'string', access: 'change', summary: 'Name of the target, the same as in the path.' },
  scope_id: { kind: 'string', access: 'change', summary: 'Scope of a target given by name.' },
  scope_name: { kind: 'string', access: 'change', summary: 'Scope of a target given by name.' },
  host_id: { kind: 'string', access: 'change', summary: 'A host of the target; default: any.' },
});
type Request = Input<(typeof request)['fields']>;

const schema = schemaOf('SessionAuthorization', {
  session_id: shownText,
  target_id: shownText,
  scope: scopeField,
  created_time: shownTime,
  user_id: shownText,
  host_set_id: shownText,
  host_id: shownText,
  type: shownText,
  authorization_token: { ...shownText, summary: 'Whoever has it can use and cancel the session.' },
  connection_limit: { kind: 'int32', access: 'output' },
  endpoint: shownText,
  endpoint_port: { kind: 'uint32', access: 'output' },
  expiration: shownTime,
  credentials: shownList({
    credential_source: {
      kind: 'object',
      access: 'output',
      fields: {
        id: shownText,
        name: shownText,
        description: shownText,
        credential_store_id: shownText,
        type: shownText,
        credential_type: shownText,
      },
    },
    secret: {
      kind: 'object',
      access: 'output',
      fields: {
        raw: { ...shownText, summary: 'The JSON of `decoded` in base64.' },
        decoded: { kind: 'json', access: 'output' },
      },
    },
    credential: { kind: 'json', access: 'output', summary: 'The fields of the credential type.' },
  }),
});

const hostPrefixes = ['hst', 'hplg', 'h'];
const badId = 'Incorrectly formatted identifier.';

/** How the request names its target. */
type TargetName =
  | { readonly by: 'id' | 'alias'; readonly id: string }
  | {
      readonly by: 'name';
      readonly name: string;
      readonly scope: { scopeId: string } | { scopeName: string };
    };

interface AuthorizeInput {
  readonly target: TargetName;
  readonly hostId: string | undefined;
  /** The body has a name that an alias cannot have: reported once the alias was found. */
  readonly isNameWrong: boolean;
}

const nameMismatch = {
  name: 'name',
  description: 'Target name provided but does not match the given ID value from the URL.',
};

function bothScopes(description: string): FieldError[] {
  return ['scope_id', 'scope_name'].map((name) => ({ name, description }));
}

function readNamed(id: string, body: Request, errors: FieldError[]): TargetName {
  const { name = '', scope_id: scopeId = '', scope_name: scopeName = '' } = body;
  if (name !== id) errors.push(nameMismatch);
  if (scopeId !== '' && scopeName !== '') {
    errors.push(...bothScopes('Scope ID and scope name cannot both be provided when target name is used.'));
  } else if (scopeId === '' && scopeName === '') {
    errors.push(...bothScopes('Scope ID or scope name must be provided when target name is used.'));
  }
  return { by: 'name', name, scope: scopeId === '' ? { scopeName } : { scopeId } };
}

function readById(id: string, body: Request, errors: FieldError[]): TargetName {
  const { scope_id: scopeId = '', scope_name: scopeName = '' } = body;
  const hasScope = scopeId !== '' || scopeName !== '';
  if (scopeId !== '')
    errors.push({ name: 'scope_id', description: 'Scope ID provided when target name was empty.' });
  if (scopeName !== '') {
    errors.push({ name: 'scope_name', description: 'Scope name provided when target name was empty.' });
  }
  if (!id.includes('_') && !hasScope) return { by: 'alias', id };
  if (!isId(id, targetPrefixes)) errors.push({ name: 'id', description: badId });
  return { by: 'id', id };
}

function readInput({ id, body: raw }: Call): AuthorizeInput {
  const body = decodeAction(request.fields, raw);
  const errors: FieldError[] = [];
  const hasScope = (body.scope_id ?? '') !== '' || (body.scope_name ?? '') !== '';
  const isNamed = (body.name ?? '') !== '';
  // Without `_` and without a scope the path is an alias before it is anything else.
  const isAlias = isNamed && !hasScope && !id.includes('_');
  const target = isAlias
    ? ({ by: 'alias', id } as const)
    : (isNamed ? readNamed : readById)(id, body, errors);
  const hostId = (body.host_id ?? '') === '' ? undefined : body.host_id;
  if (hostId !== undefined && !isId(hostId, hostPrefixes))
    errors.push({ name: 'host_id', description: badId });
  refuseFaults(fieldsMessage, errors);
  return { target, hostId, isNameWrong: isAlias };
}

/** The target, and the host that an alias asks for. */
interface AuthorizeTarget extends LocatedTarget {
  readonly aliasHostId: string | undefined;
}

async function locate(services: ApiServices, input: AuthorizeInput): Promise<AuthorizeTarget> {
  const { target } = input;
  if (target.by === 'name') {
    const found = await services.targets.lookupByName(target.name, target.scope);
    return { ...(await locateTarget(services, found?.id)), aliasHostId: undefined };
  }
  if (target.by === 'id') {
    return {
      ...(await locateTarget(services, target.id)),
      aliasHostId: undefined,
    };
  }
  const alias = await services.aliases.lookupByValue(target.id);
  const destination = alias?.destination_id ?? undefined;
  if (alias === undefined || destination === undefined) throw notFound();
  const located = await locateTarget(services, destination);
  if (input.isNameWrong) throw fieldErrors(fieldsMessage, [nameMismatch]);
  return { ...located, aliasHostId: alias.host_id ?? undefined };
}

const hostConflict =
  'The host id specified in the request does not match the one provided by the alias. ' +
  'Consider omitting the host id in the request.';

/** The host to use: that of the request, else that of the alias. */
function wantedHost(hostId: string | undefined, aliasHostId: string | undefined): string | undefined {
  if (hostId !== undefined && aliasHostId !== undefined && hostId !== aliasHostId) {
    throw fieldErrors(fieldsMessage, [{ name: 'host_id', description: hostConflict }]);
  }
  return hostId ?? aliasHostId;
}

type ShownCredential = NonNullable<Output<(typeof schema)['fields']>['credentials']>[number];

/** Secret: whoever sees the answer can log in at the endpoint. */
function showCredential({ credential, fields }: BrokeredCredential): ShownCredential {
  const decoded = fields.reveal();
  return {
    credential_source: {
      id: credential.id,
      name: credential.name,
      description: credential.description,
      credential_store_id: credential.credential_store_id,
      type: 'static',
      credential_type: credential.type,
    },
    secret: { raw: Buffer.from(JSON.stringify(decoded), 'utf8').toString('base64'), decoded },
    credential: decoded,
  };
}

function show(
  result: SessionAuthorizationResult,
  scope: ScopeNode,
  credentials: readonly BrokeredCredential[],
): object {
  return renderItem(schema, {
    session_id: result.sessionId,
    target_id: result.targetId,
    scope: scopeInfo(scope),
    created_time: result.createdAt,
    user_id: result.userId,
    host_set_id: result.hostSetId,
    host_id: result.hostId,
    type: result.type,
    authorization_token: result.authorizationToken.reveal(),
    connection_limit: result.connectionLimit,
    endpoint: result.endpoint,
    endpoint_port: result.endpointPort,
    expiration: result.expiresAt,
    credentials: credentials.map(showCredential),
  });
}

/** The row of the call. */
export function authorizeSessionOperation(services: ApiServices): Operation {
  return operation({
    resource: 'targets',
    verb: 'authorize-session',
    method: 'POST',
    on: 'item',
    isGreedy: true,
    summary: 'Makes a session to a target, given by id, name with scope, or alias.',
    request,
    response: { schema },
    permission: { type: 'target', action: 'authorize-session' },
    parse: readInput,
    locate: (input) => locate(services, input),
    act: async ({ input, found, call }) => {
      // A grant to u_anon is not enough: a session belongs to somebody (grants.md §2.10).
      if (call.caller.authTokenId === undefined) throw new StileError('permissionDenied', 'Forbidden.');
      const hostId = wantedHost(input.hostId, found.aliasHostId);
      const { scope } = found;
      // Before the session is made: none is left behind whose credentials could not be opened.
      const credentials = found.hasCredentialSources
        ? await services.credentials.brokered(found.target.id)
        : [];
      const result = await services.sessions.authorize({
        caller: call.caller,
        target: found.target,
        scope: {
          id: scope.id,
          type: scope.type,
          name: scope.name ?? '',
          description: scope.description ?? '',
          parentScopeId: scope.parentId ?? '',
        },
        ...(hostId === undefined ? {} : { hostId }),
      });
      return ok(show(result, scope, credentials));
    },
  });
}
