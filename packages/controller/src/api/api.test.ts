/** The API of a real controller where the record says nothing: hostile input, cookies, fields, refreshes, limits. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRole } from '../iam/role-repository.ts';
import { startTestController, type TestController } from '../../../../test/support/controller.ts';
import { call, type HttpAnswer } from '../../../../test/support/http-client.ts';

let stile: TestController;
beforeAll(async () => {
  stile = await startTestController();
  await stile.addLiveWorker();
});
afterAll(() => stile.stop());

type Json = Readonly<Record<string, unknown>>;
const asAdmin = (method: string, path: string, body?: unknown): Promise<HttpAnswer> =>
  stile.send(method, path, body, stile.admin);
const jsonOf = (answer: HttpAnswer): Json => answer.json as Json;
const textOf = (answer: HttpAnswer, key: string): string => String(jsonOf(answer)[key]);
const itemsOf = (answer: HttpAnswer): readonly Json[] => (jsonOf(answer)['items'] ?? []) as readonly Json[];
const fieldsOf = (answer: HttpAnswer): readonly string[] => {
  const details = jsonOf(answer)['details'] as { request_fields?: { name: string }[] } | undefined;
  return (details?.request_fields ?? []).map((field) => field.name);
};

let made = 0;
const newTarget = async (more: Json = {}): Promise<Json> => {
  made += 1;
  const answer = await asAdmin('POST', '/v1/targets', {
    scope_id: 'p_1234567890',
    type: 'tcp',
    name: `made ${made}`,
    attributes: { default_port: 22 },
    ...more,
  });
  expect(answer.status).toBe(200);
  return jsonOf(answer);
};

/** One value of every JSON type, and odd ones, as the text of a body would have them. */
const values = [
  'null',
  'true',
  '0',
  '-1',
  '1.5',
  '1e999',
  '12345678901234567890',
  '""',
  '"x"',
  '"\\u0000"',
  '"\\ud800"',
  '"\\u202e"',
  `"${'x'.repeat(70_000)}"`,
  '[]',
  '[1]',
  '["a",null]',
  '[["ttcp_1234567890"]]',
  `[${'"hsst_1234567890",'.repeat(12_000)}"x"]`,
  '{}',
  '{"a":{"b":{"c":[]}}}',
  '{"__proto__":{"scope_id":"p_1234567890"}}',
  '{"constructor":{"prototype":{"x":1}}}',
];

const fieldNames = [
  'id',
  'scope_id',
  'scope',
  'name',
  'description',
  'created_time',
  'version',
  'type',
  'token_type',
  'command',
  'attributes',
  'address',
  'session_max_seconds',
  'session_connection_limit',
  'worker_filter',
  'egress_worker_filter',
  'session_lease',
  'with_aliases',
  'host_catalog_id',
  'host_id',
  'host_ids',
  'host_source_ids',
  'scope_name',
  'preferred_endpoints',
  'worker_generated_auth_token',
  '__proto__',
];

describe('hostile bodies never make the controller fail', () => {
  test.each([
    ['POST', '/v1/targets'],
    ['PATCH', '/v1/targets/ttcp_1234567890'],
    ['POST', '/v1/targets/ttcp_0987654321:add-host-sources'],
    ['POST', '/v1/targets/ttcp_0987654321:set-host-sources'],
    ['POST', '/v1/targets/ttcp_1234567890:authorize-session'],
    ['POST', '/v1/host-catalogs'],
    ['PATCH', '/v1/host-catalogs/hcst_1234567890'],
    ['POST', '/v1/hosts'],
    ['PATCH', '/v1/hosts/hst_1234567890'],
    ['POST', '/v1/host-sets'],
    ['POST', '/v1/host-sets/hsst_1234567890:remove-hosts'],
    ['POST', '/v1/sessions/s_0000000000:cancel'],
    ['POST', '/v1/workers:create:controller-led'],
    ['POST', '/v1/workers:create:worker-led'],
    ['POST', '/v1/auth-methods/ampw_1234567890:authenticate'],
  ])(
    '%s %s with any value in any field',
    async (method, path) => {
      for (const name of fieldNames) {
        const bodies = values.map((value) => Buffer.from(`{"version":1,"${name}":${value}}`));
        const answers = await Promise.all(bodies.map((body) => asAdmin(method, path, body)));
        const failed = answers.filter((answer) => answer.status >= 500);
        expect(failed.map((answer) => `${name}: ${answer.text}`)).toEqual([]);
      }
    },
    60_000,
  );
});

describe('hostile queries and paths', () => {
  const many = Array.from({ length: 10_000 }, (_, at) => `"/item/name" == "n${at}"`).join(' or ');
  test.each([
    ['filter of 10,000 terms', `filter=${encodeURIComponent(many).slice(0, 15_000)}`],
    ['filter nested deep', `filter=${'('.repeat(5000)}`],
    ['filter with a slow expression', `filter=${encodeURIComponent('"/item/name" matches "(a+)+$"')}`],
    ['filter that is no text', 'filter=%00%ff%fe'],
    ['repeated filter', 'filter=a&filter=b'],
    ['repeated scope', 'scope_id=global'],
    ['list token of another kind', 'list_token=at_1234567890_s1abc'],
    ['page size as an object', 'page_size[a]=1'],
    ['prototype as a key', '__proto__[x]=1&constructor=2'],
  ])('%s is answered below 500', async (_what, query) => {
    const answer = await asAdmin('GET', `/v1/targets?scope_id=p_1234567890&${query}`);
    expect([200, 400, 414, 431]).toContain(answer.status);
  });

  test('unknown query parameters are ignored, as browsers send some', async () => {
    const answer = await asAdmin(
      'GET',
      '/v1/targets?scope_id=p_1234567890&query[filters][a]=b&force_refresh=x',
    );
    expect(answer.status).toBe(200);
  });

  test.each([
    '%00',
    'ttcp_%00',
    'ttcp_1234567890%0a',
    '..%2f..%2fetc',
    'ttcp_1234567890%20',
    '%F0%9F%92%A9',
    'a'.repeat(7000),
  ])('the id %s is refused or not found', async (id) => {
    for (const [method, suffix] of [
      ['GET', ''],
      ['PATCH', ''],
      ['DELETE', ''],
      ['POST', ':authorize-session'],
      ['POST', ':set-host-sources'],
    ] as const) {
      const answer = await asAdmin(
        method,
        `/v1/targets/${id}${suffix}`,
        method === 'GET' ? undefined : { version: 1, name: 'x' },
      );
      expect([400, 404]).toContain(answer.status);
    }
  });
});

describe('login', () => {
  const login = (body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<HttpAnswer> =>
    call(stile.api, { method: 'POST', path: '/v1/auth-methods/ampw_1234567890:authenticate', headers, body });
  const good = { attributes: { login_name: 'user', password: 'password' } };

  test('with type cookie the halves of the token come as cookies, which then act', async () => {
    const answer = await login({ ...good, type: 'cookie' });
    const [script = '', http = ''] = answer.headers['set-cookie'] ?? [];
    expect(script).toMatch(/^wt-js-token-cookie=at_[^;]+; Path=\/; Secure$/);
    expect(http).toMatch(/^wt-http-token-cookie=[^;]+; Path=\/; HttpOnly; Secure$/);
    expect(answer.text).not.toContain('"token"');
    const cookie = `${script.split(';', 1)[0] ?? ''}; ${http.split(';', 1)[0] ?? ''}`;
    const read = await call(stile.api, { path: '/v1/accounts/acctpw_0987654321', headers: { cookie } });
    expect(read.status).toBe(200);
  });

  test('cookies are not given to a page of another origin', async () => {
    const answer = await login(
      { ...good, type: 'cookie' },
      { 'sec-fetch-site': 'cross-site', origin: 'https://evil' },
    );
    expect(answer).toMatchObject({ status: 403, json: { message: 'Cross-origin request refused.' } });
    expect(answer.headers['set-cookie']).toBeUndefined();
  });

  test('guessing is slowed down: 429 with Retry-After, on an account of its own', async () => {
    const guess = { attributes: { login_name: 'nobody', password: 'x' } };
    const answers: HttpAnswer[] = [];
    for (let at = 0; at < 60 && answers.at(-1)?.status !== 429; at += 1) answers.push(await login(guess));
    expect(answers[0]).toMatchObject({ status: 401, json: { message: 'Unable to authenticate.' } });
    const last = answers.at(-1);
    expect(last?.status).toBe(429);
    expect(Number(last?.headers['retry-after'])).toBeGreaterThan(0);
  }, 60_000);
});

describe('what a caller sees', () => {
  test('output_fields of a grant narrow the answer, in reads and in lists', async () => {
    const target = await newTarget({ address: '10.0.0.1' });
    await stile.controller.parts.database.write((tx) =>
      createRole(tx, {
        scopeId: 'p_1234567890',
        name: 'narrow',
        grants: [`ids=${String(target['id'])};actions=read;output_fields=id,name`],
        principalIds: ['u_0987654321'],
        nowUs: 1,
      } as Parameters<typeof createRole>[1]),
    );
    const read = await stile.send('GET', `/v1/targets/${String(target['id'])}`, undefined, stile.user);
    expect(Object.keys(jsonOf(read)).sort()).toEqual(['id', 'name']);
  });

  test('an anonymous caller of a recursive list without any grant gets 403', async () => {
    const answer = await stile.send('GET', '/v1/targets?scope_id=global&recursive=true');
    expect(answer).toMatchObject({ status: 403, json: { kind: 'PermissionDenied', message: 'Forbidden.' } });
  });

  test('a user lists only its own auth tokens', async () => {
    const answer = await stile.send('GET', '/v1/auth-tokens?scope_id=global', undefined, stile.user);
    expect(answer.status).toBe(200);
    expect(new Set(itemsOf(answer).map((item) => item['user_id']))).toEqual(new Set(['u_0987654321']));
  });
});

describe('targets', () => {
  test('a session lease is shown when it is not the default', async () => {
    expect(await newTarget()).not.toHaveProperty('session_lease');
    expect(await newTarget({ session_lease: 'strict' })).toMatchObject({ session_lease: 'strict' });
  });

  test('1.2 MiB of an unknown key is accepted', async () => {
    expect(await newTarget({ zzz: 'x'.repeat(1_200_000) })).toMatchObject({ version: 1 });
  });

  test('a host set of another project cannot be attached', async () => {
    const { database, clock } = stile.controller.parts;
    const { createScope } = await import('../iam/scope-repository.ts');
    const project = await database.write((tx) =>
      createScope(tx, { parentId: 'o_1234567890', type: 'project', name: 'other', nowUs: clock.nowUs() }),
    );
    const catalog = await asAdmin('POST', '/v1/host-catalogs', { scope_id: project.id, type: 'static' });
    const set = await asAdmin('POST', '/v1/host-sets', { host_catalog_id: textOf(catalog, 'id') });
    const target = await newTarget();
    const answer = await asAdmin('POST', `/v1/targets/${String(target['id'])}:add-host-sources`, {
      version: 1,
      host_source_ids: [textOf(set, 'id')],
    });
    expect(answer.status).toBe(400);
    expect(fieldsOf(answer)).toEqual(['host_source_ids']);
  });

  test('the same name twice in a project is refused with the recorded text', async () => {
    const target = await newTarget();
    const answer = await asAdmin('POST', '/v1/targets', {
      scope_id: 'p_1234567890',
      type: 'tcp',
      name: target['name'],
      attributes: { default_port: 22 },
    });
    expect(answer).toMatchObject({
      status: 400,
      json: {
        kind: 'InvalidArgument',
        message:
          'Invalid request.  Request attempted to make second resource with the same field value that must be unique.',
      },
    });
  });

  test('a wrong version is 404 in the words of PATCH', async () => {
    const answer = await asAdmin('PATCH', '/v1/targets/ttcp_1234567890', { version: 99, description: 'x' });
    expect(answer).toMatchObject({
      status: 404,
      json: { message: 'Target "ttcp_1234567890" not found or incorrect version provided.' },
    });
  });

  test('clearing a value with a default brings the default back', async () => {
    const target = await newTarget({ session_max_seconds: 60, session_connection_limit: 3 });
    const answer = await asAdmin('PATCH', `/v1/targets/${String(target['id'])}`, {
      version: 1,
      session_max_seconds: null,
      session_connection_limit: null,
    });
    expect(jsonOf(answer)).toMatchObject({
      session_max_seconds: 28_800,
      session_connection_limit: -1,
      version: 2,
    });
  });
});

describe('sessions', () => {
  const authorize = async (id: string): Promise<string> =>
    textOf(await asAdmin('POST', `/v1/targets/${id}:authorize-session`, {}), 'session_id');

  test('a cancel says what the workers confirmed, and the session has terminated with a truthful reason', async () => {
    const id = await authorize('ttcp_1234567890');
    const canceled = await asAdmin('POST', `/v1/sessions/${id}:cancel`, { version: 1 });
    expect(jsonOf(canceled)).toMatchObject({
      status: 'canceling',
      version: 2,
      revocation: { workers: 0, workers_confirmed: 0 },
    });
    const read = await asAdmin('GET', `/v1/sessions/${id}`);
    expect(jsonOf(read)).toMatchObject({
      status: 'terminated',
      termination_reason: 'canceled',
      end_reason: 'canceled',
      ended_by: 'u_1234567890',
    });
    const states = jsonOf(read)['states'] as readonly Json[];
    expect(states.map((state) => state['status'])).toEqual(['terminated', 'canceling', 'pending']);
  });

  test('deleting the target ends its sessions and says so', async () => {
    const target = await newTarget({ address: '127.0.0.1' });
    const id = await authorize(String(target['id']));
    expect((await asAdmin('DELETE', `/v1/targets/${String(target['id'])}`)).status).toBe(204);
    expect(jsonOf(await asAdmin('GET', `/v1/sessions/${id}`))).toMatchObject({
      end_reason: 'target deleted',
    });
  });

  test('logging out ends the sessions of the token', async () => {
    const token = await stile.login('user', 'password');
    const answer = await stile.send('POST', '/v1/targets/ttcp_1234567890:authorize-session', {}, token);
    const tokenId = token.split('_').slice(0, 2).join('_');
    expect((await stile.send('DELETE', `/v1/auth-tokens/${tokenId}`, undefined, token)).status).toBe(204);
    expect(jsonOf(await asAdmin('GET', `/v1/sessions/${textOf(answer, 'session_id')}`))).toMatchObject({
      end_reason: 'token revoked',
    });
    expect((await stile.send('GET', '/v1/targets?scope_id=p_1234567890', undefined, token)).status).toBe(401);
  });

  test('a refresh of a list without terminated ones tells which have ended', async () => {
    const id = await authorize('ttcp_1234567890');
    const first = await asAdmin('GET', '/v1/sessions?scope_id=p_1234567890');
    expect(itemsOf(first).map((item) => item['id'])).toContain(id);
    await asAdmin('POST', `/v1/sessions/${id}:cancel`, { version: 1 });
    const token = encodeURIComponent(textOf(first, 'list_token'));
    const refresh = await asAdmin('GET', `/v1/sessions?scope_id=p_1234567890&list_token=${token}`);
    expect(jsonOf(refresh)['removed_ids']).toContain(id);
    expect(itemsOf(refresh).map((item) => item['id'])).not.toContain(id);
  });
});

describe('lists', () => {
  test('pages cover every target once, with an estimate, and a token of one user is none of another with other grants', async () => {
    for (let at = 0; at < 7; at += 1) await newTarget();
    const all = itemsOf(await asAdmin('GET', '/v1/targets?scope_id=p_1234567890')).map((item) => item['id']);
    const seen: unknown[] = [];
    let token = '';
    let pages = 0;
    do {
      const answer = await asAdmin(
        'GET',
        `/v1/targets?scope_id=p_1234567890&page_size=3&list_token=${token}`,
      );
      seen.push(...itemsOf(answer).map((item) => item['id']));
      expect(jsonOf(answer)['est_item_count']).toBe(all.length);
      token = jsonOf(answer)['response_type'] === 'delta' ? textOf(answer, 'list_token') : '';
      pages += 1;
      if (pages === 1) {
        const stolen = await stile.send(
          'GET',
          `/v1/targets?scope_id=p_1234567890&list_token=${token}`,
          undefined,
          stile.user,
        );
        expect(stolen).toMatchObject({
          status: 400,
          json: { kind: 'invalid list token', op: 'listtoken.Validate' },
        });
      }
    } while (token !== '');
    expect(seen).toEqual(all);
  });

  test('deleted targets come as removed ids', async () => {
    const target = await newTarget();
    const first = await asAdmin('GET', '/v1/targets?scope_id=p_1234567890');
    await asAdmin('DELETE', `/v1/targets/${String(target['id'])}`);
    const token = encodeURIComponent(textOf(first, 'list_token'));
    const refresh = await asAdmin('GET', `/v1/targets?scope_id=p_1234567890&list_token=${token}`);
    expect(jsonOf(refresh)).toMatchObject({ sort_by: 'updated_time' });
    expect(jsonOf(refresh)['removed_ids']).toContain(target['id']);
  });
});

describe('workers', () => {
  test('a controller-led worker shows its activation token once', async () => {
    const answer = await asAdmin('POST', '/v1/workers:create:controller-led', {
      scope_id: 'global',
      name: 'w one',
    });
    expect(jsonOf(answer)).toMatchObject({ name: 'w one', type: 'pki', active_connection_count: 0 });
    expect(textOf(answer, 'controller_generated_activation_token').length).toBeGreaterThan(40);
    const read = await asAdmin('GET', `/v1/workers/${textOf(answer, 'id')}`);
    expect(jsonOf(read)).not.toHaveProperty('controller_generated_activation_token');
  });

  test.each([
    [{ name: 'x' }, 'scope_id'],
    [{ scope_id: 'o_1234567890' }, 'scope_id'],
    [{ scope_id: 'global', name: 'Upper' }, 'name'],
  ])('%j is refused at %s', async (body, field) => {
    const answer = await asAdmin('POST', '/v1/workers:create:controller-led', body);
    expect(answer.status).toBe(400);
    expect(fieldsOf(answer)).toEqual([field]);
  });
});

describe('without a live worker', () => {
  test('authorize-session is 503 Unavailable', async () => {
    const other = await startTestController();
    try {
      const answer = await other.send(
        'POST',
        '/v1/targets/ttcp_1234567890:authorize-session',
        {},
        other.admin,
      );
      expect(answer).toMatchObject({ status: 503, json: { kind: 'Unavailable' } });
    } finally {
      await other.stop();
    }
  });
});

describe('the OpenAPI document', () => {
  test('is served to everybody and has every route with its permission', async () => {
    const answer = await stile.send('GET', '/v1/openapi.json');
    const document = answer.json as { openapi: string; paths: Record<string, Record<string, Json>> };
    expect(document.openapi).toBe('3.1.0');
    expect(document.paths['/v1/targets/{id}:authorize-session']?.['post']).toMatchObject({
      'x-permission': 'type=target;actions=authorize-session',
    });
    const operations = Object.values(document.paths).flatMap((path) => Object.values(path));
    for (const each of operations) expect('x-permission' in each || 'security' in each).toBe(true);
    expect(operations.length).toBeGreaterThan(60);
  });
});
