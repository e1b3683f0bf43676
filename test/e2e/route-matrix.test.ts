/**
 * Every route and verb that the server says it has, on `stile dev` as it comes: what is no credential counts as none, the unprivileged
 * user may do what the list here says and nothing else, and there are no other verbs (SECURITY.md "Default deny"; security-cases.md,
 * family 1). The routes come from the server itself, so that a new one is in the matrix without a change here. Which grant opens which
 * route is permission-matrix.test.ts.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { callApi, startDevServer, type DevServer, type Json } from '../support/dev-server.ts';
import { newApplicant } from '../support/registration.ts';

/** What callers without any credential may do. */
const publicCalls: readonly string[] = [
  'GET /v1/auth-methods',
  'POST /v1/auth-methods/{id}:authenticate',
  'GET /v1/scopes',
  // The one-time token in the body is what proves the caller.
  'POST /v1/auth-tokens:exchange',
];

/** What the unprivileged user of `dev` may do on the resources of others, besides. */
const userCalls: readonly string[] = [
  'GET /v1/auth-tokens',
  'GET /v1/auth-tokens:token-config',
  'GET /v1/auth-tokens:token-scopes',
  'POST /v1/auth-tokens',
  'POST /v1/auth-tokens:revoke-all',
  'GET /v1/users:me',
  'GET /v1/events',
  'GET /v1/scopes/{id}',
  'GET /v1/sessions',
  'GET /v1/targets',
  'GET /v1/targets/{id}',
  'POST /v1/targets/{id}:authorize-session',
];

interface Route {
  readonly method: string;
  /** As in the description, with `{id}`. */
  readonly name: string;
  /** With a real id. */
  readonly path: string;
}

let dev: DevServer;
let routes: Route[];
let userToken: string;
/** The credential store of `dev`; its id is drawn at random. */
let storeId = '';
/** Texts that are no auth tokens, or no longer. */
let worthless: Record<string, string>;

beforeAll(async () => {
  dev = await startDevServer(['-host-address', '127.0.0.1', '-controller-only']);
  userToken = await dev.login('user', 'password');
  const ended = await dev.login('user', 'password');
  const endedId = ended.split('_').slice(0, 2).join('_');
  await dev.api('DELETE', `/v1/auth-tokens/${endedId}`, undefined, ended);
  const worker = await dev.api('POST', '/v1/workers:create:controller-led', { scope_id: 'global' });
  worthless = {
    'nothing at all': '',
    garbage: 'zzz',
    'a token that was ended': ended,
    'a token with another secret': `${dev.adminToken.slice(0, -4)}zzzz`,
    'an activation token': String(worker.body.controller_generated_activation_token),
    'a user id': 'u_1234567890',
  };
  const ids = await idsByCollection(String(worker.body.id));
  const { body } = await dev.api('GET', '/v1/openapi.json');
  routes = Object.entries(body.paths as Record<string, Json>).flatMap(([path, operations]) =>
    Object.keys(operations as object)
      .filter((method) => ['get', 'post', 'patch', 'delete', 'put'].includes(method))
      .map((method) => {
        const collection = path.split('/')[2]?.split(':')[0] ?? '';
        return {
          method: method.toUpperCase(),
          name: `${method.toUpperCase()} ${path.replace(/\{[^}]*\}/g, '{id}')}`,
          path: withQuery(path.replace(/\{[^}]*\}/g, ids[collection] ?? 'unknown'), method, ids),
        };
      }),
  );
});
afterAll(() => dev?.stop());

/** An id of a real resource of each collection, none of the unprivileged user's own. */
async function idsByCollection(workerId: string): Promise<Record<string, string>> {
  const role = await dev.api('GET', '/v1/roles?scope_id=global');
  const alias = await dev.api('GET', '/v1/aliases?scope_id=global');
  const group = await dev.api('POST', '/v1/groups', { scope_id: 'global' });
  const stores = await dev.api('GET', '/v1/credential-stores?scope_id=p_1234567890');
  storeId = String(stores.body?.items?.[0]?.id);
  const credentials = await dev.api('GET', `/v1/credentials?credential_store_id=${storeId}`);
  return {
    'auth-methods': 'ampw_1234567890',
    accounts: 'acctpw_1234567890',
    aliases: String(alias.body?.items?.[0]?.id ?? 'alt_0000000000'),
    'auth-tokens': dev.adminToken.split('_').slice(0, 2).join('_'),
    groups: String(group.body.id),
    'credential-libraries': 'clvlt_0000000000',
    'credential-stores': storeId,
    credentials: String(credentials.body?.items?.[0]?.id),
    'managed-groups': 'mgoidc_0000000000',
    'host-catalogs': 'hcst_1234567890',
    'host-sets': 'hsst_1234567890',
    hosts: 'hst_1234567890',
    roles: String(role.body?.items?.[0]?.id ?? 'r_0000000000'),
    scopes: 'p_1234567890',
    sessions: 's_0000000000',
    targets: 'ttcp_1234567890',
    users: 'u_1234567890',
    workers: workerId,
  };
}

/** Lists need their parent. */
function withQuery(path: string, method: string, ids: Record<string, string>): string {
  if (path === '/v1/workers:reinitialize-certificate-authority') return `${path}?scope_id=global`;
  if (method !== 'get' || /_[A-Za-z0-9]{10}/.test(path)) return path;
  const parents: Readonly<Record<string, string>> = {
    '/v1/accounts': `auth_method_id=${ids['auth-methods'] ?? ''}`,
    '/v1/host-sets': `host_catalog_id=${ids['host-catalogs'] ?? ''}`,
    '/v1/hosts': `host_catalog_id=${ids['host-catalogs'] ?? ''}`,
    '/v1/host-catalogs': 'scope_id=p_1234567890',
    '/v1/roles:explain': 'user_id=u_1234567890&id=ttcp_1234567890&action=read',
    '/v1/credential-libraries': 'credential_store_id=csvlt_0000000000',
    '/v1/credential-stores': 'scope_id=p_1234567890',
    '/v1/credentials': `credential_store_id=${ids['credential-stores'] ?? ''}`,
    '/v1/managed-groups': 'auth_method_id=amoidc_0000000000',
    '/v1/events': 'topic=sessions&scope_id=p_1234567890',
    '/v1/sessions': 'scope_id=p_1234567890',
    '/v1/targets': 'scope_id=p_1234567890',
  };
  return `${path}?${parents[path] ?? 'scope_id=global'}`;
}

/** Bodies that are good enough to get as far as the permission: the format is checked before it (http-api.md §1.6). */
const bodies: Readonly<Record<string, unknown>> = {
  'POST /v1/host-catalogs': { type: 'static', scope_id: 'p_1234567890', name: 'matrix' },
  'POST /v1/accounts': { auth_method_id: 'ampw_1234567890', attributes: { login_name: 'matrix' } },
  'POST /v1/accounts/{id}:change-password': {
    version: 1,
    current_password: 'wrong password',
    new_password: 'another password',
  },
  'POST /v1/auth-tokens': { type: 'api' },
  'PATCH /v1/auth-tokens/{id}': { version: 1, description: 'matrix' },
  'POST /v1/auth-tokens:exchange': { token: 'zzz' },
  'POST /v1/auth-tokens:revoke-all': { types: ['one-time'], except_current: true },
  'POST /v1/users/{id}:set-attribute': { key: 'matrix', value: 1 },
  'POST /v1/accounts/{id}:check-password': { password: 'wrong password' },
  'POST /v1/users/{id}:enroll-two-factor': { password: 'wrong password' },
  'POST /v1/users/{id}:confirm-two-factor': { code: '123456' },
  'POST /v1/users/{id}:verify-two-factor': { code: '123456' },
  'POST /v1/users/{id}:renew-recovery-codes': { password: 'wrong password', code: '123456' },
  'POST /v1/users/{id}:disable-two-factor': { password: 'wrong password', code: '123456' },
  'POST /v1/aliases': { type: 'target', scope_id: 'global', value: 'matrix.example' },
  'POST /v1/auth-methods': { type: 'password', scope_id: 'global', name: 'matrix' },
  'POST /v1/credential-libraries': { credential_store_id: 'csvlt_0000000000', name: 'matrix' },
  'POST /v1/credential-stores': { type: 'static', scope_id: 'p_1234567890', name: 'matrix' },
  'POST /v1/managed-groups': { auth_method_id: 'amoidc_0000000000', name: 'matrix' },
  'POST /v1/host-sets': { type: 'static', host_catalog_id: 'hcst_1234567890', name: 'matrix' },
  'POST /v1/hosts': {
    type: 'static',
    host_catalog_id: 'hcst_1234567890',
    attributes: { address: '127.0.0.1' },
  },
  'POST /v1/targets': {
    type: 'tcp',
    scope_id: 'p_1234567890',
    name: 'matrix',
    attributes: { default_port: 22 },
  },
  'POST /v1/scopes:destroy-key-version': { scope_id: 'global', key_version_id: 'kdkv_1234567890' },
  'POST /v1/targets/{id}:authorize-session': {},
  'POST /v1/auth-methods/{id}:authenticate': {
    attributes: { login_name: 'admin', password: 'wrong password' },
  },
};

/** Lists of add, set and remove calls, by what they change. */
const memberLists: Readonly<Record<string, Json>> = {
  members: { member_ids: ['u_1234567890'] },
  accounts: { account_ids: ['acctpw_1234567890'] },
  principals: { principal_ids: ['u_1234567890'] },
  grants: { grant_strings: ['ids=*;type=target;actions=read'] },
  'grant-scopes': { grant_scope_ids: ['this'] },
};

function bodyFor(route: Route): unknown {
  if (route.method === 'GET' || route.method === 'DELETE') return undefined;
  if (route.method === 'PATCH') return { version: 1, description: 'changed' };
  if (route.name === 'POST /v1/credentials')
    return { credential_store_id: storeId, type: 'password', attributes: { password: 'p' } };
  if (route.name === 'POST /v1/workers:create:worker-led')
    return { scope_id: 'global', worker_generated_auth_token: newApplicant().request };
  const known = bodies[route.name];
  if (known !== undefined) return known;
  if (/\}:(add|set|remove)-host-sources$/.test(route.name))
    return { version: 1, host_source_ids: ['hsst_1234567890'] };
  if (/\}:(add|set|remove)-credential-sources$/.test(route.name))
    return { version: 1, brokered_credential_source_ids: ['credup_1234567890'] };
  if (/\}:(add|set|remove)-hosts$/.test(route.name)) return { version: 1, host_ids: ['hst_1234567890'] };
  const part = /\}:(?:add|set|remove)-(.+)$/.exec(route.name)?.[1];
  const list = part === undefined ? undefined : memberLists[part];
  if (list !== undefined) return { version: 1, ...list };
  if (/\}:(add|set|remove)-worker-tags$/.test(route.name)) return { version: 1, api_tags: { matrix: ['a'] } };
  if (route.name.includes('}:')) return { version: 1 };
  return { scope_id: 'global', name: 'matrix' };
}

async function statusOf(route: Route, token: string): Promise<number> {
  const answer = await callApi(dev.address, {
    method: route.method,
    path: route.path,
    body: bodyFor(route),
    token,
  });
  return answer.status;
}

/** Calls every route with a credential, a few at a time. */
async function statuses(token: string): Promise<Map<string, number>> {
  const seen = new Map<string, number>();
  const left = [...routes];
  const next = async (): Promise<void> => {
    for (let route = left.shift(); route !== undefined; route = left.shift())
      seen.set(route.name, await statusOf(route, token));
  };
  await Promise.all(Array.from({ length: 8 }, next));
  return seen;
}

const isServed = (status: number): boolean => status < 400;

describe('every route', () => {
  test('is known, and there are many', () => {
    expect(routes.length).toBeGreaterThan(40);
    for (const name of [...publicCalls, ...userCalls])
      expect(routes.map((route) => route.name)).toContain(name);
  });

  test('is closed to callers without a credential, but for those that are public; what is no auth token is none', async () => {
    const seen = await statuses('');
    const open = [...seen].filter(([name, status]) => isServed(status) && !publicCalls.includes(name));
    expect(open).toEqual([]);
    // 404: the session, which does not exist; format and existence are checked before (http-api.md §1.6).
    const strange = [...seen].filter(
      ([name, status]) => !publicCalls.includes(name) && ![401, 403, 404, 405].includes(status),
    );
    expect(strange).toEqual([]);
    for (const [kind, text] of Object.entries(worthless)) {
      const other = [...(await statuses(text))].filter(
        ([name, status]) => seen.get(name) !== status && !name.includes(':authenticate'),
      );
      expect({ kind, other }).toEqual({ kind, other: [] });
    }
  });

  test('is closed to a user without a grant for it', async () => {
    const allowed = new Set([...publicCalls, ...userCalls]);
    const seen = await statuses(userToken);
    const open = [...seen].filter(([name, status]) => isServed(status) && !allowed.has(name));
    expect(open).toEqual([]);
    const strange = [...seen].filter(
      ([name, status]) => !allowed.has(name) && ![403, 404, 405].includes(status),
    );
    expect(strange).toEqual([]);
  });

  test('has no verbs but those it names', async () => {
    const known = new Set(routes.map((route) => route.name));
    const paths = new Map(routes.map((route) => [route.name.replace(/^[A-Z]+ /, ''), route.path]));
    const open: string[] = [];
    for (const [name, path] of paths) {
      for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']) {
        if (known.has(`${method} ${name}`)) continue;
        const route = { method, name: `${method} ${name}`, path };
        // As the administrator: even with every right there is nothing.
        const status = await statusOf({ ...route, path: path.split('?')[0] ?? path }, dev.adminToken);
        if (![400, 404, 405].includes(status)) open.push(`${method} ${path}: ${status}`);
      }
    }
    expect(open).toEqual([]);
  });
});

describe('what needs no permission shows nothing of value', () => {
  test('public answers hold names and ids only', async () => {
    for (const path of ['/v1/scopes?scope_id=global', '/v1/auth-methods?scope_id=global']) {
      const answer = await callApi(dev.address, { method: 'GET', path });
      for (const item of answer.body.items as Json[]) {
        expect(
          Object.keys(item as object).filter(
            (key) =>
              ![
                'id',
                'scope_id',
                'scope',
                'name',
                'description',
                'type',
                'is_primary',
                'primary_auth_method_id',
                'authorized_actions',
                'authorized_collection_actions',
              ].includes(key),
          ),
        ).toEqual([]);
      }
    }
  });

  test('health and metrics show no ids, names or addresses of users and targets', async () => {
    for (const path of ['/health', '/metrics']) {
      const text = await (await fetch(`http://${dev.opsAddress}${path}`)).text();
      expect(text).not.toMatch(/(u|ttcp|s|at|hst|acctpw)_[A-Za-z0-9]{10}|admin|password/);
    }
  });
});
