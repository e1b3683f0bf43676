/** Auth methods, accounts and auth tokens over HTTP: what the recorded calls do not show. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestController, type TestController } from '../../../../test/support/controller.ts';

type Json = Readonly<Record<string, unknown>>;

let stile: TestController;
beforeAll(async () => {
  stile = await startTestController();
  await stile.addLiveWorker();
});
afterAll(() => stile?.stop());

async function send(method: string, path: string, body?: object, token = stile.admin): Promise<Json> {
  const answer = await stile.send(method, path, body, token);
  return { status: answer.status, ...((answer.json ?? {}) as Json) };
}

async function newAccount(loginName: string): Promise<{ readonly id: string; readonly token: string }> {
  const made = await send('POST', '/v1/accounts', {
    auth_method_id: 'ampw_1234567890',
    attributes: { login_name: loginName, password: 'a good password' },
  });
  return { id: String(made['id']), token: await stile.login(loginName, 'a good password') };
}

async function authorize(token: string): Promise<string> {
  const made = await send('POST', '/v1/targets/ttcp_1234567890:authorize-session', {}, token);
  return String(made['session_id']);
}

const idOf = (token: string): string => token.split('_').slice(0, 2).join('_');
const statusOf = async (sessionId: string): Promise<unknown> =>
  (await send('GET', `/v1/sessions/${sessionId}`))['status'];

describe('auth methods, accounts and auth tokens over HTTP', () => {
  test.each(['oidc', 'ldap', 'zzz', ''])('an auth method of type "%s" is refused by name', async (type) => {
    const body = { scope_id: 'global', type, attributes: { issuer: 'https://example.com', urls: ['x'] } };
    expect(await send('POST', '/v1/auth-methods', body)).toMatchObject({
      status: 400,
      details: {
        request_fields: [{ name: 'type', description: 'This is a required field and must be "password".' }],
      },
    });
  });

  test('is_primary cannot be given, lengths have limits, and the state is for OIDC alone', async () => {
    const base = { scope_id: 'o_1234567890', type: 'password' };
    expect(await send('POST', '/v1/auth-methods', { ...base, is_primary: true })).toMatchObject({
      status: 400,
      details: { request_fields: [{ name: 'is_primary', description: 'This field is read only.' }] },
    });
    for (const length of [0, 100_000]) {
      const attributes = { min_password_length: length };
      expect(await send('POST', '/v1/auth-methods', { ...base, attributes })).toMatchObject({
        status: 400,
        details: { request_fields: [{ name: 'attributes.min_password_length' }] },
      });
    }
    expect(await send('POST', '/v1/auth-methods/ampw_1234567890:change-state', { version: 1 })).toMatchObject(
      {
        status: 404,
        message: 'This endpoint is only available for the "oidc" Auth Method type.',
      },
    );
  });

  test('a deleted account cannot be used from the next call on, and its sessions end', async () => {
    const { id, token } = await newAccount('leaver');
    const sessionId = await authorize(token);
    expect(await send('GET', `/v1/auth-tokens/${idOf(token)}`, undefined, token)).toMatchObject({
      id: idOf(token),
    });
    expect(await send('DELETE', `/v1/accounts/${id}`, undefined, token)).toMatchObject({ status: 403 });
    expect(await send('DELETE', `/v1/accounts/${id}`)).toMatchObject({ status: 204 });
    expect(await send('GET', '/v1/targets/ttcp_1234567890', undefined, token)).toMatchObject({ status: 401 });
    expect(await statusOf(sessionId)).toBe('terminated');
    expect(await send('GET', `/v1/auth-tokens/${idOf(token)}`)).toMatchObject({
      status: 'revoked',
      revoked_reason: 'account deleted',
    });
    await expect(stile.login('leaver', 'a good password')).rejects.toThrow('401');
  });

  test('an administrator ends the token of another, whose sessions end; nobody else may', async () => {
    const { token } = await newAccount('guest');
    const sessionId = await authorize(token);
    const path = `/v1/auth-tokens/${idOf(token)}`;
    expect(await send('DELETE', path, undefined, stile.user)).toMatchObject({ status: 403 });
    expect(await send('DELETE', path, undefined, '')).toMatchObject({ status: 401 });
    expect(await statusOf(sessionId)).toBe('pending');
    expect(await send('DELETE', path)).toMatchObject({ status: 204 });
    expect(await statusOf(sessionId)).toBe('terminated');
    expect(await send('GET', '/v1/targets/ttcp_1234567890', undefined, token)).toMatchObject({ status: 401 });
    expect(await send('DELETE', path)).toMatchObject({ status: 404 });
  });

  test('a user sees the own tokens alone, the administrator all', async () => {
    const { token } = await newAccount('lister');
    const list = async (by: string): Promise<readonly Json[]> =>
      ((await send('GET', '/v1/auth-tokens?scope_id=global', undefined, by))['items'] ?? []) as Json[];
    expect((await list(token)).map((item) => item['id'])).toEqual([idOf(token)]);
    expect((await list(stile.admin)).length).toBeGreaterThan(2);
  });

  test('deleting an auth method ends who logged in by it, and answers an empty object', async () => {
    const method = await send('POST', '/v1/auth-methods', { scope_id: 'global', type: 'password' });
    const methodId = String(method['id']);
    const account = await send('POST', '/v1/accounts', {
      auth_method_id: methodId,
      attributes: { login_name: 'second', password: 'a good password' },
    });
    // Not the primary method: it makes no user.
    const attributes = { login_name: 'second', password: 'a good password' };
    expect(await send('POST', `/v1/auth-methods/${methodId}:authenticate`, { attributes }, '')).toMatchObject(
      {
        status: 404,
        message: 'Unable to find requested resource.',
      },
    );
    const deleted = await stile.send('DELETE', `/v1/auth-methods/${methodId}`, undefined, stile.admin);
    expect({ status: deleted.status, text: deleted.text }).toEqual({ status: 200, text: '{}' });
    expect(await send('GET', `/v1/accounts/${String(account['id'])}`)).toMatchObject({ status: 404 });
    expect(await send('GET', `/v1/auth-methods/${methodId}`)).toMatchObject({ status: 404 });
  });

  test('an account changes its own password, and by no wrong one', async () => {
    const { id, token } = await newAccount('changer');
    const change = (current: string) =>
      send(
        'POST',
        `/v1/accounts/${id}:change-password`,
        { version: 1, current_password: current, new_password: 'a new password' },
        token,
      );
    expect(await change('not it at all')).toMatchObject({
      status: 403,
      kind: 'PermissionDenied',
      message: 'Failed to change password.',
    });
    expect(await change('a good password')).toMatchObject({ status: 200, version: 2 });
    await stile.login('changer', 'a new password');
    const others = `/v1/accounts/acctpw_1234567890:change-password`;
    const body = { version: 1, current_password: 'password', new_password: 'a new password' };
    expect(await send('POST', others, body, token)).toMatchObject({ status: 403, message: 'Forbidden.' });
  });

  test('managed groups exist nowhere: their lists need another type of auth method', async () => {
    const list = (id: string) => send('GET', `/v1/managed-groups?auth_method_id=${id}`);
    expect(await list('ampw_1234567890')).toMatchObject({ status: 400 });
    expect(await list('amoidc_1234567890')).toMatchObject({ status: 404 });
    const body = { auth_method_id: 'ampw_1234567890', attributes: { filter: 'x' } };
    expect(await send('POST', '/v1/managed-groups', body)).toMatchObject({ status: 400 });
  });
});
