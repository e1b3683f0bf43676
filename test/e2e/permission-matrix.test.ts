/**
 * Every route and verb with every kind of caller: which grant opens which route, and what keeps it shut. What `stile dev` opens as it
 * comes, and what is no credential, is route-matrix.test.ts. What is expected is computed here, from the rules of grants.md §1.4, §2.3 and §2.5 and the
 * path alone; the routes come from the server's own description, so that none can be left out.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { callApi, startDevServer, type ApiAnswer, type DevServer, type Json } from '../support/dev-server.ts';
import { LegalCalls } from '../support/legal-calls.ts';
import { freshName, makeGround, ResourceWorld, worldPassword } from '../support/resource-world.ts';
import {
  exactGrant,
  isForAnonymous,
  isForAnyToken,
  isOwnersAlone,
  isTested,
  ownVerbs,
  publicCollections,
  publicRoutes,
  routesOf,
  unreachable,
  type Route,
} from '../support/route-rules.ts';

/** Who calls. */
const callers = [
  'anonymous',
  'authenticated without grants',
  'exact grant',
  'wildcard grant',
  'grant in the wrong scope',
  'admin',
  'disabled user',
  'deleted token',
] as const;
type CallerKind = (typeof callers)[number];

/** `allowed`, or the status of the refusal. */
function expected(route: Route, caller: CallerKind): 'allowed' | 401 | 403 {
  const isNobody = ['anonymous', 'disabled user', 'deleted token'].includes(caller);
  if (isOwnersAlone(route)) return isNobody ? 401 : 403;
  if (isForAnyToken(route)) return isNobody ? 401 : 'allowed';
  if (caller === 'exact grant' || caller === 'wildcard grant' || caller === 'admin') return 'allowed';
  // The grants of u_anon are everybody's.
  if (isForAnonymous(route)) return 'allowed';
  return caller === 'authenticated without grants' || caller === 'grant in the wrong scope' ? 403 : 401;
}

let dev: DevServer;
let world: ResourceWorld;
let calls: LegalCalls;
let elsewhere: ResourceWorld;
let routes: Route[];
let grantee: { readonly token: string; readonly userId: string };
let nobody: string;
let disabled: string;
let ended: string;
/** Roles of the grantee: one that reaches everything, one that reaches another org only. */
let reaching: string;
let straying: string;

async function login(loginName: string, authMethodId: string): Promise<string> {
  const answer = await callApi(dev.address, {
    method: 'POST',
    path: `/v1/auth-methods/${authMethodId}:authenticate`,
    body: { attributes: { login_name: loginName, password: worldPassword } },
    token: '',
  });
  if (answer.status !== 200) throw new Error(`login: ${answer.status} ${JSON.stringify(answer.body)}`);
  return String(answer.body.attributes.token);
}

async function must(answer: Promise<ApiAnswer>): Promise<Json> {
  const { status, body } = await answer;
  if (status >= 300) throw new Error(`${status} ${JSON.stringify(body)}`);
  return body as Json;
}

async function newRole(
  scopeId: string,
  grantScopes: readonly string[],
  principalId: string,
): Promise<string> {
  const role = await must(dev.api('POST', '/v1/roles', { scope_id: scopeId, name: freshName('role') }));
  const id = String(role.id);
  const scoped = await must(
    dev.api('POST', `/v1/roles/${id}:set-grant-scopes`, {
      version: role.version,
      grant_scope_ids: grantScopes,
    }),
  );
  await must(
    dev.api('POST', `/v1/roles/${id}:set-principals`, {
      version: scoped.version,
      principal_ids: [principalId],
    }),
  );
  return id;
}

async function setGrants(roleId: string, grants: readonly string[]): Promise<void> {
  const role = await must(dev.api('GET', `/v1/roles/${roleId}`));
  await must(
    dev.api('POST', `/v1/roles/${roleId}:set-grants`, { version: role.version, grant_strings: grants }),
  );
}

beforeAll(async () => {
  dev = await startDevServer(['-host-address', '127.0.0.1', '-api-rate-limit-disable']);
  world = new ResourceWorld(dev.api, await makeGround(dev.api), login);
  calls = new LegalCalls(world);
  elsewhere = new ResourceWorld(dev.api, await makeGround(dev.api), login);
  const user = await world.make('users');
  grantee = { userId: user.id, token: await world.tokenOf(user.id) };
  nobody = await world.makeToken();
  ended = await world.makeToken();
  await must(dev.api('DELETE', `/v1/auth-tokens/${ended.split('_').slice(0, 2).join('_')}`));
  const off = await world.make('users');
  disabled = await world.tokenOf(off.id);
  const offRole = await newRole('global', ['this', 'descendants'], off.id);
  await setGrants(offRole, ['ids=*;type=*;actions=*']);
  reaching = await newRole('global', ['this', 'descendants'], grantee.userId);
  straying = await newRole(elsewhere.ground.orgId, ['this', 'children'], grantee.userId);
  const current = await must(dev.api('GET', `/v1/users/${off.id}`));
  await must(dev.api('POST', `/v1/users/${off.id}:disable`, { version: current.version }));
  // What stile dev gives to everybody is taken away, but for what a login needs.
  const { items } = await must(dev.api('GET', '/v1/roles?scope_id=global'));
  const authenticated = (items as Json[]).find((role) => role.name === 'Authenticated User Grants');
  await must(dev.api('DELETE', `/v1/roles/${authenticated.id}`));
  const anonymous = (items as Json[]).find((role) => role.name === 'Login Grants');
  await setGrants(String(anonymous.id), [
    'ids=*;type=scope;actions=list,no-op',
    'ids=*;type=auth-method;actions=list,authenticate',
  ]);
  routes = routesOf((await dev.api('GET', '/v1/openapi.json')).body);
}, 120_000);
afterAll(() => dev?.stop());

async function callAs(caller: CallerKind, route: Route): Promise<number> {
  const { method, path, body, item } = await calls.of(route.method, route.path);
  await setGrants(reaching, []);
  await setGrants(straying, []);
  const wildcard = `ids=*;type=${route.type};actions=*`;
  if (caller === 'exact grant' && !isForAnyToken(route))
    await setGrants(reaching, [exactGrant(route, item?.id ?? '', calls.parentOf(route.collection))]);
  if (caller === 'wildcard grant') await setGrants(reaching, [wildcard]);
  if (caller === 'grant in the wrong scope') await setGrants(straying, [wildcard]);
  const tokens: Readonly<Record<CallerKind, string>> = {
    anonymous: '',
    'authenticated without grants': nobody,
    'exact grant': grantee.token,
    'wildcard grant': grantee.token,
    'grant in the wrong scope': grantee.token,
    admin: dev.adminToken,
    'disabled user': disabled,
    'deleted token': ended,
  };
  const answer = await callApi(dev.address, { method, path, body, token: tokens[caller] });
  if (answer.status >= 500) throw new Error(`${caller}: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.status;
}

describe('every route for every kind of caller', () => {
  test('the description knows the routes, and every exception named here is one of them', () => {
    const names = new Set(routes.map((route) => route.name));
    expect(Object.keys({ ...publicRoutes, ...unreachable }).filter((name) => !names.has(name))).toEqual([]);
    expect(routes.filter(isOwnersAlone)).toHaveLength(ownVerbs.size);
    expect(routes.filter(isTested).length).toBeGreaterThan(80);
  });

  test.each(callers)('%s', { timeout: 300_000 }, async (caller) => {
    const wrong: string[] = [];
    let count = 0;
    for (const route of routes.filter(isTested)) {
      count += 1;
      const status = await callAs(caller, route);
      const wanted = expected(route, caller);
      // A right that is there may meet a state that forbids the call, but never a refusal.
      const isRight = wanted === 'allowed' ? ![401, 403, 404, 405].includes(status) : status === wanted;
      if (!isRight) wrong.push(`${route.name}: ${status}, expected ${wanted}`);
    }
    expect(wrong).toEqual([]);
    expect(count).toBe(routes.filter(isTested).length);
  });

  test(
    'whatever is granted to u_anon, nobody without a credential gets more than two lists and the login',
    { timeout: 300_000 },
    async () => {
      const types = new Set(routes.filter(isTested).map((route) => route.type));
      const role = await newRole('global', ['this', 'descendants'], 'u_anon');
      await setGrants(role, [
        'ids=*;type=*;actions=*',
        ...[...types].map((type) => `ids=*;type=${type};actions=*`),
      ]);
      const wrong: string[] = [];
      for (const route of routes.filter(isTested)) {
        const status = await callAs('anonymous', route);
        const wanted = expected(route, 'anonymous');
        if (wanted === 'allowed' ? status >= 400 : status !== wanted)
          wrong.push(`${route.name}: ${status}, expected ${wanted}`);
      }
      await must(dev.api('DELETE', `/v1/roles/${role}`));
      expect(wrong).toEqual([]);
    },
  );

  test('what is public is the same for everybody, and tells nothing', async () => {
    for (const route of routes.filter(
      (each) => publicCollections.has(each.collection) || each.name in publicRoutes,
    )) {
      const path = route.path.replace(
        /\{[^}]*\}/,
        route.collection === 'scopes' ? world.ground.projectId : 'pst_1234567890',
      );
      const answers = await Promise.all(
        ['', nobody, dev.adminToken].map((token) =>
          callApi(dev.address, {
            method: route.method,
            path,
            ...(route.method === 'GET' ? {} : { body: {} }),
            token,
          }),
        ),
      );
      expect([route.name, new Set(answers.map((answer) => answer.status)).size]).toEqual([route.name, 1]);
    }
  });
});
