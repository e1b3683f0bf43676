/**
 * Every route and verb with every kind of caller: which grant opens which route, and what keeps it shut. What `stile dev` opens as it
 * comes, and what is no credential, is route-matrix.test.ts. What is expected is computed here, from the rules of grants.md §1.4, §2.3 and §2.5 and the
 * path alone; the routes come from the server's own description, so that none can be left out.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { callApi, startDevServer, type ApiAnswer, type DevServer, type Json } from '../support/dev-server.ts';
import { LegalCalls, routeParts } from '../support/legal-calls.ts';
import { freshName, makeGround, ResourceWorld, worldPassword } from '../support/resource-world.ts';

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

/** One route as the server describes it, and what the rules make of it. */
interface Route {
  readonly method: string;
  readonly path: string;
  readonly name: string;
  readonly collection: string;
  readonly isItem: boolean;
  /** Resource type in grants. */
  readonly type: string;
  readonly action: string;
}

/** Answered alike for everybody (http-api.md §2.17): features that Stile has not, and the description of the API. */
const publicCollections: ReadonlySet<string> = new Set([
  'openapi.json',
  'policies',
  'storage-buckets',
  'session-recordings',
]);

/** Single routes that are the same for everybody, with the reason. */
const publicRoutes: Readonly<Record<string, string>> = {
  'POST /v1/scopes/{id}:attach-storage-policy': 'a feature that Stile has not',
  'POST /v1/scopes/{id}:detach-storage-policy': 'a feature that Stile has not',
  'POST /v1/scopes/{id}:set-alias-suffix': 'a feature that Stile has not',
  'POST /v1/scopes/{id}:remove-alias-suffix': 'a feature that Stile has not',
};

/** Routes that no resource can be made for here, with the reason. */
const unreachable: Readonly<Record<string, string>> = {
  'POST /v1/auth-methods/{id}:change-state': 'of OIDC only: a password method is 404 before the permission',
};

/** Collections that have no resource and no parent here: 400, 404 or 405 to everybody, as recorded. */
const emptyCollections: ReadonlySet<string> = new Set(['managed-groups', 'credential-libraries']);

/** `targets` is `target` in grants. */
function typeOf(collection: string): string {
  if (collection === 'aliases') return 'alias';
  if (collection === 'credential-libraries') return 'credential-library';
  return collection.replace(/s$/, '');
}

/** Words of a path that are another permission than their own (tokens.md §4.1, and ours). */
const otherActions: Readonly<Record<string, string>> = {
  'users disable': 'update',
  'users enable': 'update',
  'roles explain': 'list',
  'users read-two-factor': 'read',
  'users reset-two-factor': 'update',
  'accounts check-password': 'set-password',
};

/** Verbs for the user itself alone, whatever the grants (tokens.md §5.1): nobody here is the user that the path names. */
const ownVerbs: ReadonlySet<string> = new Set([
  'enroll-two-factor',
  'confirm-two-factor',
  'verify-two-factor',
  'renew-recovery-codes',
  'disable-two-factor',
]);

function actionOf(method: string, collection: string, word: string, isItem: boolean): string {
  // No grant speaks of these; the nearest one must not open them.
  if (ownVerbs.has(word)) return 'update';
  if (word !== '') return otherActions[`${collection} ${word}`] ?? word;
  if (method === 'GET') return isItem ? 'read' : 'list';
  return { POST: 'create', PATCH: 'update', DELETE: 'delete' }[method] ?? '';
}

function routesOf(document: Json): Route[] {
  return Object.entries(document.paths as Record<string, Json>).flatMap(([path, verbs]) =>
    Object.keys(verbs as object)
      .filter((verb) => ['get', 'post', 'patch', 'delete', 'put'].includes(verb))
      .map((verb) => {
        const method = verb.toUpperCase();
        const { collection, isItem, word } = routeParts(path);
        return {
          method,
          path,
          name: `${method} ${path.replace(/\{[^}]*\}/, '{id}')}`,
          collection,
          isItem,
          type: typeOf(collection),
          action: actionOf(method, collection, word, isItem),
        };
      }),
  );
}

const childTypes: Readonly<Record<string, string>> = {
  account: 'auth_method_id',
  'managed-group': 'auth_method_id',
  host: 'host_catalog_id',
  'host-set': 'host_catalog_id',
  credential: 'credential_store_id',
  'credential-library': 'credential_store_id',
};
const isCreateOrList = (action: string): boolean => /^(?:create|list)(?::|$)/.test(action);

/** The least grant that allows the call (grants.md §1.4). */
function exactGrant(route: Route, id: string, parentId: string): string {
  const { type, action } = route;
  if (route.isItem && !isCreateOrList(action)) {
    // Key actions of scopes are collection actions, whatever their path (grants.md §3).
    return type === 'scope' && action.includes('key')
      ? `ids=*;type=scope;actions=${action}`
      : `ids=${id};actions=${action}`;
  }
  if (!isCreateOrList(action)) return `ids=*;type=${type};actions=${action}`;
  return type in childTypes
    ? `ids=${parentId};type=${type};actions=${action}`
    : `type=${type};actions=${action}`;
}

/** What anonymous callers may ever do (grants.md §2.5, case 1). */
function isForAnonymous({ type, action }: Route): boolean {
  return (
    (type === 'scope' && action === 'list') ||
    (type === 'auth-method' && /^(list|authenticate)$/.test(action))
  );
}

function isOwnersAlone({ path }: Route): boolean {
  return ownVerbs.has(routeParts(path).word);
}

/** `allowed`, or the status of the refusal. */
function expected(route: Route, caller: CallerKind): 'allowed' | 401 | 403 {
  if (isOwnersAlone(route))
    return ['anonymous', 'disabled user', 'deleted token'].includes(caller) ? 401 : 403;
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
  if (caller === 'exact grant')
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

function isTested(route: Route): boolean {
  if (publicCollections.has(route.collection) || route.name in publicRoutes || route.name in unreachable)
    return false;
  return !emptyCollections.has(route.collection);
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
