/** Auth tokens over HTTP, from the mint to the end, on a real controller (tokens.md §1.7, §4.1, §6). */
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestController, type TestController } from '../../../../../test/support/controller.ts';
import { call, type HttpAnswer } from '../../../../../test/support/http-client.ts';
import type { Json } from '../../../../../test/support/dev-server.ts';

const target = '/v1/targets/ttcp_1234567890';

let stile: TestController;
beforeAll(async () => {
  stile = await startTestController({ apiRateLimitDisable: true });
  await stile.addLiveWorker();
});
afterAll(() => stile?.stop());

async function send(verb: string, path: string, body?: unknown, token = stile.admin): Promise<HttpAnswer> {
  return stile.send(verb, path, body, token);
}

/** The body of a call that must succeed. */
async function done(verb: string, path: string, body?: unknown, token?: string): Promise<Json> {
  const answer = await send(verb, path, body, token);
  if (answer.status !== 200 && answer.status !== 204) {
    throw new Error(`${verb} ${path}: ${answer.status} ${answer.text}`);
  }
  return answer.json;
}

function idOf(token: string): string {
  return token.split('_').slice(0, 2).join('_');
}

function mint(body: object, token?: string): Promise<Json> {
  return done('POST', '/v1/auth-tokens', body, token);
}

async function isGood(token: string): Promise<boolean> {
  return (await send('GET', target, undefined, token)).status === 200;
}

async function statusOf(id: string): Promise<string> {
  return (await done('GET', `/v1/auth-tokens/${id}`)).status;
}

/** A user with an account of its own, who may do what everybody may. */
async function newPerson(
  name: string,
): Promise<{ userId: string; accountId: string; login: () => Promise<string> }> {
  const attributes = { login_name: name, password: 'a good password' };
  const account = await done('POST', '/v1/accounts', { auth_method_id: 'ampw_1234567890', attributes });
  const user = await done('POST', '/v1/users', { scope_id: 'global', name });
  await done('POST', `/v1/users/${user.id}:set-accounts`, { version: 1, account_ids: [account.id] });
  return { userId: user.id, accountId: account.id, login: () => stile.login(name, 'a good password') };
}

async function authorize(token: string): Promise<string> {
  return (await done('POST', `${target}:authorize-session`, {}, token)).session_id;
}

async function endOf(sessionId: string): Promise<Json> {
  const { status, end_reason: reason } = await done('GET', `/v1/sessions/${sessionId}`);
  return { status, reason };
}

describe('an API token', () => {
  test('acts as its user, is shown once, and is told by name, scopes, end and where it was made', async () => {
    const made = await mint({
      type: 'api',
      name: 'deploy',
      lifetime: '30d',
      token_scopes: ['target:read', 'target:authorize-session'],
      allow_list: ['target:ttcp_1234567890'],
    });
    expect(made.token).toMatch(/^at_[0-9A-Za-z]{10}_s1[0-9A-Za-z]{49}$/);
    const { id, token } = made;
    const shown = await done('GET', `/v1/auth-tokens/${id}`);
    expect(shown).not.toHaveProperty('token');
    expect(shown).toMatchObject({
      type: 'api',
      name: 'deploy',
      status: 'active',
      version: 1,
      user_id: 'u_1234567890',
      created_by_user_id: 'u_1234567890',
      parent_auth_token_id: idOf(stile.admin),
      token_scopes: ['target:authorize-session', 'target:read'],
      allow_list: ['target:ttcp_1234567890'],
      time_to_live_seconds: 2_592_000,
    });
    expect(shown.origin).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(Date.parse(shown.expiration_time) - Date.parse(shown.created_time)).toBe(2_592_000_000);
    expect(await isGood(token)).toBe(true);
    const refused = await send('GET', '/v1/users?scope_id=global', undefined, token);
    expect(refused.json).toMatchObject({
      kind: 'PermissionDenied',
      message: 'Forbidden. This auth token lacks the token scope "user:list".',
    });
  });

  test('is changed by its version alone, narrower only, and a rotation leaves nothing but the secret behind', async () => {
    const made = await mint({ type: 'api', name: 'narrow', token_scopes: ['target:*'] });
    const path = `/v1/auth-tokens/${made.id}`;
    const narrowed = await done('PATCH', path, { version: 1, token_scopes: ['target:read'], name: 'slim' });
    expect(narrowed).toMatchObject({ version: 2, name: 'slim', token_scopes: ['target:read'] });
    expect((await send('PATCH', path, { version: 1, name: 'other' })).status).toBe(404);
    const wider = await send('PATCH', path, { version: 2, token_scopes: ['target:*'] });
    expect(wider.json).toMatchObject({
      kind: 'PermissionDenied',
      message: 'An auth token can be narrowed, never widened.',
      details: { request_fields: [{ name: 'token_scopes' }] },
    });
    const rotated = await done('POST', `${path}:rotate`, { version: 2 });
    expect(rotated).toMatchObject({ id: made.id, version: 3, name: 'slim', token_scopes: ['target:read'] });
    expect(rotated.expiration_time).toBe(narrowed.expiration_time);
    expect(await isGood(made.token)).toBe(false);
    expect(await isGood(rotated.token)).toBe(true);
    const login = await send('PATCH', `/v1/auth-tokens/${idOf(stile.admin)}`, {
      version: 1,
      description: 'x',
    });
    expect(login.json).toMatchObject({ kind: 'FailedPrecondition' });
  });

  test('case 51: rotated during a burst of requests, every one before the commit works and none after, with the old secret', async () => {
    const made = await mint({ type: 'api', name: 'burst' });
    let rotatedAt = Infinity;
    let finished = 0;
    const answers: { readonly startedAt: number; readonly endedAt: number; readonly good: boolean }[] = [];
    const knock = async (): Promise<void> => {
      while (finished < 2) {
        const startedAt = performance.now();
        const good = await isGood(made.token);
        answers.push({ startedAt, endedAt: performance.now(), good });
        if (performance.now() > rotatedAt) finished += 1;
      }
    };
    const knocking = [knock(), knock(), knock()];
    const begunAt = performance.now();
    await done('POST', `/v1/auth-tokens/${made.id}:rotate`, { version: 1 });
    rotatedAt = performance.now();
    await Promise.all(knocking);
    for (const { startedAt, endedAt, good } of answers) {
      if (endedAt < begunAt) expect(good).toBe(true);
      if (startedAt > rotatedAt) expect(good).toBe(false);
    }
    expect(answers.at(-1)?.good).toBe(false);
  });

  test('may be made by those alone whom the policy lets, and the answer names the setting', async () => {
    const off = await startTestController({ authTokens: { apiTokenPolicy: 'off' } });
    const refused = await off.send('POST', '/v1/auth-tokens', { type: 'api' }, off.admin);
    expect(refused.json).toMatchObject({
      kind: 'FailedPrecondition',
      message: 'API tokens are switched off: api_token_policy is "off".',
    });
    expect((await off.send('POST', '/v1/auth-tokens', { type: 'one-time' }, off.admin)).status).toBe(200);
    await off.stop();
    const granted = await startTestController({ authTokens: { apiTokenPolicy: 'by-grant' } });
    expect((await granted.send('POST', '/v1/auth-tokens', { type: 'api' }, granted.user)).status).toBe(403);
    expect((await granted.send('POST', '/v1/auth-tokens', { type: 'api' }, granted.admin)).status).toBe(200);
    await granted.stop();
  });

  test('that an administrator makes for somebody acts as that person, and tells who made it', async () => {
    const made = await mint({ type: 'api', name: 'errand', user_id: 'u_0987654321' });
    expect(made).toMatchObject({ user_id: 'u_0987654321', created_by_user_id: 'u_1234567890' });
    const me = await done('GET', '/v1/users:me', undefined, made.token);
    expect(me.user).toMatchObject({ id: 'u_0987654321', login_name: 'user' });
    const foreign = { type: 'api', user_id: 'u_1234567890' };
    expect((await send('POST', '/v1/auth-tokens', foreign, stile.user)).status).toBe(403);
    expect((await send('POST', '/v1/auth-tokens', foreign, made.token)).status).toBe(403);
  });
});

describe('a one-time token', () => {
  test('case 25: opens nothing by itself, however it is presented', async () => {
    const { token } = await mint({ type: 'one-time' });
    const headers: readonly Readonly<Record<string, string>>[] = [
      { authorization: `Bearer ${token}` },
      { cookie: `__Host-stile-session=${token}` },
      { 'x-stile-api-session': token },
    ];
    for (const each of headers) {
      expect((await call(stile.api, { path: target, headers: each })).status).toBe(401);
    }
    expect((await send('POST', '/v1/auth-tokens', { type: 'one-time' }, token)).status).toBe(401);
  });

  test('becomes a login with its own limits, once', async () => {
    const { id, token } = await mint({ type: 'one-time', token_scopes: ['target:read'] });
    const login = await done('POST', '/v1/auth-tokens:exchange', { token }, '');
    expect(login.attributes).toMatchObject({ user_id: 'u_1234567890' });
    const { token: exchanged } = login.attributes;
    expect(await isGood(exchanged)).toBe(true);
    expect((await send('POST', `${target}:authorize-session`, {}, exchanged)).status).toBe(403);
    expect(await statusOf(id)).toBe('consumed');
    const again = await send('POST', '/v1/auth-tokens:exchange', { token }, '');
    expect(again.json).toMatchObject({ kind: 'Unauthenticated', message: 'Unable to authenticate.' });
  });

  test('is guessed at as seldom as a password: then 429 with the time to wait, also for the right one', async () => {
    const guarded = await startTestController({ apiRateLimitDisable: true });
    const { token } = (await guarded.send('POST', '/v1/auth-tokens', { type: 'one-time' }, guarded.admin))
      .json as { token: string };
    const wrong = `${token.slice(0, 30)}${token[30] === 'x' ? 'y' : 'x'}${token.slice(31)}`;
    const knock = (text: string): Promise<HttpAnswer> =>
      guarded.send('POST', '/v1/auth-tokens:exchange', { token: text }, '');
    for (let count = 0; count < 20; count++) expect((await knock(wrong)).status).toBe(401);
    const limited = await knock(token);
    expect(limited.status).toBe(429);
    expect(Number(limited.headers['retry-after'])).toBeGreaterThan(0);
    await guarded.stop();
  });

  test('that is made for several exchanges is good until it is revoked, and its logins end with it', async () => {
    const { id, token } = await mint({ type: 'one-time', single_use: false });
    const exchange = async (): Promise<string> =>
      (await done('POST', '/v1/auth-tokens:exchange', { token }, '')).attributes.token;
    const logins = [await exchange(), await exchange()];
    const { revocation } = await done('POST', `/v1/auth-tokens/${id}:revoke`);
    expect(revocation).toMatchObject({ auth_tokens: 3 });
    for (const login of logins) expect(await isGood(login)).toBe(false);
    expect((await send('POST', '/v1/auth-tokens:exchange', { token }, '')).status).toBe(401);
  });

  test('case 26: dies with the login that minted it, and so does the login exchanged from it; an API token of an API token too', async () => {
    const { login } = await newPerson('handover');
    const first = await login();
    const kept = await mint({ type: 'one-time' }, first);
    const used = await mint({ type: 'one-time' }, first);
    const second = (await done('POST', '/v1/auth-tokens:exchange', { token: used.token }, '')).attributes
      .token;
    const named = await mint({ type: 'api', name: 'ci' }, first);
    const child = await mint({ type: 'api', name: 'ci-child' }, named.token);
    expect((await done('POST', `/v1/auth-tokens/${idOf(first)}:revoke`)).revocation.auth_tokens).toBe(3);
    expect((await send('POST', '/v1/auth-tokens:exchange', { token: kept.token }, '')).status).toBe(401);
    expect(await isGood(second)).toBe(false);
    // A logout does not stop CI; the end of an API token stops what it made.
    expect(await isGood(named.token)).toBe(true);
    expect(await isGood(child.token)).toBe(true);
    await done('POST', `/v1/auth-tokens/${named.id}:revoke`);
    expect(await isGood(child.token)).toBe(false);
    expect(await done('GET', `/v1/auth-tokens/${child.id}`)).toMatchObject({
      status: 'revoked',
      revoked_reason: 'parent revoked',
    });
  });
});

describe('the end of a token', () => {
  test('case 16: is told once, stays as it was written, and is gone when it is deleted', async () => {
    const { login } = await newPerson('twice');
    const token = await login();
    const path = `/v1/auth-tokens/${idOf(token)}`;
    const sessionId = await authorize(token);
    const first = await done('POST', `${path}:revoke`, {}, token);
    expect(first).toMatchObject({
      status: 'revoked',
      revoked_reason: 'user request',
      revocation: { auth_tokens: 1, sessions: 1, sessions_confirmed: 1, streams: 0 },
    });
    expect(await endOf(sessionId)).toEqual({ status: 'terminated', reason: 'token revoked' });
    const again = await done('POST', `${path}:revoke`);
    expect(again.revoked_time).toBe(first.revoked_time);
    expect(again.revocation).toEqual({ auth_tokens: 0, sessions: 0, sessions_confirmed: 0, streams: 0 });
    expect((await send('DELETE', path)).status).toBe(204);
    expect((await send('DELETE', path)).status).toBe(404);
    expect((await send('POST', `${path}:revoke`)).status).toBe(404);
  });

  test('case 12: comes with the user, the account or the auth method; API tokens stand on the user alone', async () => {
    const leaver = await newPerson('leaver');
    const [web, login] = [await mint({ type: 'web', user_id: leaver.userId }), await leaver.login()];
    const api = await mint({ type: 'api' }, login);
    const onetime = await mint({ type: 'one-time' }, login);
    await done('DELETE', `/v1/accounts/${leaver.accountId}`);
    expect(await isGood(login)).toBe(false);
    expect(await isGood(web.token)).toBe(false);
    expect((await send('POST', '/v1/auth-tokens:exchange', { token: onetime.token }, '')).status).toBe(401);
    expect(await isGood(api.token)).toBe(true);
    await done('DELETE', `/v1/users/${leaver.userId}`);
    expect(await isGood(api.token)).toBe(false);
    expect((await send('GET', `/v1/auth-tokens/${api.id}`)).status).toBe(404);
    const other = await done('POST', '/v1/auth-methods', {
      scope_id: 'global',
      type: 'password',
      name: 'second',
    });
    const attributes = { login_name: 'elsewhere', password: 'a good password' };
    const account = await done('POST', '/v1/accounts', { auth_method_id: other.id, attributes });
    const user = await done('POST', '/v1/users', { scope_id: 'global' });
    await done('POST', `/v1/users/${user.id}:set-accounts`, { version: 1, account_ids: [account.id] });
    const there = await done('POST', `/v1/auth-methods/${other.id}:authenticate`, { attributes }, '');
    expect(await isGood(there.attributes.token)).toBe(true);
    await done('DELETE', `/v1/auth-methods/${other.id}`);
    expect(await isGood(there.attributes.token)).toBe(false);
  });

  test('case 11: a disabled user has nothing: Bearer, cookie, API token, exchange; enabling revives none of them', async () => {
    const person = await newPerson('paused');
    const login = await person.login();
    const api = await mint({ type: 'api' }, login);
    const onetime = await mint({ type: 'one-time' }, login);
    const sessionId = await authorize(login);
    const { version } = await done('GET', `/v1/users/${person.userId}`);
    const disabled = await done('POST', `/v1/users/${person.userId}:disable`, { version });
    const isDead = async (): Promise<void> => {
      for (const token of [login, api.token]) expect(await isGood(token)).toBe(false);
      const cookie = { cookie: `__Host-stile-session=${login}` };
      expect((await call(stile.api, { path: target, headers: cookie })).status).toBe(401);
      expect((await send('POST', '/v1/auth-tokens:exchange', { token: onetime.token }, '')).status).toBe(401);
    };
    await isDead();
    expect(await endOf(sessionId)).toEqual({ status: 'terminated', reason: 'user disabled' });
    await done('POST', `/v1/users/${person.userId}:enable`, { version: disabled.version });
    await isDead();
    expect(await isGood(await person.login())).toBe(true);
  });

  test('case 20: a list that its client is reading when the token ends by time is read to its end', async () => {
    const person = await newPerson('slow-reader');
    const { token } = await mint({ type: 'api', lifetime: '2s' }, await person.login());
    const { host, port } = stile.api;
    const path = '/v1/targets?scope_id=global&recursive=true';
    const begun = get({
      host,
      port,
      path,
      headers: { authorization: `Bearer ${String(token)}` },
      agent: false,
    });
    const [response] = (await once(begun, 'response')) as [IncomingMessage];
    response.pause();
    await expect.poll(() => isGood(token), { timeout: 10_000 }).toBe(false);
    expect(await statusOf(idOf(token))).toBe('expired');
    const { items } = JSON.parse(await text(response)) as Json;
    expect((items as Json[]).map(({ id }) => id)).toContain('ttcp_1234567890');
    expect((await send('GET', path, undefined, token)).status).toBe(403);
  });

  test('revoke-all refuses a field that it does not know: `type` for `types` would end more than was meant', async () => {
    const answer = await send('POST', '/v1/auth-tokens:revoke-all', { type: ['api'] });
    expect(answer.status).toBe(400);
    expect(answer.json).toMatchObject({ details: { request_fields: [{ name: 'type' }] } });
  });

  test('case 45: of all sign-ins leaves API tokens alone, unless they are named', async () => {
    const person = await newPerson('outgoing');
    const [first, second] = [await person.login(), await person.login()];
    const api = await mint({ type: 'api', name: 'job' }, first);
    await mint({ type: 'web', user_id: person.userId });
    const out = await done('POST', '/v1/auth-tokens:revoke-all', { user_id: person.userId });
    expect(out.revocation).toMatchObject({ auth_tokens: 3 });
    expect(out.items).toHaveLength(3);
    for (const token of [first, second]) expect(await isGood(token)).toBe(false);
    expect(await isGood(api.token)).toBe(true);
    const all = { user_id: person.userId, types: ['login', 'web', 'api', 'one-time'] };
    expect((await done('POST', '/v1/auth-tokens:revoke-all', all)).revocation.auth_tokens).toBe(1);
    expect(await isGood(api.token)).toBe(false);
  });

  test('of all others leaves the one that asks, though it came of one that ends', async () => {
    const person = await newPerson('handed-over');
    const first = await person.login();
    const { token } = await mint({ type: 'one-time' }, first);
    const current = (await done('POST', '/v1/auth-tokens:exchange', { token })).attributes.token;
    const { revocation } = await done(
      'POST',
      '/v1/auth-tokens:revoke-all',
      { except_current: true },
      current,
    );
    expect(revocation.auth_tokens).toBe(1);
    expect(await isGood(first)).toBe(false);
    expect(await isGood(current)).toBe(true);
    const other = await mint({ type: 'one-time' }, await person.login());
    const again = (await done('POST', '/v1/auth-tokens:exchange', { token: other.token })).attributes.token;
    const change = { version: 1, current_password: 'a good password', new_password: 'a better password' };
    await done('POST', `/v1/accounts/${person.accountId}:change-password`, change, again);
    expect(await isGood(current)).toBe(false);
    expect(await isGood(again)).toBe(true);
  });

  test('of all others leaves the one that asks; of somebody else is an administrator’s alone', async () => {
    const person = await newPerson('tidy');
    const [mine, other] = [await person.login(), await person.login()];
    const rest = await done('POST', '/v1/auth-tokens:revoke-all', { except_current: true }, mine);
    expect(rest.revocation).toMatchObject({ auth_tokens: 1 });
    expect(await isGood(mine)).toBe(true);
    expect(await isGood(other)).toBe(false);
    expect((await send('POST', '/v1/auth-tokens:revoke-all', { user_id: 'u_1234567890' }, mine)).status).toBe(
      403,
    );
    expect((await send('POST', '/v1/auth-tokens:revoke-all', { user_id: '*' }, mine)).status).toBe(403);
    // Whoever does not say so does not log itself out.
    await done('POST', '/v1/auth-tokens:revoke-all', {}, mine);
    expect(await isGood(mine)).toBe(true);
    await done('POST', '/v1/auth-tokens:revoke-all', { except_current: false }, mine);
    expect(await isGood(mine)).toBe(false);
    expect(await isGood(stile.admin)).toBe(true);
  });

  test('case 46: another password ends the other logins; the one that changes it and API tokens live and are counted', async () => {
    const person = await newPerson('changer');
    const [mine, other] = [await person.login(), await person.login()];
    const api = await mint({ type: 'api' }, mine);
    const path = `/v1/accounts/${person.accountId}`;
    const changed = await done(
      'POST',
      `${path}:change-password`,
      { version: 1, current_password: 'a good password', new_password: 'a better password' },
      mine,
    );
    expect(changed.revocation).toMatchObject({ auth_tokens: 1, api_tokens_kept: 1 });
    expect(await isGood(mine)).toBe(true);
    expect(await isGood(other)).toBe(false);
    expect(await isGood(api.token)).toBe(true);
    const set = await done('POST', `${path}:set-password`, { version: 2, password: 'an admin’s password' });
    expect(set.revocation).toMatchObject({ auth_tokens: 1, api_tokens_kept: 1 });
    expect(await isGood(mine)).toBe(false);
    const refused = await send(
      'POST',
      `${path}:change-password`,
      { version: 3, current_password: 'x', new_password: 'y' },
      api.token,
    );
    expect(refused.status).toBe(403);
  });

  test('is in the list for whoever asks for it, and in a refresh among the removed', async () => {
    const { userId, login } = await newPerson('listed');
    const token = await login();
    const path = `/v1/auth-tokens?scope_id=global&user_id=${userId}`;
    const before = await done('GET', path);
    expect(before.items).toHaveLength(1);
    await done('POST', `/v1/auth-tokens/${idOf(token)}:revoke`);
    const refreshed = await done('GET', `${path}&list_token=${before.list_token}`);
    expect(refreshed.removed_ids).toContain(idOf(token));
    expect((await done('GET', path)).items).toBeUndefined();
    const all = await done('GET', `${path}&include_expired=true`);
    expect(all.items).toMatchObject([{ id: idOf(token), status: 'revoked', login_name: 'listed' }]);
    expect((await done('GET', `${path}&include_expired=true&type=api`)).items).toBeUndefined();
    expect((await send('GET', `${path}&type=apples`)).json).toMatchObject({
      details: { request_fields: [{ name: 'type' }] },
    });
  });
});

test('a name that no token can have is 400 in the list, not a fault of the database', async () => {
  expect((await send('GET', '/v1/auth-tokens?scope_id=global&name=a%00b')).status).toBe(400);
  expect((await send('GET', '/v1/auth-tokens?scope_id=global&name=none')).status).toBe(200);
});

describe('what the caller is told of itself', () => {
  test('is who it is, by which token, in which groups and roles, and what it may', async () => {
    const me = await done('GET', '/v1/users:me');
    expect(me).toMatchObject({
      user: { id: 'u_1234567890', login_name: 'admin' },
      account: { login_name: 'admin', auth_method_id: 'ampw_1234567890' },
      auth_token: { id: idOf(stile.admin), type: 'login', status: 'active' },
      may: { create_api_token: true, create_for_others: true, list_all_tokens: true, reset_two_factor: true },
    });
    expect((await done('GET', '/v1/users:me', undefined, stile.user)).may).toMatchObject({
      create_api_token: true,
      create_for_others: false,
      list_all_tokens: false,
      reset_two_factor: false,
    });
    expect((await send('GET', '/v1/users:me', undefined, '')).status).toBe(401);
    const narrow = await mint({ type: 'api', token_scopes: ['target:read'] });
    expect((await done('GET', '/v1/users:me', undefined, narrow.token)).may).toEqual({
      create_api_token: false,
      create_for_others: false,
      list_all_tokens: false,
      reset_two_factor: false,
    });
  });

  test('includes free notes, which are small, few, and set by an unrestricted token', async () => {
    const path = '/v1/users/u_1234567890:set-attribute';
    const set = await done('POST', path, { key: 'color', value: { shade: 'green' } });
    expect(set.attributes).toEqual({ color: { shade: 'green' } });
    expect((await done('GET', '/v1/users:me')).attributes).toEqual({ color: { shade: 'green' } });
    expect((await done('POST', path, { key: 'color', value: null })).attributes).toEqual({});
    for (const body of [
      { key: 'Color', value: 1 },
      { key: 'a'.repeat(65), value: 1 },
      { key: 'a' },
      { key: 'a', value: 'x'.repeat(4097) },
    ]) {
      expect((await send('POST', path, body)).status).toBe(400);
    }
    for (let count = 0; count < 64; count++) await done('POST', path, { key: `n${count}`, value: count });
    expect((await send('POST', path, { key: 'one-more', value: 1 })).json).toMatchObject({
      kind: 'FailedPrecondition',
    });
    await done('POST', path, { key: 'n3', value: 'again' });
    expect((await send('POST', path, { key: 'a', value: 1 }, stile.user)).status).toBe(403);
    const narrow = await mint({ type: 'api', token_scopes: ['user:*'] });
    expect((await send('POST', path, { key: 'a', value: 1 }, narrow.token)).status).toBe(403);
  });

  test('includes how long API tokens may live, and every legal scope', async () => {
    expect(await done('GET', '/v1/auth-tokens:token-config')).toEqual({
      default_token_lifetime_seconds: 604_800,
      max_token_lifetime_seconds: 31_536_000,
      api_token_policy: 'self-service',
      max_tokens_per_user: 100,
    });
    const { items } = await done('GET', '/v1/auth-tokens:token-scopes');
    const names = (items as Json[]).map((item) => item.name as string);
    expect(names).toEqual(
      expect.arrayContaining(['*', 'target:read', 'target:*', 'stile:connect', 'auth-token:create:self']),
    );
  });
});
