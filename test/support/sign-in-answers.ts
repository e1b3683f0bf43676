/** Answers of a controller about tokens and sign-ins as tokens.md §4.1 and §5.1 shape them, for tests that need no particular content. */
import type { SeenRequest, StubAnswer } from './stub-api.ts';

type Json = Readonly<Record<string, unknown>>;

const global = { id: 'global', type: 'global', name: 'global', description: 'Global Scope' };
const revocation = { auth_tokens: 2, sessions: 1, sessions_confirmed: 1, streams: 1 };
const actions = ['delete', 'delete:self', 'no-op', 'read', 'read:self'];

/** The login token of `admin`, which the tests present. */
export const loginToken: Json = {
  id: 'at_1234567890',
  type: 'login',
  scope_id: 'global',
  scope: global,
  user_id: 'u_1234567890',
  login_name: 'admin',
  auth_method_id: 'ampw_1234567890',
  account_id: 'acctpw_1234567890',
  status: 'active',
  origin: '127.0.0.1:55200',
  last_origin: '127.0.0.1:55206',
  user_agent: 'stile/0.1',
  created_time: '2026-11-21T16:47:36.342338Z',
  updated_time: '2026-11-21T16:47:36.342338Z',
  approximate_last_used_time: '2026-11-21T16:47:36.342338Z',
  expiration_time: '2026-11-28T16:47:36.342338Z',
  authorized_actions: actions,
};

/** An API token of `admin`. */
export const apiToken: Json = {
  id: 'at_8fK2mQx71a',
  type: 'api',
  name: 'deploy',
  scope_id: 'global',
  scope: global,
  user_id: 'u_1234567890',
  login_name: 'admin',
  created_by_user_id: 'u_1234567890',
  parent_auth_token_id: 'at_1234567890',
  status: 'active',
  version: 1,
  token_scopes: ['target:authorize-session', 'target:read'],
  allow_list: ['target:ttcp_1234567890'],
  origin: '127.0.0.1:55200',
  last_origin: '10.0.0.9:40112',
  user_agent: 'stile/0.1',
  created_time: '2026-11-21T10:00:00Z',
  updated_time: '2026-11-21T10:00:00Z',
  approximate_last_used_time: '2026-11-21T10:00:00Z',
  expiration_time: '2026-12-21T10:00:00Z',
  time_to_live_seconds: 2_592_000,
  authorized_actions: actions,
};

/** A web session of `user`, ended. */
export const webToken: Json = {
  id: 'at_9cPq2LxT7e',
  type: 'web',
  scope_id: 'global',
  scope: global,
  user_id: 'u_0987654321',
  login_name: 'user',
  created_by_user_id: 'u_1234567890',
  status: 'revoked',
  origin: 'unix:uid=0',
  created_time: '2026-11-21T18:24:26.37664Z',
  updated_time: '2026-11-21T18:24:50.819614Z',
  approximate_last_used_time: '2026-11-21T18:24:26.37664Z',
  expiration_time: '2026-11-21T22:54:26.37664Z',
  revoked_time: '2026-11-21T18:24:50.819614Z',
  revoked_reason: 'admin request',
  authorized_actions: actions,
};

const oneTimeToken: Json = {
  ...loginToken,
  id: 'at_Lm30TzQp8d',
  type: 'one-time',
  parent_auth_token_id: 'at_1234567890',
  created_by_user_id: 'u_1234567890',
  single_use: true,
  created_time: '2026-11-21T16:50:00Z',
  expiration_time: '2026-11-21T17:00:00Z',
};

const admin: Json = {
  id: 'u_1234567890',
  scope_id: 'global',
  login_name: 'admin',
  full_name: 'Ada Admin',
  primary_account_id: 'acctpw_1234567890',
};
const user: Json = {
  id: 'u_0987654321',
  scope_id: 'global',
  login_name: 'user',
  primary_account_id: 'acctpw_0987654321',
};

const twoFactor: Json = {
  enrolled: false,
  pending: false,
  policy: 'optional',
  otp_digits: 6,
  interval_seconds: 30,
  window: 1,
  recovery_codes_left: 0,
};

const whoAmI: Json = {
  user: admin,
  account: {
    id: 'acctpw_1234567890',
    auth_method_id: 'ampw_1234567890',
    login_name: 'admin',
  },
  auth_token: loginToken,
  groups: [{ id: 'g_1234567890', name: 'ops' }],
  roles: [{ id: 'r_1234567890', name: 'Administration' }],
  attributes: { editor: 'vim' },
  two_factor: twoFactor,
  may: { create_api_token: true, create_for_others: true, list_all_tokens: true, reset_two_factor: true },
};

const enrolment: Json = {
  secret: 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP',
  provisioning_uri:
    'otpauth://totp/Stile:admin?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Stile&digits=6&period=30',
  expires_time: '2026-11-21T17:00:00Z',
};

function listed(items: readonly Json[]): StubAnswer {
  return { status: 200, body: { items, response_type: 'complete', est_item_count: items.length } };
}

function ok(body: unknown): StubAnswer {
  return { status: 200, body };
}

/** A token of the kind that is minted, with its secret. */
function minted(body: string): StubAnswer {
  const { type, user_id: owner } = JSON.parse(body) as Json;
  switch (type) {
    case 'web': {
      const { revoked_time: _time, revoked_reason: _reason, ...live } = webToken;
      const token = `${String(webToken['id'])}_s1web`;
      const cookie = `__Host-stile-session=${token}; Path=/; HttpOnly; Secure; SameSite=Strict`;
      return ok({ ...live, status: 'active', token, cookie });
    }
    case 'one-time':
      return ok({ ...oneTimeToken, token: 'at_Lm30TzQp8d_s1hand' });
    default:
      return ok({ ...apiToken, user_id: owner ?? apiToken['user_id'], token: 'at_8fK2mQx71a_s1api' });
  }
}

/** Tokens that the query asks for. */
function tokensOf(url: URL): StubAnswer {
  const types = url.searchParams.get('type')?.split(',') ?? ['login', 'api', 'web'];
  const isWithDead = url.searchParams.get('include_expired') === 'true';
  const owner = url.searchParams.get('user_id');
  const found = [loginToken, apiToken, webToken].filter(
    (token) =>
      types.includes(String(token['type'])) &&
      (isWithDead || token['status'] === 'active') &&
      (owner === null || token['user_id'] === owner),
  );
  return listed(found);
}

function users(url: URL): StubAnswer {
  const { pathname } = url;
  if (pathname.endsWith(':me')) return ok(whoAmI);
  if (pathname.endsWith(':read-two-factor')) return ok(twoFactor);
  if (pathname.endsWith(':enroll-two-factor')) return ok(enrolment);
  if (/:(?:confirm-two-factor|renew-recovery-codes)$/.test(pathname))
    return ok({ recovery_codes: ['AAAAA-BBBBB-CCCCC-DDDDD', 'EEEEE-FFFFF-GGGGG-HHHHH'] });
  if (pathname.endsWith(':verify-two-factor')) return ok({ valid: true });
  if (pathname.endsWith(':set-attribute')) return ok({ attributes: { editor: 'vim' } });
  if (pathname.endsWith('/u_1234567890')) return ok(admin);
  return pathname.includes('/users/') ? ok(user) : listed([admin, user]);
}

function authTokens(request: SeenRequest, url: URL): StubAnswer {
  const { pathname } = url;
  const token = pathname.includes('at_1234567890') ? loginToken : apiToken;
  if (pathname.endsWith(':token-scopes'))
    return ok({
      items: [
        { name: 'target:authorize-session', summary: 'authorize-session on the type target.' },
        { name: 'target:read', summary: 'Read and list the type target.' },
      ],
    });
  if (pathname.endsWith(':revoke-all')) return ok({ items: [webToken], revocation });
  if (pathname.endsWith(':revoke'))
    return ok({
      ...token,
      status: 'revoked',
      revoked_time: '2026-11-21T18:24:50.819614Z',
      revoked_by_user_id: 'u_1234567890',
      revoked_reason: 'user request',
      revocation: { ...revocation, auth_tokens: 1, streams: 0 },
    });
  if (pathname.endsWith(':rotate')) return ok({ ...apiToken, version: 2, token: 'at_8fK2mQx71a_s1new' });
  if (pathname.endsWith(':exchange')) return ok({ command: 'login', type: 'token', attributes: exchanged });
  if (request.method === 'DELETE') return { status: 204 };
  if (request.method === 'PATCH') return ok({ ...apiToken, name: 'nightly', version: 2 });
  if (request.method === 'POST') return minted(request.body);
  return pathname.endsWith('/auth-tokens') ? tokensOf(url) : ok(token);
}

const exchanged: Json = {
  id: 'at_Zk41mQ8s0B',
  user_id: 'u_1234567890',
  account_id: 'acctpw_1234567890',
  auth_method_id: 'ampw_1234567890',
  expiration_time: '2026-11-28T16:47:36.342338Z',
  token: 'at_Zk41mQ8s0B_s1login',
};

/** Answers the routes of `special`, by method and path as `GET /v1/users`, as it says, and all others as ever. */
export function signInAnswerBut(
  special: Readonly<Record<string, StubAnswer>>,
): (request: SeenRequest) => StubAnswer {
  return (request) => {
    const [path = ''] = request.url.split('?');
    const route = `${request.method} ${path}`;
    return (Object.hasOwn(special, route) ? special[route] : undefined) ?? signInAnswer(request);
  };
}

/** The answer to a request. */
export function signInAnswer(request: SeenRequest): StubAnswer {
  const url = new URL(request.url, 'http://stub');
  if (url.pathname.startsWith('/v1/users')) return users(url);
  if (url.pathname.startsWith('/v1/auth-tokens')) return authTokens(request, url);
  if (url.pathname.endsWith(':check-password')) return ok({ valid: true });
  return { status: 404, body: { kind: 'NotFound', message: 'Resource not found.' } };
}
