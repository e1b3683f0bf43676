/**
 * Every route and verb with every kind of credential of one administrator: what a token is, where it is presented and what it is cut down
 * to decide, since the grants allow everything. What is expected is computed here, from the rules of tokens.md §1.9 and §2 and the path
 * alone; the routes come from the server's own description. Which grant opens which route is permission-matrix.test.ts.
 */
import { everyActionOf, isResourceType, parentAction, resourceTypes } from '@stile/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startDevServer, type DevServer, type Json } from '../support/dev-server.ts';
import { call, type HttpAnswer } from '../support/http-client.ts';
import { LegalCalls, type LegalCall } from '../support/legal-calls.ts';
import { makeGround, ResourceWorld, worldPassword } from '../support/resource-world.ts';
import {
  isForAnonymous,
  isForAnyToken,
  isOwnersAlone,
  isTested,
  routesOf,
  type Route,
} from '../support/route-rules.ts';

/** Credentials that are none, however they came to be: the caller is anonymous (tokens.md §0 row 11). */
const deadKinds = [
  'none',
  'revoked api token',
  'revoked login in the cookie',
  'one-time token',
  'one-time token in the cookie',
  'api token in the cookie',
  'login with another secret',
  'token bound to another address',
] as const;
/** Credentials that may do whatever their user may, but for what §2.3 keeps from their kind. */
const wholeKinds = ['login in the cookie', 'web session', 'web session in the cookie', 'api token'] as const;
/** Tokens that are cut down to what the call needs, and to everything else. */
const cutKinds = [
  'its token scope',
  'every other token scope',
  'an allow list of what it touches',
  'an allow list of everything else',
] as const;
type CredentialKind =
  | (typeof deadKinds)[number]
  | (typeof wholeKinds)[number]
  | (typeof cutKinds)[number]
  | 'cookie of a foreign page';

/** How a request presents a token. */
interface Presented {
  readonly headers: Readonly<Record<string, string>>;
  /** Address that the request comes from. */
  readonly from?: string;
}

const bearer = (token: string): Presented => ({ headers: { authorization: `Bearer ${token}` } });
const cookie = (token: string, more: Readonly<Record<string, string>> = {}): Presented => ({
  headers: { cookie: `__Host-stile-session=${token}`, ...more },
});

/** §2.3: never for a restricted token. Tokens here are those of others than the caller. */
const neverRestricted: ReadonlySet<string> = new Set([
  'POST /v1/auth-tokens:revoke-all',
  'PATCH /v1/auth-tokens/{id}',
  'POST /v1/auth-tokens/{id}:rotate',
  'POST /v1/users/{id}:set-attribute',
  'POST /v1/users/{id}:reset-two-factor',
  'POST /v1/accounts/{id}:change-password',
  'POST /v1/accounts/{id}:check-password',
]);
/** §2.3 and §1.1: for a sign-in of the person alone. */
const signInAlone: ReadonlySet<string> = new Set([
  'POST /v1/auth-tokens/{id}:rotate',
  'POST /v1/users/{id}:reset-two-factor',
  'POST /v1/accounts/{id}:change-password',
]);
/** §2.3: a web session mints nothing, changes no token and sets no password. */
const neverWeb: ReadonlySet<string> = new Set([
  'POST /v1/auth-tokens',
  'PATCH /v1/auth-tokens/{id}',
  'POST /v1/accounts/{id}:set-password',
]);
/** §2.3: no token is consulted. */
const isLogin = (route: Route): boolean => route.action === 'authenticate';
/** About the caller, or the same for everybody with a token: no scope and no allow list stands in the way. */
const isOpenToTokens = (route: Route): boolean =>
  route.name === 'GET /v1/users:me' || route.name.startsWith('GET /v1/auth-tokens:token-');

/** What a route asks of a token. Ids in paths are of items, but for the keys of a scope (grants.md §3). */
function asked(route: Route): { readonly type: string; readonly action: string; readonly isItem: boolean } {
  const { type, name, isItem } = route;
  if (name === 'POST /v1/auth-tokens') return { type, action: 'create:self', isItem: false };
  if (name === 'POST /v1/auth-tokens:revoke-all') return { type, action: 'delete:self', isItem: false };
  // The sessions here are the caller's own.
  if (type === 'session' && isItem) return { type, action: `${route.action}:self`, isItem };
  const isKeyAction = type === 'scope' && route.action.includes('key');
  return { type, action: route.action, isItem: isItem && !isKeyAction };
}

/** `allowed`, the status of the refusal, or the words that a refusal must have. */
type Expected = 'allowed' | 401 | 403 | { readonly says: string };

const listRefusal = { says: 'allow list does not name' };

/** The calls to which an allow list of everything else is no obstacle: a list shows the items that are left. */
function passesOtherItems(route: Route): boolean {
  return route.action === 'list' && asked(route).type !== 'billing';
}

function expectedOfCut(route: Route, kind: (typeof cutKinds)[number]): Expected {
  if (isLogin(route) || isOpenToTokens(route)) return 'allowed';
  if (isOwnersAlone(route)) return 403;
  const { type, action } = asked(route);
  if (kind === 'every other token scope') return { says: `lacks the token scope "${type}:${action}"` };
  if (kind === 'an allow list of everything else' && !passesOtherItems(route)) return listRefusal;
  return neverRestricted.has(route.name) ? 403 : 'allowed';
}

function expected(route: Route, kind: CredentialKind): Expected {
  if ((deadKinds as readonly string[]).includes(kind)) return isForAnonymous(route) ? 'allowed' : 401;
  if (kind === 'cookie of a foreign page') return { says: 'Cross-origin request refused.' };
  const cut = cutKinds.find((each) => each === kind);
  if (cut !== undefined) return expectedOfCut(route, cut);
  if (isLogin(route)) return 'allowed';
  if (isOwnersAlone(route)) return 403;
  if (kind !== 'login in the cookie' && signInAlone.has(route.name)) return 403;
  return kind.startsWith('web') && neverWeb.has(route.name) ? 403 : 'allowed';
}

/** What is wrong with an answer; undefined when it is what the rules say. */
function fault(wanted: Expected, { status, text, json }: HttpAnswer): string | undefined {
  if (status >= 500) return `${status} ${text}`;
  const shown = `${status} ${text.slice(0, 200)}, expected ${JSON.stringify(wanted)}`;
  // A right that is there may meet a state that forbids the call, but never a refusal.
  if (wanted === 'allowed') return [401, 403, 404, 405].includes(status) ? shown : undefined;
  if (typeof wanted === 'number') return status === wanted ? undefined : shown;
  const { message } = (json ?? {}) as { readonly message?: string };
  return status === 403 && message?.includes(wanted.says) === true ? undefined : shown;
}

const idSamples: Readonly<Record<string, string>> = {
  account: 'acctpw_0therItem1',
  alias: 'alt_0therItem1',
  'auth-method': 'ampw_0therItem1',
  'auth-token': 'at_0therItem1',
  credential: 'credup_0therItem1',
  'credential-store': 'csst_0therItem1',
  group: 'g_0therItem1',
  host: 'hst_0therItem1',
  'host-catalog': 'hcst_0therItem1',
  'host-set': 'hsst_0therItem1',
  role: 'r_0therItem1',
  scope: 'p_0therItem1',
  session: 's_0therItem1',
  target: 'ttcp_0therItem1',
  user: 'u_0therItem1',
  worker: 'w_0therItem1',
};

const otherTypes = (type: string): string[] => resourceTypes.filter((each) => each !== type);

/** Every scope that does not cover an action, as few as they can be written. */
function otherScopes(type: string, action: string): string[] {
  if (!isResourceType(type)) throw new Error(`no type ${type}`);
  const covers = (each: string): boolean =>
    each === action ||
    each === parentAction(action) ||
    (each === 'read' && ['list', 'no-op', 'read:self'].includes(action));
  const own = everyActionOf(type).filter((each) => !covers(each));
  return [...own.map((each) => `${type}:${each}`), ...otherTypes(type).map((each) => `${each}:*`)];
}

/** Limits of a token for a call. */
function limitsOf(kind: (typeof cutKinds)[number], route: Route, { item }: LegalCall): Json {
  const { type, action, isItem } = asked(route);
  if (isOpenToTokens(route)) return { token_scopes: ['alias:read'], allow_list: ['alias:*'] };
  const elsewhere = otherTypes(type).map((each) => `${each}:*`);
  switch (kind) {
    case 'its token scope':
      return { token_scopes: [`${type}:${action}`] };
    case 'every other token scope':
      return { token_scopes: otherScopes(type, action) };
    case 'an allow list of what it touches':
      // Also what the body names: those are of other types.
      return {
        allow_list: [isItem && item !== undefined ? `${type}:${item.id}` : `${type}:*`, ...elsewhere],
      };
    case 'an allow list of everything else': {
      const other = idSamples[type];
      return { allow_list: [...(other === undefined ? [] : [`${type}:${other}`]), ...elsewhere] };
    }
  }
}

let dev: DevServer;
let calls: LegalCalls;
let routes: Route[];
/** What never changes in the course of the tests, by kind. */
let lasting: Readonly<Partial<Record<CredentialKind, Presented>>>;

async function must(method: string, path: string, body?: unknown): Promise<Json> {
  const answer = await dev.api(method, path, body);
  if (answer.status >= 300) throw new Error(`${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body;
}

async function login(loginName: string, authMethodId: string): Promise<string> {
  const attributes = { login_name: loginName, password: worldPassword };
  const body = await must('POST', `/v1/auth-methods/${authMethodId}:authenticate`, { attributes });
  return String(body.attributes.token);
}

async function minted(body: Json): Promise<{ readonly id: string; readonly token: string }> {
  const { id, token } = await must('POST', '/v1/auth-tokens', { type: 'api', ...body });
  return { id: String(id), token: String(token) };
}

async function makeLasting(): Promise<typeof lasting> {
  const [api, revoked, bound] = [await minted({}), await minted({}), await minted({ match_origin: true })];
  await must('POST', `/v1/auth-tokens/${revoked.id}:revoke`, {});
  const ended = await dev.login('admin', 'password');
  await must('POST', `/v1/auth-tokens/${ended.split('_').slice(0, 2).join('_')}:revoke`, {});
  // Of the other user: the calls under test may end those of the administrator.
  const theirs = await dev.login('user', 'password');
  const handOff = await dev.api('POST', '/v1/auth-tokens', { type: 'one-time', lifetime: '1h' }, theirs);
  const oneTime = String(handOff.body.token);
  const web = await minted({ type: 'web' });
  return {
    none: { headers: {} },
    'revoked api token': bearer(revoked.token),
    'revoked login in the cookie': cookie(ended),
    'one-time token': bearer(oneTime),
    'one-time token in the cookie': cookie(oneTime),
    'api token in the cookie': cookie(api.token),
    'login with another secret': bearer(`${dev.adminToken.slice(0, -8)}AAAAAAAA`),
    'token bound to another address': { ...bearer(bound.token), from: '127.0.0.2' },
    'cookie of a foreign page': cookie(web.token, {
      origin: 'https://evil.example',
      'sec-fetch-site': 'cross-site',
    }),
    'login in the cookie': cookie(dev.adminToken, { 'sec-fetch-site': 'same-origin' }),
    'web session': bearer(web.token),
    'web session in the cookie': cookie(web.token),
    'api token': bearer(api.token),
  };
}

beforeAll(async () => {
  dev = await startDevServer(['-host-address', '127.0.0.1', '-api-rate-limit-disable']);
  calls = new LegalCalls(new ResourceWorld(dev.api, await makeGround(dev.api), login));
  routes = routesOf((await dev.api('GET', '/v1/openapi.json')).body).filter(isTested);
  lasting = await makeLasting();
}, 120_000);
afterAll(() => dev?.stop());

function send({ method, path, body }: LegalCall, { headers, from }: Presented): Promise<HttpAnswer> {
  const { hostname, port } = new URL(dev.address);
  return call(
    { host: hostname, port: Number(port) },
    { method, path, headers, body, ...(from === undefined ? {} : { from }) },
  );
}

/** Routes a few at a time: each call is on a resource of its own. */
async function faultsOf(
  chosen: readonly Route[],
  faultsOfRoute: (route: Route) => Promise<readonly string[]>,
): Promise<string[]> {
  const left = [...chosen];
  const wrong: string[] = [];
  const next = async (): Promise<void> => {
    for (let route = left.shift(); route !== undefined; route = left.shift()) {
      wrong.push(...(await faultsOfRoute(route)));
    }
  };
  await Promise.all(Array.from({ length: 4 }, next));
  return wrong;
}

async function faultOf(route: Route, kind: CredentialKind, to: LegalCall, by: Presented): Promise<string[]> {
  const found = fault(expected(route, kind), await send(to, by));
  return found === undefined ? [] : [`${route.name} by ${kind}: ${found}`];
}

function presented(kind: CredentialKind): Presented {
  const found = lasting[kind];
  if (found === undefined) throw new Error(`no lasting credential ${kind}`);
  return found;
}

/** One call with a token that is made for it. */
async function faultOfCut(route: Route, kind: (typeof cutKinds)[number], to: LegalCall): Promise<string[]> {
  const { id, token } = await minted(limitsOf(kind, route, to));
  try {
    return await faultOf(route, kind, to, bearer(token));
  } finally {
    await must('DELETE', `/v1/auth-tokens/${id}`);
  }
}

async function faultsByCut(route: Route, kind: (typeof cutKinds)[number]): Promise<string[]> {
  return faultOfCut(route, kind, await calls.of(route.method, route.path));
}

async function faultsByWhole(route: Route, kind: (typeof wholeKinds)[number]): Promise<string[]> {
  return faultOf(route, kind, await calls.of(route.method, route.path), presented(kind));
}

/** Afterwards no session can be made: the other routes come before it. */
const cutsWorkersOff = 'POST /v1/workers:reinitialize-certificate-authority';
const sparesWorkers = (route: Route): boolean => route.name !== cutsWorkersOff;

describe('case 63: every route', () => {
  test('is known, and every exception named here is one of them', () => {
    const names = new Set(routes.map((route) => route.name));
    const named = [...neverRestricted, ...signInAlone, ...neverWeb];
    expect(named.filter((name) => !names.has(name))).toEqual([]);
    expect(routes.filter(isForAnyToken)).toHaveLength(5);
    expect(routes.length).toBeGreaterThan(100);
  });

  test(
    'is closed to what is no credential, and to the cookie of another page',
    { timeout: 120_000 },
    async () => {
      const wrong = await faultsOf(routes, async (route) => {
        // Refused calls change nothing: one is enough for all of them.
        const to = await calls.of(route.method, route.path);
        const faults: string[] = [];
        for (const kind of deadKinds) faults.push(...(await faultOf(route, kind, to, presented(kind))));
        // A stream stays open, though it changes nothing.
        if (route.method !== 'GET' || route.collection === 'events') {
          const kind = 'cookie of a foreign page';
          faults.push(...(await faultOf(route, kind, to, presented(kind))));
        }
        return faults;
      });
      expect(wrong).toEqual([]);
    },
  );

  test(
    'is refused by a token that is cut down to everything else, and the refusal says why',
    { timeout: 120_000 },
    async () => {
      const wrong = await faultsOf(routes, async (route) => {
        const to = await calls.of(route.method, route.path);
        return [
          ...(await faultOfCut(route, 'every other token scope', to)),
          ...(await faultOfCut(route, 'an allow list of everything else', to)),
        ];
      });
      expect(wrong).toEqual([]);
    },
  );

  const allowingCuts = ['its token scope', 'an allow list of what it touches'] as const;

  test.each(allowingCuts)(
    'works by a token that is cut down to %s, but for what no restricted one may',
    { timeout: 120_000 },
    async (kind) => {
      expect(await faultsOf(routes.filter(sparesWorkers), (route) => faultsByCut(route, kind))).toEqual([]);
    },
  );

  test.each(wholeKinds)(
    'works by this credential, but for what its kind may not: %s',
    { timeout: 120_000 },
    async (kind) => {
      expect(await faultsOf(routes.filter(sparesWorkers), (route) => faultsByWhole(route, kind))).toEqual([]);
    },
  );

  test('works so even where it cuts the workers off', { timeout: 120_000 }, async () => {
    const route = routes.find((each) => !sparesWorkers(each));
    if (route === undefined) throw new Error(`no route ${cutsWorkersOff}`);
    const wrong: string[] = [];
    for (const kind of allowingCuts) wrong.push(...(await faultsByCut(route, kind)));
    for (const kind of wholeKinds) wrong.push(...(await faultsByWhole(route, kind)));
    expect(wrong).toEqual([]);
  });
});
