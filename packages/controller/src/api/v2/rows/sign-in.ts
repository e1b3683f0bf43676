/** `/api/v2/login/` and `/api/v2/logout/`: a name and a password for an auth token, and the end of the token. */
import { StileError, type FieldError } from '@stile/protocol/errors';
import { anonymousUserId, globalScopeId } from '@stile/protocol/ids';
import { Secret } from '@stile/runtime';
import { authTokenStatus } from '../../../auth/token/auth-token.ts';
import { credentialOf, type Credential } from '../../http/credential.ts';
import { withoutSessionCookie } from '../../http/session-cookie.ts';
import { Access } from '../../access.ts';
import { ok, type Answer, type Call, type Gate } from '../../operation.ts';
import { readScope, resourceIn } from '../../resources/item.ts';
import { refuseFaults, requestMessage } from '../../schema/decode.ts';
import { isId } from '../../schema/text-rules.ts';
import type { ApiServices } from '../../services.ts';
import { openClusterOperation, type ClusterOperation, type FormField } from '../cluster-operation.ts';
import { objectSchema } from '../schemas.ts';

const loginFields: readonly FormField[] = [
  { name: 'username', isRequired: true, description: 'Login name.' },
  { name: 'password', isRequired: true, isSecret: true, description: 'Password.' },
  {
    name: 'otp',
    isRequired: false,
    isSecret: true,
    description: 'Code of the second factor, or a recovery code.',
  },
  {
    name: 'auth_method_id',
    isRequired: false,
    description: 'Auth method of type password, `ampw_…`. Default: the primary one of global.',
  },
];

interface LoginForm {
  readonly username: string;
  readonly password: Secret;
  readonly otp: Secret | undefined;
  readonly authMethodId: string | undefined;
}

/** Every field once, and none that is unknown. @throws {StileError} invalidArgument; never shows a value */
function readForm(call: Call, fields: readonly FormField[]): ReadonlyMap<string, string> {
  const form = call.form ?? new URLSearchParams();
  const known = new Set(fields.map(({ name }) => name));
  const errors: FieldError[] = [];
  for (const name of new Set(form.keys())) {
    const shown = name.slice(0, 100);
    if (!known.has(name)) errors.push({ name: shown, description: 'Unknown field.' });
    else if (form.getAll(name).length > 1) {
      errors.push({ name: shown, description: 'This field was given more than once.' });
    }
  }
  for (const { name, isRequired } of fields) {
    if (isRequired && (form.get(name) ?? '') === '') {
      errors.push({ name, description: 'This field is required, in a form in the body of the request.' });
    }
  }
  refuseFaults(requestMessage, errors.slice(0, 10));
  return new Map(form);
}

function readLogin(call: Call): LoginForm {
  const form = readForm(call, loginFields);
  const authMethodId = form.get('auth_method_id') ?? '';
  if (authMethodId !== '' && !isId(authMethodId, ['ampw'])) {
    refuseFaults(requestMessage, [
      {
        name: 'auth_method_id',
        description: 'This field must be the id of a password auth method, `ampw_…`.',
      },
    ]);
  }
  const otp = form.get('otp');
  return {
    username: form.get('username') ?? '',
    password: new Secret(form.get('password') ?? ''),
    otp: otp === undefined ? undefined : new Secret(otp),
    authMethodId: authMethodId === '' ? undefined : authMethodId,
  };
}

/** @throws {StileError} failedPrecondition */
async function primaryAuthMethodId(services: ApiServices): Promise<string> {
  const scope = await services.scopes.lookupRow(globalScopeId);
  if (typeof scope?.primary_auth_method_id === 'string') return scope.primary_auth_method_id;
  throw new StileError(
    'failedPrecondition',
    'The global scope has no primary auth method: give auth_method_id.',
  );
}

/**
 * Whoever may not log in at an auth method by `/v1` may not do so here: its grants say who.
 * @throws {StileError} unauthenticated
 */
async function requireOpenMethod(services: ApiServices, authMethodId: string, gate: Gate): Promise<void> {
  const method = await services.authMethods.lookup(authMethodId);
  // An unknown one costs what a wrong password costs, and is told the same.
  if (method === undefined) return;
  const anonymous = { userId: anonymousUserId };
  const [acl, scope] = await Promise.all([
    gate.aclFor(anonymous),
    readScope(services.scopes, method.scope_id),
  ]);
  const resource = resourceIn(scope, 'auth-method', authMethodId);
  new Access(acl, anonymous).require({ type: 'auth-method', action: 'authenticate' }, { resource });
}

async function login(services: ApiServices, call: Call, gate: Gate): Promise<Answer> {
  const { username: loginName, password, otp, authMethodId: named } = readLogin(call);
  const authMethodId = named ?? (await primaryAuthMethodId(services));
  await requireOpenMethod(services, authMethodId, gate);
  const request = { authMethodId, loginName, password, otp, address: call.address };
  const { secondFactor, mustEnroll, ...who } = await loggedIn(services, request);
  const { client } = call;
  const proof = { hasSecondFactor: secondFactor, mustEnroll };
  const { text } = await services.authTokens.issue({ ...who, authMethodId, client, ...proof });
  return ok({ session: text.reveal() });
}

/** An account without a user is told no more than that it cannot log in. @throws {StileError} unauthenticated, tooManyRequests */
async function loggedIn(
  services: ApiServices,
  request: Parameters<ApiServices['passwords']['login']>[0],
): ReturnType<ApiServices['passwords']['login']> {
  try {
    return await services.passwords.login(request);
  } catch (error) {
    if (!(error instanceof StileError)) throw error;
    const { code, message, details } = error;
    if (code === 'notFound') {
      throw new StileError('unauthenticated', 'Unable to authenticate.', { cause: error });
    }
    if (code !== 'unauthenticated' || details?.requestFields === undefined) throw error;
    // The fields of `/v1` stand in `attributes`; here they are those of the form.
    const requestFields = details.requestFields.map(({ name, description }) => ({
      name: name.replace(/^attributes\./, ''),
      description,
    }));
    throw new StileError(code, message, { details: { ...details, requestFields }, cause: error });
  }
}

function loginOperation(services: ApiServices): ClusterOperation {
  return openClusterOperation(
    {
      path: 'login/',
      method: 'POST',
      operationId: 'login',
      summary: 'Makes an auth token of a login name and a password.',
      description:
        'The form stands in the body; nothing of it is taken from the URL. The token goes into `Authorization: Bearer` or `X-Stile-API-Session`.',
      stability: 'stable',
      resource: 'login',
      verb: 'login',
      why: 'it is the way in',
      parameters: [],
      form: loginFields,
      answer: {
        description: 'A new auth token of type `login`.',
        schema: objectSchema(
          { session: { type: 'string', description: 'The auth token; shown this once.' } },
          ['session'],
        ),
        example: { session: 'at_9cPq2LxT7e_s1…' },
      },
      failures: {
        400: 'A field is missing, unknown, repeated or not legal, the body is no form, or the URL has parameters.',
        401: 'Name, password or code is wrong: which, and whether there is such a user, is not said.',
        413: 'The body is too large.',
        429: 'Too many attempts, or too many logins at once; `Retry-After` says for how long.',
        503: 'The database cannot answer now.',
      },
    },
    (call, gate) => login(services, call, gate),
  );
}

/**
 * Ends the presented token. Only its secret proves that it may: an id alone ends nothing. A token that has ended already is none of the
 * caller's business any more, and the wish is fulfilled.
 */
async function logout(services: ApiServices, call: Call): Promise<Answer> {
  const { insecureCookies } = call;
  const credential = credentialOf(call.headers, { surface: 'v2', insecureCookies });
  if (credential.text === undefined) {
    throw new StileError('invalidArgument', 'No auth token was presented: there is nothing to log out.');
  }
  if (call.form !== undefined) readForm(call, []);
  const row = await services.authTokens.prove(credential.text);
  if (row === undefined || !mayEndItself(services, row, credential.source, call)) {
    throw new StileError('unauthenticated', 'Unauthenticated, or invalid token.');
  }
  await services.tokenEndings.revoke(row.id, row.user_id, 'user request');
  return { ...ok({ logged_out: true }), headers: withoutSessionCookie(call.cookieName) };
}

type ProvenToken = NonNullable<Awaited<ReturnType<ApiServices['authTokens']['prove']>>>;

/** A proven token is still none to a request that could not use it: of the wrong kind, by cookie, or from another origin. */
function mayEndItself(
  services: ApiServices,
  row: ProvenToken,
  source: Credential['source'],
  call: Call,
): boolean {
  if (row.type === 'one-time' || (row.type === 'api' && source === 'cookie')) return false;
  const { authTokens, clock } = services;
  const status = authTokenStatus(row, authTokens.settings, clock.nowUs());
  return status !== 'active' || authTokens.isGood(row, call.client);
}

function logoutOperation(services: ApiServices): ClusterOperation {
  return openClusterOperation(
    {
      path: 'logout/',
      method: 'POST',
      operationId: 'logout',
      summary: 'Ends the auth token that the request presents, and the sessions authorized with it.',
      description: 'Doing it again answers the same.',
      stability: 'stable',
      resource: 'logout',
      verb: 'logout',
      why: 'it proves the presented token itself, so that one that has ended already is told the same',
      looksAtToken: true,
      parameters: [],
      answer: {
        description: 'It has ended.',
        schema: objectSchema({ logged_out: { type: 'boolean', description: '`true`.' } }, ['logged_out']),
        example: { logged_out: true },
      },
      failures: {
        400: 'No token was presented, or the URL has parameters.',
        401: 'The token is unknown, or its secret is wrong.',
        403: 'A cookie was sent by a page of another origin.',
        429: 'A rate limit is reached; `Retry-After` says for how long.',
        503: 'The database cannot answer now.',
      },
    },
    (call) => logout(services, call),
  );
}

/** The rows. */
export function signInOperations(services: ApiServices): readonly ClusterOperation[] {
  return [loginOperation(services), logoutOperation(services)];
}
