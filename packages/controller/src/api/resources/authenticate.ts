/** `POST /v1/auth-methods/{id}:authenticate`: a login name and a password become an auth token (http-api.md §2.3). */
import { StileError, type FieldError } from '@stile/protocol/errors';
import { Secret } from '@stile/runtime';
import type { AuthTokenRow } from '../../auth/auth-token-service.ts';
import { isSameOrigin, tokenCookies } from '../http/credential.ts';
import { operation, type Answer, type Call, type Operation } from '../operation.ts';
import { decodeKinds, fieldErrors, given, isObject, refuseFaults, requestMessage } from '../schema/decode.ts';
import { schemaOf, type Input } from '../schema/field.ts';
import { renderItem } from '../schema/render.ts';
import { scopeField, shownText, shownTime } from '../schema/shared-fields.ts';
import { isId } from '../schema/text-rules.ts';
import type { ApiServices, ScopeNode } from '../services.ts';
import { readScope, required, resourceIn } from './item.ts';

const invalidFields = 'Invalid fields provided in request.';
const requiredField = 'This is a required field.';

const request = schemaOf('AuthenticateRequest', {
  command: { kind: 'string', access: 'change', summary: '`login`, the default.' },
  type: { kind: 'string', access: 'change', summary: '`token` or `cookie`.' },
  token_type: { kind: 'string', access: 'change', summary: 'Older spelling of `type`.' },
  attributes: {
    kind: 'object',
    access: 'change',
    strict: true,
    fields: {
      login_name: { kind: 'string', access: 'change' },
      password: { kind: 'string', access: 'change', isWriteOnly: true },
      otp: {
        kind: 'string',
        access: 'change',
        isWriteOnly: true,
        summary:
          'A code of the second factor, or a recovery code, for who has enrolled; it may stand behind the password as well.',
      },
    },
  },
});

const schema = schemaOf('AuthenticateResponse', {
  type: shownText,
  attributes: {
    kind: 'object',
    access: 'output',
    fields: {
      account_id: shownText,
      approximate_last_used_time: shownTime,
      auth_method_id: shownText,
      created_time: shownTime,
      expiration_time: shownTime,
      id: shownText,
      scope: scopeField,
      token: { ...shownText, summary: 'The auth token; absent when it was set as cookies.' },
      updated_time: shownTime,
      user_id: shownText,
    },
  },
  command: shownText,
});

interface Login {
  readonly authMethodId: string;
  readonly loginName: string;
  readonly password: Secret;
  /** Absent when there was none; a null is an empty one, which is wrong. */
  readonly otp: Secret | undefined;
  /** As sent; `''` when it was not. */
  readonly type: string;
}

/** The id of a method whose kind is known; the words depend on whether there are attributes. */
function requireMethodId(id: string, hasAttributes: boolean): void {
  if (isId(id, ['ampw', 'amoidc', 'amldap'])) return;
  throw hasAttributes
    ? fieldErrors(requestMessage, [
        { name: 'attributes', description: `unknown subtype in ID: ${id.slice(0, 100)}` },
      ])
    : fieldErrors(invalidFields, [{ name: 'auth_method_id', description: 'Unknown auth method type.' }]);
}

function readLogin({ id, body }: Call): Login {
  requireMethodId(id, isObject(given(body, 'attributes')));
  const errors: FieldError[] = [];
  // Every value has the kind of the table, or its name stands among the errors.
  const decoded = decodeKinds(request.fields, body, errors) as Input<(typeof request)['fields']>;
  const { command = '', attributes } = decoded;
  const type = decoded.type ?? decoded.token_type ?? '';
  const loginName = attributes?.login_name ?? '';
  const password = attributes?.password ?? '';
  if (attributes === undefined) errors.push({ name: 'attributes', description: requiredField });
  else {
    if (loginName === '') errors.push({ name: 'attributes.login_name', description: requiredField });
    if (password === '') errors.push({ name: 'attributes.password', description: requiredField });
  }
  if (command !== '' && command !== 'login') {
    errors.push({ name: 'command', description: 'Invalid command for this auth method type.' });
  }
  if (!['', 'token', 'cookie'].includes(type)) {
    errors.push({ name: 'type', description: 'The only accepted types are "token" and "cookie".' });
  }
  refuseFaults(invalidFields, errors);
  return {
    authMethodId: id,
    loginName,
    password: new Secret(password),
    otp: givenCode(body, attributes?.otp),
    type,
  };
}

/** Null counts as absent everywhere else (http-api.md §1.3): here it is a code, and a wrong one (tokens.md §5.1). */
function givenCode(body: Call['body'], otp: string | undefined): Secret | undefined {
  const attributes = given(body, 'attributes');
  const isGiven = isObject(attributes) && Object.hasOwn(attributes, 'otp');
  return isGiven ? new Secret(otp ?? '') : undefined;
}

function isLoopback(address: string): boolean {
  return address === '::1' || /^(::ffff:)?127\./.test(address);
}

/**
 * Cookies go to our own pages only, and never over a network in the clear (tokens.md §1.9).
 * @throws {StileError} permissionDenied, failedPrecondition
 */
function requireCookieAllowed(call: Call): void {
  if (!isSameOrigin(call.headers)) throw new StileError('permissionDenied', 'Cross-origin request refused.');
  if (call.isTls || isLoopback(call.address)) return;
  throw new StileError(
    'failedPrecondition',
    'Cookies are given over TLS only: set tls_cert_file and tls_key_file on the api listener, or use type "token".',
  );
}

function answer(row: AuthTokenRow, text: Secret, scope: ScopeNode, type: string): Answer {
  const isCookie = type === 'cookie';
  const body = renderItem(schema, {
    type,
    attributes: {
      account_id: row.account_id,
      approximate_last_used_time: row.last_used_at,
      auth_method_id: row.auth_method_id,
      created_time: row.created_at,
      expiration_time: row.expires_at,
      id: row.id,
      // The one place with less than the whole scope (http-api.md §1.6).
      scope: { id: scope.id, type: scope.type, parent_scope_id: scope.parentId },
      token: isCookie ? null : text.reveal(),
      updated_time: row.updated_at,
      user_id: row.user_id,
    },
    command: 'login',
  });
  return {
    status: 200,
    body,
    ...(isCookie ? { headers: { 'Set-Cookie': tokenCookies(text.reveal()) } } : {}),
  };
}

/** The row of the call. */
export function authenticateOperation(services: ApiServices): Operation {
  return operation({
    resource: 'auth-methods',
    verb: 'authenticate',
    method: 'POST',
    on: 'item',
    summary: 'Logs in.',
    request,
    response: { schema },
    permission: { type: 'auth-method', action: 'authenticate' },
    parse: readLogin,
    locate: async ({ authMethodId }) => {
      const row = required(await services.authMethods.lookup(authMethodId));
      const scope = await readScope(services.scopes, row.scope_id);
      return { row, resource: resourceIn(scope, 'auth-method', row.id) };
    },
    act: async ({ call, input }) => {
      if (input.type === 'cookie') requireCookieAllowed(call);
      const { authMethodId, loginName, password, otp } = input;
      const { accountId, userId, scopeId } = await services.passwords.login({
        authMethodId,
        loginName,
        password,
        otp,
        address: call.address,
      });
      const { row, text } = await services.authTokens.issue({ userId, accountId, authMethodId, scopeId });
      return answer(row, text, await readScope(services.scopes, scopeId), input.type);
    },
  });
}
