/** Minting, changing and rotating auth tokens within the limits of the one that asks, over HTTP on a real controller (tokens.md §2.4, §6). */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestController, type TestController } from '../../../../test/support/controller.ts';
import type { HttpAnswer } from '../../../../test/support/http-client.ts';
import {
  fieldsOf,
  jsonOf,
  loginOf,
  mintedOf,
  must,
  textOf,
  tokenMinter,
  type Json,
} from '../../../../test/support/token-minter.ts';

let stile: TestController;
const { asAdmin, created, mint, newTokens, orgWithAdmin, tryMint } = tokenMinter(() => stile);
/** A target of the first project, and the one that no allow list here names. */
const [targetA, targetB] = ['ttcp_1234567890', 'ttcp_0987654321'];

beforeAll(async () => {
  stile = await startTestController();
  await stile.addLiveWorker();
});
afterAll(() => stile.stop());

const wider = 'An auth token cannot mint one wider than itself.';

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
    const token = loginOf(login);
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
  ])('a token gets no new secret of one of its user that is wider in %s', async (field, wide, limits) => {
    const other = await mint(wide);
    const caller = await mint(limits);
    const rotate = (id: string): Promise<HttpAnswer> =>
      stile.send('POST', `/v1/auth-tokens/${id}:rotate`, { version: 1 }, caller.token);
    const refused = await rotate(other.id);
    expect([refused.status, fieldsOf(refused)]).toEqual([403, [field]]);
    expect((await stile.send('GET', '/v1/users:me', undefined, other.token)).status).toBe(200);
    // One as narrow as itself it may rotate.
    const same = await mint({ ...limits, lifetime: '30m' });
    expect((await rotate(same.id)).status).toBe(200);
  });

  test('a token changes the limits of another one of its user to what it has itself, at most', async () => {
    const other = await mint({});
    const caller = await mint({
      token_scopes: ['auth-token:update:self', 'target:read'],
      allow_list: ['auth-token:*', `target:${targetA}`],
      lifetime: '1h',
    });
    const patch = (version: number, change: Json): Promise<HttpAnswer> =>
      stile.send('PATCH', `/v1/auth-tokens/${other.id}`, { version, ...change }, caller.token);
    const inTwoHours = new Date(Date.now() + 7_200_000).toISOString();
    const within = {
      token_scopes: ['target:list'],
      allow_list: [`target:${targetA}`],
      expiration_time: new Date(Date.now() + 1_800_000).toISOString(),
    };
    for (const [field, change] of [
      ['token_scopes', { ...within, token_scopes: ['target:*'] }],
      ['allow_list', { ...within, allow_list: ['target:*'] }],
      ['expiration_time', { ...within, expiration_time: inTwoHours }],
      // It has no say about one that stays wider than itself.
      ['token_scopes', { description: 'x' }],
    ] as const) {
      const refused = await patch(1, change);
      expect([refused.status, fieldsOf(refused)]).toEqual([403, [field]]);
    }
    expect((await patch(1, { ...within, description: 'narrower' })).status).toBe(200);
    expect((await stile.send('DELETE', `/v1/targets/${targetA}`, undefined, other.token)).status).toBe(403);
  });

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
    const token = loginOf(exchanged);
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
