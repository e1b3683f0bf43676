/** `POST /v1/auth-methods/{id}:authenticate`: a login name and a password become an auth token (http-api.md §2.3). */
import { type FieldError, invalidField } from '@stile/protocol/errors';
import { Secret } from '@stile/runtime';
import { requireCookieAllowed } from '../http/session-cookie.ts';
import { operation, type Call, type Operation } from '../operation.ts';
import { decodeKinds, fieldErrors, given, isObject, refuseFaults } from '../schema/decode.ts';
import { schemaOf, type Input } from '../schema/field.ts';
import { isId } from '../schema/text-rules.ts';
import type { ApiServices } from '../services.ts';
import { authenticatedAnswer, authenticatedSchema } from './authenticated-answer.ts';
import { readScope, required, resourceIn } from './item.ts';

const invalidFields = 'Invalid fields provided in request.';
const requiredField = 'This is a required field.';

const request = schemaOf('AuthenticateRequest', {
  command: { kind: 'string', access: 'change', summary: '`login`, the default.' },
  type: { kind: 'string', access: 'change', summary: '`token`, `cookie` or `session-cookie`.' },
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
    ? invalidField('attributes', `unknown subtype in ID: ${id.slice(0, 100)}`)
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
  if (!['', 'token', 'cookie', 'session-cookie'].includes(type)) {
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

/** The row of the call. */
export function authenticateOperation(services: ApiServices): Operation {
  return operation({
    resource: 'auth-methods',
    verb: 'authenticate',
    method: 'POST',
    on: 'item',
    summary: 'Logs in.',
    request,
    response: { schema: authenticatedSchema },
    ignoresToken: true,
    beforeEnrolment: true,
    permission: { type: 'auth-method', action: 'authenticate' },
    parse: readLogin,
    locate: async ({ authMethodId }) => {
      const row = required(await services.authMethods.lookup(authMethodId));
      const scope = await readScope(services.scopes, row.scope_id);
      return { row, resource: resourceIn(scope, 'auth-method', row.id) };
    },
    act: async ({ call, input }) => {
      const isCookie = input.type === 'cookie' || input.type === 'session-cookie';
      const cookie = isCookie ? requireCookieAllowed(call) : undefined;
      const { authMethodId, loginName, password, otp } = input;
      const { secondFactor, mustEnroll, ...loggedIn } = await services.passwords.login({
        authMethodId,
        loginName,
        password,
        otp,
        address: call.address,
      });
      const { client } = call;
      const issued = await services.authTokens.issue({
        ...loggedIn,
        authMethodId,
        client,
        hasSecondFactor: secondFactor,
        mustEnroll,
      });
      const scope = await readScope(services.scopes, loggedIn.scopeId);
      return authenticatedAnswer(issued, {
        scope,
        type: input.type,
        isInsecure: cookie?.isInsecure === true,
      });
    },
  });
}
