/**
 * The calls that tools people already have make, in their order and with their bodies (http-api.md §5.5, §6.2): a Terraform provider that
 * applies, applies again and destroys; the first visit of a browser's admin UI; a Desktop client.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseHostPort } from '@stile/runtime';
import { startDevServer, type DevServer, type Json } from '../support/dev-server.ts';
import { call } from '../support/http-client.ts';

let dev: DevServer;
beforeAll(async () => {
  dev = await startDevServer(['-host-address', '127.0.0.1']);
});
afterAll(() => dev?.stop());

async function ask(method: string, path: string, body?: unknown): Promise<Json> {
  const answer = await dev.api(method, path, body);
  if (answer.status !== 200)
    throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body as Json;
}

/** One declared resource: what was written in the configuration, and how it is made and read. */
interface Declared {
  readonly collection: string;
  /** The attributes of the configuration, as the state holds them. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Word of a set action to the list it sets. */
  readonly sets?: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
  readonly query?: string;
  /** Not shown again. */
  readonly secrets?: Readonly<Record<string, unknown>>;
}

/** `{a: {b: 1}}` with the secrets put in. */
function withSecrets(
  config: Readonly<Record<string, unknown>>,
  secrets: Readonly<Record<string, unknown>> = {},
): object {
  const attributes = { ...(config['attributes'] as object | undefined), ...secrets };
  return Object.keys(attributes).length === 0 ? config : { ...config, attributes };
}

/** Creates, then sets each list with the version that a read gives, as the provider does. */
async function apply({ collection, config, sets = {}, query = '', secrets }: Declared): Promise<string> {
  const made = await ask('POST', `/v1/${collection}${query}`, withSecrets(config, secrets));
  for (const [word, lists] of Object.entries(sets)) {
    const { version } = await ask('GET', `/v1/${collection}/${made.id}`);
    await ask('POST', `/v1/${collection}/${made.id}:${word}`, { version, ...lists });
  }
  return String(made.id);
}

function sorted(value: unknown): unknown {
  return Array.isArray(value) ? value.map(String).toSorted() : value;
}

/** Attributes in which what is there differs from the configuration: what a second apply would change. */
async function plan(id: string, { collection, config, sets = {} }: Declared): Promise<string[]> {
  const read = await ask('GET', `/v1/${collection}/${id}`);
  const wanted: Record<string, unknown> = { ...config };
  for (const lists of Object.values(sets)) Object.assign(wanted, lists);
  const changes: string[] = [];
  for (const [name, value] of Object.entries(wanted)) {
    if (name !== 'attributes') {
      if (JSON.stringify(sorted(read[name])) !== JSON.stringify(sorted(value)))
        changes.push(`${collection}.${name}`);
      continue;
    }
    for (const [key, each] of Object.entries(value as object)) {
      if (read.attributes?.[key] !== each) changes.push(`${collection}.attributes.${key}`);
    }
  }
  return changes;
}

describe('a Terraform provider', () => {
  const state: { readonly id: string; readonly declared: Declared }[] = [];
  const add = async (declared: Declared): Promise<string> => {
    const id = await apply(declared);
    state.push({ id, declared });
    return id;
  };

  test('logs in with what it finds by itself', async () => {
    const { items } = await ask('GET', '/v1/auth-methods?scope_id=global');
    const primary = (items as Json[]).find((method) => method.is_primary === true);
    const answer = await dev.api('POST', `/v1/auth-methods/${primary.id}:authenticate`, {
      command: 'login',
      attributes: { login_name: 'admin', password: 'password' },
    });
    expect(answer.body.attributes.token).toMatch(/^at_/);
    const wrong = await dev.api('POST', `/v1/auth-methods/${primary.id}:authenticate`, {
      command: 'login',
      attributes: { login_name: 'admin', password: 'wrong' },
    });
    expect([wrong.status, wrong.body.kind]).toEqual([401, 'Unauthenticated']);
    const unknown = await dev.api('POST', '/v1/auth-methods/ampw_0000000000:authenticate', {
      command: 'login',
      attributes: { login_name: 'admin', password: 'password' },
    });
    expect([unknown.status, unknown.body.kind]).toEqual([404, 'NotFound']);
  });

  test('applies a configuration with one of everything', async () => {
    const skip = '?skip_admin_role_creation=true&skip_default_role_creation=true';
    const org = await add({
      collection: 'scopes',
      query: skip,
      config: { scope_id: 'global', name: 'tf org', description: 'made by a plan' },
    });
    const project = await add({
      collection: 'scopes',
      query: skip,
      config: { scope_id: org, name: 'tf project' },
    });
    const method = await add({
      collection: 'auth-methods',
      config: {
        scope_id: org,
        type: 'password',
        name: 'tf method',
        attributes: { min_login_name_length: 3, min_password_length: 10 },
      },
    });
    const scope = await ask('GET', `/v1/scopes/${org}`);
    await ask('PATCH', `/v1/scopes/${org}`, { version: scope.version, primary_auth_method_id: method });
    expect((await ask('GET', `/v1/auth-methods/${method}`)).is_primary).toBe(true);
    const account = await add({
      collection: 'accounts',
      config: { auth_method_id: method, type: 'password', name: 'tf', attributes: { login_name: 'tf.user' } },
      secrets: { password: 'a long password' },
    });
    const user = await add({
      collection: 'users',
      config: { scope_id: org, name: 'tf user', description: 'a person' },
      sets: { 'set-accounts': { account_ids: [account] } },
    });
    const group = await add({
      collection: 'groups',
      config: { scope_id: project, name: 'tf group' },
      sets: { 'set-members': { member_ids: [user] } },
    });
    await add({
      collection: 'roles',
      config: { scope_id: org, name: 'tf role' },
      sets: {
        'set-principals': { principal_ids: [group, user] },
        'set-grants': {
          grant_strings: [
            'ids=*;type=target;actions=read,list,authorize-session',
            'type=session;actions=list',
          ],
        },
        'set-grant-scopes': { grant_scope_ids: [project] },
      },
    });
    const catalog = await add({
      collection: 'host-catalogs',
      config: { scope_id: project, type: 'static', name: 'tf catalog' },
    });
    const host = await add({
      collection: 'hosts',
      config: {
        host_catalog_id: catalog,
        type: 'static',
        name: 'tf host',
        attributes: { address: '10.0.0.1' },
      },
    });
    const set = await add({
      collection: 'host-sets',
      config: { host_catalog_id: catalog, type: 'static', name: 'tf set' },
      sets: { 'set-hosts': { host_ids: [host] } },
    });
    const store = await add({
      collection: 'credential-stores',
      config: { scope_id: project, type: 'static', name: 'tf store' },
    });
    const credential = await add({
      collection: 'credentials',
      config: {
        credential_store_id: store,
        type: 'username_password',
        name: 'tf credential',
        attributes: { username: 'u' },
      },
      secrets: { password: 'p' },
    });
    await add({
      collection: 'credentials',
      config: { credential_store_id: store, type: 'json', name: 'tf json' },
      secrets: { object: { key: 'value' } },
    });
    // The provider leaves an unset address out of what it sends, and expects `""` back.
    const target = await add({
      collection: 'targets',
      config: {
        scope_id: project,
        type: 'tcp',
        name: 'tf target',
        session_max_seconds: 3600,
        session_connection_limit: 2,
        egress_worker_filter: '"dev" in "/tags/type"',
        attributes: { default_port: 22 },
      },
      sets: {
        'set-host-sources': { host_source_ids: [set] },
        'set-credential-sources': { brokered_credential_source_ids: [credential] },
      },
    });
    expect((await ask('GET', `/v1/targets/${target}`)).address).toBe('');
    await add({
      collection: 'aliases',
      config: { scope_id: 'global', type: 'target', value: 'tf.example.com', destination_id: target },
    });
    expect(state).toHaveLength(15);
  });

  test('finds nothing to change when it applies again', async () => {
    const changes = await Promise.all(state.map(({ id, declared }) => plan(id, declared)));
    expect(changes.flat()).toEqual([]);
  });

  test('keeps to the same HMAC of a secret, by which it sees a drift', async () => {
    const credential = state.find(({ declared }) => declared.config['name'] === 'tf credential');
    const read = (): Promise<Json> => ask('GET', `/v1/credentials/${credential?.id}`);
    const first = (await read()).attributes.password_hmac;
    expect(first).toMatch(/^[A-Za-z0-9_-]+$/);
    const { version } = await read();
    await ask('PATCH', `/v1/credentials/${credential?.id}`, { version, attributes: { password: 'p' } });
    expect((await read()).attributes.password_hmac).toBe(first);
    const again = await read();
    await ask('PATCH', `/v1/credentials/${credential?.id}`, {
      version: again.version,
      attributes: { password: 'q' },
    });
    expect((await read()).attributes.password_hmac).not.toBe(first);
  });

  test('changes what changed, clears with null, and empties lists', async () => {
    const find = (collection: string): string =>
      state.find(({ declared }) => declared.collection === collection)?.id ?? '';
    const org = await ask('GET', `/v1/scopes/${find('scopes')}`);
    const cleared = await ask('PATCH', `/v1/scopes/${org.id}`, {
      version: org.version,
      name: 'tf org 2',
      description: null,
    });
    expect([cleared.name, cleared.description]).toEqual(['tf org 2', undefined]);
    const target = await ask('GET', `/v1/targets/${find('targets')}`);
    const reset = await ask('PATCH', `/v1/targets/${target.id}`, {
      version: target.version,
      session_max_seconds: null,
      egress_worker_filter: null,
    });
    expect([reset.session_max_seconds, reset.egress_worker_filter]).toEqual([28_800, undefined]);
    const emptied = await ask('POST', `/v1/targets/${target.id}:set-host-sources`, {
      version: reset.version,
      host_source_ids: [],
    });
    expect(emptied.host_source_ids).toBeUndefined();
    const role = await ask('GET', `/v1/roles/${find('roles')}`);
    const bare = await ask('POST', `/v1/roles/${role.id}:set-grants`, {
      version: role.version,
      grant_strings: [],
    });
    expect([bare.grant_strings, bare.grants]).toEqual([undefined, undefined]);
  });

  test.each(['scopes', 'users', 'groups', 'roles', 'auth-methods'])(
    'finds one of %s by its name',
    async (collection) => {
      const name =
        collection === 'scopes'
          ? 'tf project'
          : `tf ${collection === 'auth-methods' ? 'method' : collection.slice(0, -1)}`;
      const filter = encodeURIComponent(`"/item/name" matches "${name}"`);
      const { items } = await ask('GET', `/v1/${collection}?recursive=true&scope_id=global&filter=${filter}`);
      expect(items).toHaveLength(1);
    },
  );

  test('destroys in the opposite order, and what is gone is 404', async () => {
    for (const { id, declared } of state.toReversed()) {
      const path = `/v1/${declared.collection}/${id}`;
      const answer = await dev.api('DELETE', path);
      expect([path, answer.status]).toEqual([path, declared.collection === 'auth-methods' ? 200 : 204]);
      expect([path, (await dev.api('GET', path)).status]).toEqual([path, 404]);
    }
  });
});

/** A call as a browser makes it: no content type but that of fetch, no token unless there is one. */
async function browse(
  method: string,
  path: string,
  options: { readonly token?: string; readonly body?: unknown; readonly origin?: string } = {},
): Promise<{
  readonly status: number;
  readonly body: Json;
  readonly headers: Readonly<Record<string, unknown>>;
}> {
  const answer = await call(parseHostPort(dev.address.slice('http://'.length)), {
    method,
    path,
    headers: {
      ...(options.token === undefined ? {} : { Authorization: `Bearer ${options.token}` }),
      ...(options.origin === undefined ? {} : { Origin: options.origin }),
      ...(options.body === undefined ? {} : { 'Content-Type': 'text/plain;charset=UTF-8' }),
    },
    ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
  });
  return { status: answer.status, body: answer.json as Json, headers: answer.headers };
}

/** The lists that both graphical clients make have `authorized_actions`, and the filter over them works. */
async function methodsToLogIn(origin?: string): Promise<Json[]> {
  const filter = encodeURIComponent('("authenticate" in "/item/authorized_actions")');
  const found = await browse(
    'GET',
    `/v1/auth-methods?filter=${filter}&recursive=true&scope_id=global&query[x]=1`,
    origin === undefined ? {} : { origin },
  );
  expect(found.status).toBe(200);
  return found.body.items as Json[];
}

describe('an admin UI in a browser', () => {
  test('from the first visit through the login to the sign-out', async () => {
    expect((await browse('GET', '/v1/scopes/global')).status).toBe(401);
    const scopes = await browse('GET', '/v1/scopes?scope_id=global');
    expect([scopes.status, scopes.body.response_type]).toEqual([200, 'complete']);
    const [method] = await methodsToLogIn();
    const login = await browse('POST', `/v1/auth-methods/${method.id}:authenticate`, {
      body: { command: 'login', type: null, attributes: { login_name: 'admin', password: 'password' } },
    });
    expect([login.status, login.body.attributes.scope.type]).toEqual([200, 'global']);
    const { token, id, account_id: accountId } = login.body.attributes as Record<string, string>;
    const account = await browse('GET', `/v1/accounts/${accountId}`, { token: token ?? '' });
    expect(account.body.attributes.login_name).toBe('admin');
    expect(
      (await browse('GET', '/v1/scopes/global', { token: token ?? '' })).body.authorized_collection_actions
        .users,
    ).toEqual(['create', 'list']);
    expect((await browse('GET', `/v1/auth-tokens/${id}`, { token: token ?? '' })).status).toBe(200);
    expect((await browse('DELETE', `/v1/auth-tokens/${id}`, { token: token ?? '' })).status).toBe(204);
    expect((await browse('GET', `/v1/auth-tokens/${id}`, { token: token ?? '' })).status).toBe(404);
    expect((await browse('GET', '/v1/scopes?scope_id=global', { token: token ?? '' })).status).toBe(200);
  });
});

describe('a Desktop client', () => {
  const origin = 'serve://boundary';

  test('accepts the address, logs in, and lists what it shows', async () => {
    const preflight = await call(parseHostPort(dev.address.slice('http://'.length)), {
      method: 'OPTIONS',
      path: '/v1/scopes',
      headers: {
        Origin: origin,
        'Access-Control-Request-Method': 'GET',
        'Access-Control-Request-Headers': 'authorization',
      },
    });
    expect(preflight.status).toBe(204);
    expect((await browse('GET', '/v1/scopes', { origin })).status).toBe(200);
    const first = await browse('GET', '/v1/scopes?page_size=1', { origin });
    expect(['delta', 'complete']).toContain(first.body.response_type);
    const [method] = await methodsToLogIn(origin);
    const login = await browse('POST', `/v1/auth-methods/${method.id}:authenticate`, {
      origin,
      body: { command: 'login', attributes: { login_name: 'user', password: 'password' } },
    });
    const { token = '', id = '', user_id: userId = '' } = login.body.attributes as Record<string, string>;
    expect(token).toMatch(/^[A-Za-z0-9_]*$/);
    expect((await browse('GET', `/v1/auth-tokens/${id}`, { token, origin })).body.user_id).toBe(userId);
    const filter = encodeURIComponent('("/item/type" == "project")');
    const projects = await browse('GET', `/v1/scopes?filter=${filter}&recursive=true&scope_id=global`, {
      token,
      origin,
    });
    expect((projects.body.items as Json[]).map((item) => item.id)).toContain('p_1234567890');
    const lists = [
      `/v1/users/${userId}:list-resolvable-aliases?recursive=true`,
      '/v1/targets?recursive=true&scope_id=global',
      '/v1/sessions?include_terminated=true&recursive=true&scope_id=global',
    ];
    for (const path of lists) {
      const list = await browse('GET', path, { token, origin });
      expect([path, list.status, list.body.response_type]).toEqual([path, 200, 'complete']);
    }
    const inOrg = encodeURIComponent('"/item/scope/parent_scope_id" == "o_1234567890"');
    const targets = await browse('GET', `/v1/targets?recursive=true&scope_id=o_1234567890&filter=${inOrg}`, {
      token,
      origin,
    });
    expect((targets.body.items as Json[]).length).toBeGreaterThan(0);
  });
});
