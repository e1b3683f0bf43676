/** What auth tokens with token scopes and allow lists may and may not, over HTTP on a real controller (tokens.md §2, §6). */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestController, type TestController } from '../../../../test/support/controller.ts';
import type { HttpAnswer } from '../../../../test/support/http-client.ts';

type Json = Readonly<Record<string, unknown>>;

let stile: TestController;
/** A target of the first project, and the one that no allow list here names. */
const [targetA, targetB] = ['ttcp_1234567890', 'ttcp_0987654321'];
const wider = 'An auth token cannot mint one wider than itself.';
const notNamed = "Forbidden. This auth token's allow list does not name this resource.";

beforeAll(async () => {
  stile = await startTestController();
  await stile.addLiveWorker();
});
afterAll(() => stile.stop());

const asAdmin = (method: string, path: string, body?: unknown): Promise<HttpAnswer> =>
  stile.send(method, path, body, stile.admin);
const jsonOf = (answer: HttpAnswer): Json => answer.json as Json;
const textOf = (answer: HttpAnswer, key: string): string => String(jsonOf(answer)[key]);
const itemsOf = (answer: HttpAnswer): readonly Json[] => (jsonOf(answer)['items'] ?? []) as readonly Json[];
const idsOf = (answer: HttpAnswer): string[] => itemsOf(answer).map((item) => String(item['id']));
function fieldsOf(answer: HttpAnswer): readonly string[] {
  const details = jsonOf(answer)['details'] as { request_fields?: { name: string }[] } | undefined;
  return (details?.request_fields ?? []).map((field) => field.name);
}

interface Minted {
  readonly id: string;
  readonly token: string;
  readonly version: number;
  readonly body: Json;
}

async function must(answer: Promise<HttpAnswer>): Promise<HttpAnswer> {
  const done = await answer;
  if (done.status >= 300) throw new Error(`${done.status} ${done.text}`);
  return done;
}

function mintedOf(answer: HttpAnswer): Minted {
  return {
    id: textOf(answer, 'id'),
    token: textOf(answer, 'token'),
    version: Number(jsonOf(answer)['version']),
    body: jsonOf(answer),
  };
}

const tryMint = (body: Json, by: string = stile.admin): Promise<HttpAnswer> =>
  stile.send('POST', '/v1/auth-tokens', { type: 'api', ...body }, by);
const mint = async (body: Json, by?: string): Promise<Minted> => mintedOf(await must(tryMint(body, by)));

/** Ids of every token that is kept, ended ones too. */
async function allTokens(): Promise<ReadonlySet<string>> {
  const path = '/v1/auth-tokens?scope_id=global&recursive=true&include_expired=true&page_size=1000';
  return new Set(idsOf(await must(asAdmin('GET', path))));
}

/** What was minted by a call. */
async function newTokens(call: () => Promise<unknown>): Promise<string[]> {
  const before = await allTokens();
  await call();
  return [...(await allTokens())].filter((id) => !before.has(id));
}

let made = 0;
async function created(path: string, body: Json): Promise<string> {
  made += 1;
  return textOf(await must(asAdmin('POST', path, { name: `made-${made}`, ...body })), 'id');
}

describe('minting from a token', () => {
  test('case 1: a token without auth-token:create:self mints nothing', async () => {
    const parent = await mint({ token_scopes: ['target:read'] });
    let refused: HttpAnswer | undefined;
    expect(await newTokens(async () => (refused = await tryMint({}, parent.token)))).toEqual([]);
    expect(refused?.status).toBe(403);
    expect(refused?.json).toMatchObject({
      kind: 'PermissionDenied',
      message: 'Forbidden. This auth token lacks the token scope "auth-token:create:self".',
    });
  });

  const narrow = { token_scopes: ['auth-token:create:self', 'target:read'] };

  test.each([
    ['token_scopes', { token_scopes: ['*'] }],
    ['token_scopes', { token_scopes: ['all'] }],
    ['token_scopes', { token_scopes: ['target:*'] }],
    ['token_scopes', { token_scopes: ['target:read', 'role:read'] }],
    ['token_scopes', { token_scopes: ['*:read'] }],
    ['token_scopes', { token_scopes: ['auth-token:create'] }],
    ['token_scopes', { token_scopes: ['stile:connect'] }],
    ['allow_list', { allow_list: ['*'] }],
    ['allow_list', { allow_list: ['target:*'] }],
    ['allow_list', { allow_list: [`target:${targetB}`] }],
    ['expiration_time', { lifetime: '2h' }],
    ['expiration_time', { time_to_live_seconds: 3700 }],
    ['match_origin', { match_origin: false }],
  ])('case 2: it mints none that is wider in %s: %j', async (field, wide) => {
    const parent = await mint({
      ...narrow,
      allow_list: ['auth-token:*', `target:${targetA}`],
      lifetime: '1h',
      match_origin: true,
    });
    let refused: HttpAnswer | undefined;
    expect(await newTokens(async () => (refused = await tryMint(wide, parent.token)))).toEqual([]);
    expect(refused?.status).toBe(403);
    expect(refused?.json).toMatchObject({ kind: 'PermissionDenied', message: wider });
    expect(refused === undefined ? [] : fieldsOf(refused)).toEqual([field]);
  });

  test('case 3: it mints itself again, and narrower ones, which end no later', async () => {
    const limits = { ...narrow, allow_list: ['auth-token:*', `target:${targetA}`], match_origin: true };
    const parent = await mint({ ...limits, lifetime: '1h' });
    const parentEnd = Date.parse(String(parent.body['expiration_time']));
    for (const asked of [{}, limits, { ...limits, time_to_live_seconds: null }]) {
      const child = await mint(asked, parent.token);
      expect(child.body).toMatchObject({
        token_scopes: limits.token_scopes,
        allow_list: limits.allow_list,
        match_origin: true,
        parent_auth_token_id: parent.id,
        user_id: 'u_1234567890',
      });
      expect(Date.parse(String(child.body['expiration_time']))).toBeLessThanOrEqual(parentEnd);
    }
    const narrower = await mint(
      { token_scopes: ['target:list'], allow_list: [`target:${targetA}`], lifetime: '10m' },
      parent.token,
    );
    expect(narrower.body).toMatchObject({ token_scopes: ['target:list'], match_origin: true });
    const above = (await tryMint({}, narrower.token)).json;
    expect(above).toMatchObject({ kind: 'PermissionDenied' });
  });

  test('an unrestricted API token, too, hands on no longer life than its own', async () => {
    const parent = await mint({ lifetime: '1h' });
    const late = await tryMint({ lifetime: '2h' }, parent.token);
    expect([late.status, fieldsOf(late)]).toEqual([403, ['expiration_time']]);
    const child = await mint({}, parent.token);
    expect(String(child.body['expiration_time']) <= String(parent.body['expiration_time'])).toBe(true);
  });

  test('an API token makes no one-time token: its exchange would be a sign-in, which may do more', async () => {
    const parent = await mint({});
    const refused = await tryMint({ type: 'one-time' }, parent.token);
    expect(refused.status).toBe(403);
    expect(textOf(refused, 'message')).toContain('"api" cannot mint a one-time token');
  });
});

describe('exchange, change and rotation', () => {
  test('case 4: a restricted one-time token becomes a login with the same limits', async () => {
    const limits = { token_scopes: ['target:read'], allow_list: [`target:${targetA}`] };
    const handOff = await mint({ type: 'one-time', ...limits });
    const login = await must(stile.send('POST', '/v1/auth-tokens:exchange', { token: handOff.token }));
    const { token } = (jsonOf(login) as { attributes: { token: string } }).attributes;
    const me = jsonOf(await must(stile.send('GET', '/v1/users:me', undefined, token)));
    expect(me['auth_token']).toMatchObject({ type: 'login', ...limits });
    expect((await stile.send('GET', `/v1/targets/${targetA}`, undefined, token)).status).toBe(200);
    expect((await stile.send('GET', `/v1/targets/${targetB}`, undefined, token)).status).toBe(403);
    expect((await tryMint({}, token)).status).toBe(403);
  });

  test('case 4: a restricted token that changes or rotates itself stays as narrow', async () => {
    const limits = { token_scopes: ['auth-token:read', 'auth-token:update:self', 'target:read'] };
    const self = await mint(limits);
    const path = `/v1/auth-tokens/${self.id}`;
    const patch = (change: Json, token = self.token): Promise<HttpAnswer> =>
      stile.send('PATCH', path, { version: self.version, ...change }, token);
    for (const scopes of [['*'], ['target:*'], [...limits.token_scopes, 'role:read']]) {
      const refused = await patch({ token_scopes: scopes });
      expect([refused.status, fieldsOf(refused)]).toEqual([403, ['token_scopes']]);
    }
    const later = await patch({ expiration_time: '2090-01-01T00:00:00Z' });
    expect([later.status, fieldsOf(later)]).toEqual([403, ['expiration_time']]);
    // Its administrator may not widen it either.
    expect((await patch({ token_scopes: ['*'] }, stile.admin)).status).toBe(403);

    const rotated = mintedOf(
      await must(stile.send('POST', `${path}:rotate`, { version: self.version }, self.token)),
    );
    expect(rotated.body).toMatchObject({ id: self.id, ...limits });
    expect(rotated.body['expiration_time']).toBe(self.body['expiration_time']);
    expect((await stile.send('GET', `/v1/targets/${targetA}`, undefined, self.token)).status).toBe(401);
    expect((await stile.send('GET', `/v1/targets/${targetA}`, undefined, rotated.token)).status).toBe(200);
    expect((await stile.send('DELETE', `/v1/targets/${targetA}`, undefined, rotated.token)).status).toBe(403);
    const narrowed = await must(
      stile.send('PATCH', path, { version: rotated.version, token_scopes: ['target:read'] }, rotated.token),
    );
    expect(jsonOf(narrowed)['token_scopes']).toEqual(['target:read']);
    const late = await stile.send('POST', `${path}:rotate`, { version: 3 }, rotated.token);
    expect([late.status, textOf(late, 'message')]).toEqual([
      403,
      'Forbidden. This auth token lacks the token scope "auth-token:update:self".',
    ]);
  });

  test.each([
    ['token_scopes', {}, { token_scopes: ['auth-token:update:self'] }],
    ['allow_list', {}, { allow_list: ['auth-token:*'] }],
    ['match_origin', {}, { match_origin: true }],
    ['expiration_time', { lifetime: '2h' }, { lifetime: '1h' }],
  ])(
    'a token gets no new secret of one of its user that is wider in %s, nor changes it',
    async (field, wide, limits) => {
      const other = await mint(wide);
      const caller = await mint(limits);
      for (const [method, suffix, body] of [
        ['POST', ':rotate', {}],
        ['PATCH', '', { description: 'mine' }],
      ] as const) {
        const path = `/v1/auth-tokens/${other.id}${suffix}`;
        const refused = await stile.send(method, path, { version: 1, ...body }, caller.token);
        expect([refused.status, fieldsOf(refused)]).toEqual([403, [field]]);
      }
      expect((await stile.send('GET', '/v1/users:me', undefined, other.token)).status).toBe(200);
      // One as narrow as itself it may rotate.
      const same = await mint({ ...limits, lifetime: '30m' });
      const path = `/v1/auth-tokens/${same.id}:rotate`;
      expect((await stile.send('POST', path, { version: 1 }, caller.token)).status).toBe(200);
    },
  );

  test('a change that names a version which is not the one that is read changes nothing', async () => {
    const { id } = await mint({});
    for (const version of [0, 2, 4_294_967_295]) {
      const refused = await asAdmin('PATCH', `/v1/auth-tokens/${id}`, { version, description: 'x' });
      expect(refused.status).toBe(version === 0 ? 400 : 404);
    }
    expect(jsonOf(await asAdmin('GET', `/v1/auth-tokens/${id}`))).toMatchObject({ version: 1 });
  });

  test('who administers an org gets no secret of a token of its users by rotation', async () => {
    const org = await orgWithAdmin();
    const theirs = await mint({ user_id: org.userId });
    const path = `/v1/auth-tokens/${theirs.id}`;
    const renamed = await stile.send('PATCH', path, { version: 1, description: 'seen' }, org.admin);
    expect(renamed.status).toBe(200);
    const refused = await stile.send('POST', `${path}:rotate`, { version: 2 }, org.admin);
    expect(refused.status).toBe(403);
    // A restricted token of a global administrator does not, either.
    const scoped = await mint({ token_scopes: ['auth-token:*'] });
    expect((await stile.send('POST', `${path}:rotate`, { version: 2 }, scoped.token)).status).toBe(403);
    expect((await asAdmin('POST', `${path}:rotate`, { version: 2 })).status).toBe(200);
  });
});

/** An org with a user, and the token of somebody who may do everything within it. */
async function orgWithAdmin(): Promise<{ orgId: string; userId: string; admin: string }> {
  const orgId = await created('/v1/scopes?skip_admin_role_creation=true', { scope_id: 'global' });
  const [userId, adminId] = [
    await created('/v1/users', { scope_id: orgId }),
    await created('/v1/users', { scope_id: orgId }),
  ];
  const methodId = await created('/v1/auth-methods', { scope_id: orgId, type: 'password' });
  const attributes = { login_name: 'org-admin', password: 'correct horse' };
  const accountId = await created('/v1/accounts', { auth_method_id: methodId, type: 'password', attributes });
  await must(asAdmin('POST', `/v1/users/${adminId}:set-accounts`, { version: 1, account_ids: [accountId] }));
  const roleId = await created('/v1/roles', { scope_id: orgId });
  await must(
    asAdmin('POST', `/v1/roles/${roleId}:set-grants`, {
      version: 1,
      grant_strings: ['ids=*;type=*;actions=*'],
    }),
  );
  await must(asAdmin('POST', `/v1/roles/${roleId}:set-principals`, { version: 2, principal_ids: [adminId] }));
  const answer = await must(stile.send('POST', `/v1/auth-methods/${methodId}:authenticate`, { attributes }));
  return { orgId, userId, admin: (jsonOf(answer) as { attributes: { token: string } }).attributes.token };
}

test('case 6: a token stays masked when its user gains rights by it', async () => {
  const roleId = await created('/v1/roles', { scope_id: 'p_1234567890' });
  const masked = await mint({ token_scopes: ['role:*', 'target:read'], user_id: 'u_1234567890' });
  const path = `/v1/roles/${roleId}`;
  const added = await must(
    stile.send(
      'POST',
      `${path}:add-grants`,
      { version: 1, grant_strings: ['ids=*;type=*;actions=*'] },
      masked.token,
    ),
  );
  await must(
    stile.send(
      'POST',
      `${path}:add-principals`,
      { version: Number(jsonOf(added)['version']), principal_ids: ['u_1234567890'] },
      masked.token,
    ),
  );
  const calls: readonly (readonly [string, string, Json | undefined])[] = [
    ['DELETE', `/v1/targets/${targetA}`, undefined],
    ['PATCH', `/v1/targets/${targetA}`, { version: 1, name: 'taken' }],
    ['GET', '/v1/users?scope_id=global', undefined],
    ['POST', `/v1/targets/${targetA}:authorize-session`, {}],
  ];
  for (const [method, at, body] of calls) {
    expect([at, (await stile.send(method, at, body, masked.token)).status]).toEqual([at, 403]);
  }
  expect((await stile.send('GET', `/v1/targets/${targetA}`, undefined, masked.token)).status).toBe(200);
});

describe('an allow list of one target', () => {
  let only: string;
  /** Aliases of both targets. */
  const [aliasA, aliasB] = ['a.token-limits.example', 'b.token-limits.example'];
  beforeAll(async () => {
    only = (await mint({ allow_list: [`target:${targetA}`] })).token;
    for (const [value, destination_id] of [
      [aliasA, targetA],
      [aliasB, targetB],
    ] as const) {
      await must(
        asAdmin('POST', '/v1/aliases', { scope_id: 'global', type: 'target', value, destination_id }),
      );
    }
  });
  const ask = (method: string, path: string, body?: unknown): Promise<HttpAnswer> =>
    stile.send(method, path, body, only);
  const authorize = (id: string, body: Json = {}): Promise<HttpAnswer> =>
    ask('POST', `/v1/targets/${id}:authorize-session`, body);

  test('case 7: reads and authorizes it alone', async () => {
    expect((await ask('GET', `/v1/targets/${targetA}`)).status).toBe(200);
    expect((await authorize(targetA)).status).toBe(200);
    for (const refused of [
      await ask('GET', `/v1/targets/${targetB}`),
      await authorize(targetB),
      await ask('DELETE', `/v1/targets/${targetB}`),
      await ask('POST', '/v1/targets', {
        scope_id: 'p_1234567890',
        type: 'tcp',
        name: 'new',
        attributes: { default_port: 22 },
      }),
    ]) {
      expect([refused.status, textOf(refused, 'message')]).toEqual([403, notNamed]);
    }
  });

  /** Every byte of it escaped. */
  const escaped = (id: string): string =>
    [...id].map((char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`).join('');
  /** Every way to spell a target. */
  const spellings = (id: string, alias: string, name: string): readonly (readonly [string, Json])[] => [
    [id, {}],
    [alias, {}],
    [alias.toUpperCase(), {}],
    [escaped(id), {}],
    [escaped(alias), {}],
    [`${id.slice(0, 5)}%5F${id.slice(5)}`.replace('__', '_').replace('_%5F', '%5F'), {}],
    [encodeURIComponent(name), { name, scope_id: 'p_1234567890' }],
    [escaped(name.replaceAll(/[^\x20-\x7e]/g, '')), { name, scope_id: 'p_1234567890' }],
    [encodeURIComponent(name), { name, scope_name: 'Generated project scope' }],
  ];

  test('case 7: by every spelling of it, and by none of another', async () => {
    const nameOf = async (id: string): Promise<string> =>
      textOf(await must(asAdmin('GET', `/v1/targets/${id}`)), 'name');
    const [nameA, nameB] = [await nameOf(targetA), await nameOf(targetB)];
    for (const [id, body] of spellings(targetA, aliasA, nameA)) {
      const answer = await authorize(id, body);
      expect([id, answer.status, jsonOf(answer)['target_id']]).toEqual([id, 200, targetA]);
    }
    for (const [id, body] of spellings(targetB, aliasB, nameB)) {
      const answer = await authorize(id, body);
      expect([id, answer.status]).toEqual([id, 403]);
      expect(textOf(answer, 'message')).toBe(notNamed);
      // The same spelling reaches the target for whoever may.
      expect([id, (await asAdmin('POST', `/v1/targets/${id}:authorize-session`, body)).status]).toEqual([
        id,
        200,
      ]);
    }
  });

  test.each([
    'TTCP_0987654321',
    'ttcp_0987654321%00',
    'ttcp_1234567890/../ttcp_0987654321',
    'ttcp_1234567890%2F..%2Fttcp_0987654321',
    'ttcp_1234567890%2Cttcp_0987654321',
    '%74tcp_0987654321%20',
    'ttcp_0987654321%2f',
    '%2574tcp_0987654321',
    '%C0%F4tcp_0987654321',
  ])('case 7: the odd path %s reaches nothing', async (id) => {
    for (const path of [`/v1/targets/${id}`, `/v1/targets/${id}:authorize-session`]) {
      const method = path.endsWith('session') ? 'POST' : 'GET';
      const answer = await ask(method, path, method === 'POST' ? {} : undefined);
      expect([400, 401, 403, 404, 405]).toContain(answer.status);
      expect(answer.text).not.toContain('session_id');
    }
  });

  test('case 7: lists it alone, and counts one', async () => {
    for (const query of [
      'scope_id=p_1234567890',
      'scope_id=global&recursive=true',
      'scope_id=p_1234567890&page_size=1',
    ]) {
      const answer = await must(ask('GET', `/v1/targets?${query}`));
      expect([query, idsOf(answer), jsonOf(answer)['est_item_count']]).toEqual([query, [targetA], 1]);
    }
    for (const path of [
      '/v1/scopes?scope_id=global',
      '/v1/sessions?scope_id=p_1234567890',
      '/v1/sessions?scope_id=global&recursive=true',
      '/v1/host-catalogs?scope_id=p_1234567890',
      '/v1/users?scope_id=global',
      '/v1/aliases?scope_id=global',
      '/v1/hosts?host_catalog_id=hcst_1234567890',
    ]) {
      const refused = await ask('GET', path);
      expect([path, refused.status, textOf(refused, 'message')]).toEqual([path, 403, notNamed]);
    }
  });

  test('case 7: an answer shows the actions that work with it, and no other item in a list', async () => {
    const read = jsonOf(await must(ask('GET', `/v1/targets/${targetA}`)));
    expect(read['authorized_actions']).toContain('authorize-session');
    const scoped = await mint({ allow_list: [`target:${targetA}`], token_scopes: ['target:read'] });
    const shown = jsonOf(await must(stile.send('GET', `/v1/targets/${targetA}`, undefined, scoped.token)));
    expect(shown['authorized_actions']).toEqual(['no-op', 'read']);
  });

  test('case 8: host sources that it does not name cannot be added', async () => {
    const { version } = jsonOf(await must(asAdmin('GET', `/v1/targets/${targetB}`)));
    const limits = [`target:${targetB}`, 'scope:*'];
    const without = await mint({ allow_list: limits });
    const body = { version, host_source_ids: ['hsst_1234567890'] };
    const path = `/v1/targets/${targetB}:set-host-sources`;
    const refused = await stile.send('POST', path, body, without.token);
    expect([refused.status, textOf(refused, 'message')]).toEqual([
      403,
      "Forbidden. This auth token's allow list does not name a resource that the request names.",
    ]);
    const named = await mint({ allow_list: [...limits, 'host-set:hsst_1234567890'] });
    expect((await stile.send('POST', path, body, named.token)).status).toBe(200);
  });
});

describe('an allow list of children', () => {
  const manyHosts = 4;

  test('case 7: hosts of a catalog: the list and its count are cut to those that are named', async () => {
    const catalogId = await created('/v1/host-catalogs', { scope_id: 'p_1234567890', type: 'static' });
    const hostIds: string[] = [];
    for (let at = 0; at < manyHosts; at += 1) {
      const attributes = { address: '127.0.0.1' };
      hostIds.push(await created('/v1/hosts', { host_catalog_id: catalogId, type: 'static', attributes }));
    }
    const [first = '', second = '', third = ''] = hostIds;
    await expectOnly(`/v1/hosts?host_catalog_id=${catalogId}`, 'host', [first, second, third]);
    const setIds = [
      await created('/v1/host-sets', { host_catalog_id: catalogId, type: 'static' }),
      await created('/v1/host-sets', { host_catalog_id: catalogId, type: 'static' }),
      await created('/v1/host-sets', { host_catalog_id: catalogId, type: 'static' }),
    ];
    await expectOnly(`/v1/host-sets?host_catalog_id=${catalogId}`, 'host-set', setIds.slice(0, 2));
  });

  test('case 7: accounts of a method, credentials of a store, scopes and users likewise', async () => {
    const accountIds: string[] = [];
    for (let at = 0; at < 3; at += 1) {
      made += 1;
      const attributes = { login_name: `login-${made}`, password: 'correct horse' };
      accountIds.push(
        await created('/v1/accounts', { auth_method_id: 'ampw_1234567890', type: 'password', attributes }),
      );
    }
    await expectOnly('/v1/accounts?auth_method_id=ampw_1234567890', 'account', accountIds.slice(0, 2));
    const storeId = await created('/v1/credential-stores', { scope_id: 'p_1234567890', type: 'static' });
    const credentialIds: string[] = [];
    for (let at = 0; at < 3; at += 1) {
      const attributes = { username: 'u', password: 'p' };
      credentialIds.push(
        await created('/v1/credentials', {
          credential_store_id: storeId,
          type: 'username_password',
          attributes,
        }),
      );
    }
    await expectOnly(
      `/v1/credentials?credential_store_id=${storeId}`,
      'credential',
      credentialIds.slice(0, 2),
    );
    const orgIds = [
      await created('/v1/scopes', { scope_id: 'global' }),
      await created('/v1/scopes', { scope_id: 'global' }),
      await created('/v1/scopes', { scope_id: 'global' }),
    ];
    await expectOnly('/v1/scopes?scope_id=global', 'scope', orgIds.slice(0, 2));
    await expectOnly('/v1/scopes?scope_id=global&recursive=true', 'scope', orgIds.slice(0, 2));
    const userIds = [
      await created('/v1/users', { scope_id: 'global' }),
      await created('/v1/users', { scope_id: 'global' }),
    ];
    await expectOnly('/v1/users?scope_id=global', 'user', userIds);
  });

  test('the count of a scope is not that of another in which the token may see something', async () => {
    const projectId = await created('/v1/scopes', { scope_id: 'o_1234567890' });
    const theirs: string[] = [];
    for (let at = 0; at < 3; at += 1) {
      const attributes = { default_port: 22 };
      theirs.push(await created('/v1/targets', { scope_id: projectId, type: 'tcp', attributes }));
    }
    const ids = [targetA, targetB, ...theirs];
    const { token } = await mint({ allow_list: ids.map((id) => `target:${id}`) });
    const countIn = async (scope: string): Promise<unknown> =>
      jsonOf(await must(stile.send('GET', `/v1/targets?${scope}&page_size=1`, undefined, token)))[
        'est_item_count'
      ];
    expect(await countIn(`scope_id=${projectId}`)).toBe(3);
    expect(await countIn('scope_id=p_1234567890')).toBe(2);
    expect(await countIn('scope_id=global&recursive=true')).toBe(5);
  });

  test('what was deleted is told of items that it names, and of no other', async () => {
    const ids = [
      await created('/v1/users', { scope_id: 'global' }),
      await created('/v1/users', { scope_id: 'global' }),
      await created('/v1/users', { scope_id: 'global' }),
    ];
    const [kept = '', named = '', other = ''] = ids;
    const { token } = await mint({ allow_list: [`user:${kept}`, `user:${named}`] });
    const path = '/v1/users?scope_id=global';
    const listToken = textOf(await must(stile.send('GET', path, undefined, token)), 'list_token');
    for (const id of [named, other]) await must(asAdmin('DELETE', `/v1/users/${id}`));
    const after = await must(stile.send('GET', `${path}&list_token=${listToken}`, undefined, token));
    expect(jsonOf(after)['removed_ids']).toEqual([named]);
  });
});

/** A list for a token that names these items: whole, and page by page, it shows and counts them alone. */
async function expectOnly(path: string, type: string, ids: readonly string[]): Promise<void> {
  const { token } = await mint({ allow_list: ids.map((id) => `${type}:${id}`) });
  const whole = await must(stile.send('GET', path, undefined, token));
  expect(idsOf(whole).toSorted()).toEqual([...ids].toSorted());
  expect(jsonOf(whole)['est_item_count']).toBe(ids.length);
  const seen: string[] = [];
  let page = await must(stile.send('GET', `${path}&page_size=1`, undefined, token));
  for (;;) {
    expect(jsonOf(page)['est_item_count']).toBe(ids.length);
    seen.push(...idsOf(page));
    if (jsonOf(page)['response_type'] === 'complete') break;
    const listToken = textOf(page, 'list_token');
    page = await must(stile.send('GET', `${path}&page_size=1&list_token=${listToken}`, undefined, token));
  }
  expect(seen.toSorted()).toEqual([...ids].toSorted());
}

test('case 9: the list token of one auth token is none of another of the same user', async () => {
  const path = '/v1/targets?scope_id=p_1234567890&page_size=1';
  const whole = textOf(await must(asAdmin('GET', path)), 'list_token');
  const scoped = await mint({ token_scopes: ['target:read'] });
  const listed = await mint({ allow_list: [`target:${targetA}`, `target:${targetB}`] });
  const takenBy = async (token: string): Promise<string> =>
    textOf(await must(stile.send('GET', path, undefined, token)), 'list_token');
  const [scopedToken, listedToken] = [await takenBy(scoped.token), await takenBy(listed.token)];
  for (const [listToken, token] of [
    [whole, scoped.token],
    [whole, listed.token],
    [scopedToken, listed.token],
    [listedToken, scoped.token],
    [scopedToken, stile.admin],
    [listedToken, stile.admin],
  ] as const) {
    const refused = await stile.send('GET', `${path}&list_token=${listToken}`, undefined, token);
    expect(refused.status).toBe(400);
    expect(refused.json).toMatchObject({ kind: 'invalid list token' });
  }
  const twin = await mint({ token_scopes: ['target:read'] });
  expect((await stile.send('GET', `${path}&list_token=${scopedToken}`, undefined, twin.token)).status).toBe(
    200,
  );
});

describe('minting for others', () => {
  test('case 43: who administers an org mints for nobody, and nobody mints for who cannot log in', async () => {
    const org = await orgWithAdmin();
    const statusFor = async (userId: string, by: string): Promise<number> =>
      (await tryMint({ user_id: userId }, by)).status;
    const minted = await newTokens(async () => {
      expect(await statusFor(org.userId, org.admin)).toBe(403);
      expect(await statusFor('u_1234567890', org.admin)).toBe(403);
      for (const userId of ['u_anon', 'u_auth', 'u_recovery']) {
        expect([userId, await statusFor(userId, org.admin)]).toEqual([userId, 400]);
        expect([userId, await statusFor(userId, stile.admin)]).toEqual([userId, 400]);
      }
      expect(await statusFor('u_doesNotExi', org.admin)).toBe(404);
      expect(await statusFor('u_doesNotExi', stile.admin)).toBe(404);
      expect((await tryMint({ type: 'web', user_id: org.userId }, org.admin)).status).toBe(403);
      expect((await tryMint({ type: 'web' }, org.admin)).status).toBe(403);
    });
    expect(minted).toEqual([]);
    // For itself it does.
    expect((await tryMint({}, org.admin)).status).toBe(200);
  });

  test('case 43: a global administrator does, by a whole sign-in alone', async () => {
    const org = await orgWithAdmin();
    const body = { user_id: org.userId, token_scopes: ['target:read'] };
    const child = await mint(body);
    expect(child.body).toMatchObject({ user_id: org.userId, created_by_user_id: 'u_1234567890' });
    const whole = await mint({});
    const scoped = await mint({ token_scopes: ['auth-token:*'] });
    const handOff = await mint({ type: 'one-time', token_scopes: ['auth-token:*'] });
    const exchanged = await must(stile.send('POST', '/v1/auth-tokens:exchange', { token: handOff.token }));
    const { token } = (jsonOf(exchanged) as { attributes: { token: string } }).attributes;
    for (const by of [whole.token, scoped.token, token]) {
      const refused = await tryMint(body, by);
      expect([refused.status, jsonOf(refused)['kind']]).toEqual([403, 'PermissionDenied']);
    }
  });

  test('case 44: a restricted token of an administrator opens no web session and ends no tokens of others', async () => {
    const restricted = [
      await mint({ token_scopes: ['auth-token:*', 'user:*'] }),
      await mint({ allow_list: ['auth-token:*', 'user:*'] }),
    ];
    for (const { token } of restricted) {
      expect((await tryMint({ type: 'web', user_id: 'u_0987654321' }, token)).status).toBe(403);
      for (const body of [{}, { user_id: 'u_0987654321' }, { user_id: '*' }, { except_current: true }]) {
        expect((await stile.send('POST', '/v1/auth-tokens:revoke-all', body, token)).status).toBe(403);
      }
    }
    expect((await stile.send('GET', '/v1/users:me', undefined, stile.user)).status).toBe(200);
  });
});

describe('what a body may say', () => {
  test.each([
    ['at_x', 400],
    ['at_', 400],
    ['', 400],
    ['a'.repeat(65), 400],
    ['tab\there', 400],
    ['nul\u0000', 400],
    ['esc\u001b[31m', 400],
    ['right\u202eto-left', 400],
    ['-dash', 400],
    ['.dot', 400],
    ['a b', 400],
    ['ünïcode', 400],
    ['a'.repeat(64), 200],
    ['A', 200],
    ['0.a_b-c', 200],
    ['At_x', 200],
  ])('case 48: the name %j: %d', async (name, status) => {
    const answer = await tryMint({ name });
    expect([answer.status, answer.status === 400 ? fieldsOf(answer) : ['name']]).toEqual([status, ['name']]);
  });

  test('case 48: a name is free again when its token is revoked or deleted, and is one per user', async () => {
    const name = 'again';
    const first = await mint({ name });
    const taken = await tryMint({ name });
    expect([taken.status, jsonOf(taken)['kind']]).toEqual([400, 'InvalidArgument']);
    expect((await tryMint({ name }, stile.user)).status).toBe(200);
    await must(asAdmin('POST', `/v1/auth-tokens/${first.id}:revoke`, {}));
    const second = await mint({ name });
    await must(asAdmin('DELETE', `/v1/auth-tokens/${second.id}`));
    const third = await mint({ name });
    const other = await mint({});
    const renamed = await asAdmin('PATCH', `/v1/auth-tokens/${other.id}`, { version: 1, name });
    expect(renamed.status).toBe(400);
    expect(String(other.body['name'])).toMatch(/^token-[0-9A-Za-z]{6}$/);
    expect(third.body['name']).toBe(name);
  });

  const exact = async (body: Json): Promise<number> => {
    const { body: made } = await mint(body);
    const [from, to] = ['created_time', 'expiration_time'].map((name) => Date.parse(String(made[name])));
    expect(made['time_to_live_seconds']).toBe(((to ?? 0) - (from ?? 0)) / 1000);
    return ((to ?? 0) - (from ?? 0)) / 1000;
  };

  test.each([
    ['lifetime', '1d12h30m', 131_400],
    ['lifetime', '720h', 2_592_000],
    ['lifetime', '30d', 2_592_000],
    ['lifetime', '1y', 31_536_000],
    ['lifetime', '90', 90],
    ['time_to_live_seconds', 90, 90],
    ['time_to_live_seconds', '90', 90],
    ['time_to_live_seconds', 31_536_000, 31_536_000],
    ['time_to_live_seconds', null, 31_536_000],
    ['lifetime', null, 31_536_000],
  ])('case 49: %s %j is that many seconds, exactly', async (field, value, seconds) => {
    expect(await exact({ [field]: value })).toBe(seconds);
  });

  test('case 49: without a lifetime it is the default of the installation', async () => {
    expect(await exact({})).toBe(604_800);
  });

  test.each([
    ['lifetime', '0'],
    ['lifetime', '0s'],
    ['lifetime', '-1h'],
    ['lifetime', '1.5'],
    ['lifetime', '1e9y'],
    ['lifetime', 'null'],
    ['lifetime', '9007199254740993s'],
    ['lifetime', ''],
    ['lifetime', 3600],
    ['time_to_live_seconds', 0],
    ['time_to_live_seconds', -1],
    ['time_to_live_seconds', 1.5],
    ['time_to_live_seconds', '1h'],
    ['time_to_live_seconds', 9_007_199_254_740_992],
    ['time_to_live_seconds', 4_294_967_296],
  ])('case 49: %s %j is refused, and the legal form told', async (field, value) => {
    const answer = await tryMint({ [field]: value });
    expect([answer.status, fieldsOf(answer)]).toEqual([400, [field]]);
    expect(answer.text).toMatch(/whole number|must be a text/i);
  });

  test.each([
    ['api', { lifetime: '8761h' }, '8760h'],
    ['api', { time_to_live_seconds: 31_536_001 }, '31536000 seconds'],
    ['web', { lifetime: '169h', user_id: 'u_0987654321' }, '168h'],
    ['one-time', { lifetime: '25h' }, '24h'],
  ])('case 49: a %s token over the maximum is refused, and the maximum named', async (type, body, named) => {
    const answer = await tryMint({ type, ...body });
    expect([answer.status, fieldsOf(answer)]).toEqual([400, ['time_to_live_seconds']]);
    expect(answer.text).toContain(named);
  });

  test.each([
    [['target:fly'], '"target:fly'],
    [['nope:read'], '"nope:read'],
    [[':'], '":'],
    [['target:'], '"target:'],
    [[' target:read'], '" target:read'],
    [['TARGET:READ'], '"TARGET:READ'],
    [Array.from({ length: 65 }, () => 'target:read'), '64'],
    [[], 'at least one'],
    [['target:read,nope:read'], '"nope:read'],
  ])('case 50: token scopes %j are refused, and told why', async (scopes, named) => {
    const answer = await tryMint({ token_scopes: scopes });
    expect([answer.status, fieldsOf(answer)]).toEqual([400, ['token_scopes']]);
    expect((jsonOf(answer)['details'] as Json)['request_fields']).toMatchObject([
      { description: expect.stringContaining(named) as unknown },
    ]);
  });

  test.each([
    [['target:hst_1']],
    [[]],
    [['*:ttcp_1']],
    [['target']],
    [Array.from({ length: 129 }, () => 'target:*')],
  ])('case 50: the allow list %j is refused', async (entries) => {
    const answer = await tryMint({ allow_list: entries });
    expect([answer.status, fieldsOf(answer)]).toEqual([400, ['allow_list']]);
  });
});
