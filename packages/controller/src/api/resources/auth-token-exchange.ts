/** `/v1/auth-tokens:exchange`, `:token-scopes` and `:token-config` (tokens.md §4.1). */
import { legalTokenScopes } from '@stile/protocol/token-scope';
import type { FieldError } from '@stile/protocol/errors';
import { requireCookieAllowed } from '../http/session-cookie.ts';
import { ok, publicOperation, tokenOperation, type Answer, type Call, type Operation } from '../operation.ts';
import { decodeKinds, refuseFaults, requestMessage } from '../schema/decode.ts';
import { schemaOf, type Input } from '../schema/field.ts';
import type { ApiServices } from '../services.ts';
import { authTokenFacts } from './auth-token-fields.ts';
import { isTokenAdmin } from './auth-token-policy.ts';
import { authenticatedAnswer, authenticatedSchema } from './authenticated-answer.ts';
import { readScope } from './item.ts';

const exchangeRequest = schemaOf('ExchangeAuthToken', {
  token: { kind: 'string', access: 'change', isWriteOnly: true, summary: 'A one-time token.' },
  type: { kind: 'string', access: 'change', summary: '`token`, the default, or `session-cookie`.' },
});

async function exchange(services: ApiServices, call: Call): Promise<Answer> {
  const errors: FieldError[] = [];
  const decoded = decodeKinds(exchangeRequest.fields, call.body, errors) as Input<
    (typeof exchangeRequest)['fields']
  >;
  const { token = '', type = 'token' } = decoded;
  if (token === '') errors.push({ name: 'token', description: 'This is a required field.' });
  if (type !== 'token' && type !== 'session-cookie') {
    errors.push({ name: 'type', description: 'The only accepted types are "token" and "session-cookie".' });
  }
  refuseFaults(requestMessage, errors);
  const cookie = type === 'session-cookie' ? requireCookieAllowed(call) : undefined;
  const issued = await services.exchange.exchange(token, call.client);
  const scope = await readScope(services.scopes, issued.row.scope_id);
  return authenticatedAnswer(issued, { scope, type, isInsecure: cookie?.isInsecure === true });
}

/** Settings that whoever mints must know (tokens.md §4.1). */
function tokenConfig(services: ApiServices, isAdmin: boolean): object {
  const { settings } = services.authTokens;
  const limits = services.minting.lifetimesOf('api', isAdmin);
  return {
    default_token_lifetime_seconds: limits.default,
    max_token_lifetime_seconds: limits.maximum,
    api_token_policy: settings.apiTokenPolicy,
    max_tokens_per_user: settings.maxTokensPerUser,
  };
}

const configSchema = schemaOf('TokenConfig', {
  default_token_lifetime_seconds: { kind: 'uint32', access: 'output' },
  max_token_lifetime_seconds: { kind: 'uint32', access: 'output' },
  api_token_policy: { kind: 'string', access: 'output' },
  max_tokens_per_user: { kind: 'uint32', access: 'output' },
});
const scopeItem = {
  name: { kind: 'string', access: 'output' },
  summary: { kind: 'string', access: 'output' },
} as const;
const scopesSchema = schemaOf('TokenScopes', {
  items: { kind: 'list', access: 'output', fields: scopeItem },
});

/** The three rows. */
export function authTokenExchangeOperations(services: ApiServices): readonly Operation[] {
  return [
    publicOperation(
      {
        ...authTokenFacts,
        verb: 'exchange',
        method: 'POST',
        on: 'collection',
        summary: 'Makes a login token of a one-time token.',
        request: exchangeRequest,
        response: { schema: authenticatedSchema },
      },
      'the one-time token in the body is what proves the caller',
      (call) => exchange(services, call),
    ),
    tokenOperation(
      {
        ...authTokenFacts,
        verb: 'token-scopes',
        method: 'GET',
        on: 'collection',
        summary: 'Lists every legal token scope.',
        response: { schema: scopesSchema },
      },
      'the words are the same for everybody',
      () => Promise.resolve(ok({ items: legalTokenScopes() })),
    ),
    tokenOperation(
      {
        ...authTokenFacts,
        verb: 'token-config',
        method: 'GET',
        on: 'collection',
        summary: 'Tells how long API tokens may live, and who may make them.',
        response: { schema: configSchema },
      },
      'it tells the settings that bind the caller',
      async (call, gate) => ok(tokenConfig(services, await isTokenAdmin(gate, call.caller.userId))),
    ),
  ];
}
