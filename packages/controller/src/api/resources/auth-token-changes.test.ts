/** What a token may do to another: never so much that it could do, or live, more than before (tokens.md §0 row 8, §2.3, §2.4). */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestController, type TestController } from '../../../../../test/support/controller.ts';
import type { HttpAnswer } from '../../../../../test/support/http-client.ts';
import type { Json } from '../../../../../test/support/dev-server.ts';

let stile: TestController;
beforeAll(async () => {
  stile = await startTestController({ apiRateLimitDisable: true });
});
afterAll(() => stile?.stop());

async function done(verb: string, path: string, body?: unknown, token = stile.admin): Promise<Json> {
  const answer = await stile.send(verb, path, body, token);
  if (answer.status >= 300) throw new Error(`${verb} ${path}: ${answer.status} ${answer.text}`);
  return answer.json;
}

function mint(body: object, token?: string): Promise<Json> {
  return done('POST', '/v1/auth-tokens', body, token);
}

function rotate(made: Json, token: string): Promise<HttpAnswer> {
  return stile.send('POST', `/v1/auth-tokens/${made.id}:rotate`, { version: made.version }, token);
}

async function isGood(token: string): Promise<boolean> {
  return (await stile.send('GET', '/v1/users:me', undefined, token)).status === 200;
}

/** A sign-in handed on by a one-time token. */
async function handedOn(token: string): Promise<string> {
  const oneTime = await mint({ type: 'one-time' }, token);
  return (await done('POST', '/v1/auth-tokens:exchange', { token: oneTime.token })).attributes.token;
}

describe('the secret of another token', () => {
  const selfOnly = { type: 'api', token_scopes: ['auth-token:update:self'] };
  const stronger: readonly (readonly [string, object, object])[] = [
    ['token_scopes', selfOnly, { type: 'api' }],
    [
      'allow_list',
      { type: 'api', allow_list: ['auth-token:*'] },
      { type: 'api', allow_list: ['auth-token:*', 'target:*'] },
    ],
    ['expiration_time', { type: 'api', lifetime: '1h' }, { type: 'api', lifetime: '2h' }],
    ['match_origin', { type: 'api', match_origin: true, lifetime: '2h' }, { type: 'api', lifetime: '1h' }],
  ];

  test.each(stronger)('is not given to a token that is narrower by its %s', async (field, weak, strong) => {
    const by = await mint(weak);
    const other = await mint(strong);
    const refused = { message: 'An auth token cannot mint one wider than itself.' };
    const answer = await rotate(other, by.token);
    expect(answer.status).toBe(403);
    expect(answer.json).toMatchObject({ ...refused, details: { request_fields: [{ name: field }] } });
    expect(await isGood(other.token)).toBe(true);
  });

  test('is given to one that may do all of it, and a token may rotate itself', async () => {
    const by = await mint({ type: 'api', lifetime: '2h' });
    const other = await mint({ ...selfOnly, lifetime: '1h' });
    const rotated = await rotate(other, by.token);
    expect(rotated.status).toBe(200);
    const itself = rotated.json as Json;
    expect((await rotate(itself, itself.token)).status).toBe(200);
    const long = await mint({ type: 'api', lifetime: '90d' });
    expect((await rotate(long, stile.admin)).status).toBe(200);
  });

  test('is given to who may mint for others alone, by a sign-in: else an administrator of users would act as any of them', async () => {
    const made = await mint({ type: 'api', user_id: 'u_1234567890' });
    const role = await done('POST', '/v1/roles', { scope_id: 'global' });
    const granted = await done('POST', `/v1/roles/${role.id}:add-grants`, {
      version: role.version,
      grant_strings: ['ids=*;type=auth-token;actions=read,update'],
    });
    await done('POST', `/v1/roles/${role.id}:add-principals`, {
      version: granted.version,
      principal_ids: ['u_0987654321'],
    });
    expect((await rotate(made, stile.user)).status).toBe(403);
    const renamed = { version: 1, description: 'of no more use' };
    expect((await stile.send('PATCH', `/v1/auth-tokens/${made.id}`, renamed, stile.user)).status).toBe(200);
    const foreign = await mint({ type: 'api', user_id: 'u_0987654321' });
    const byKey = await mint({ type: 'api', lifetime: '300d' });
    expect((await rotate(foreign, byKey.token)).status).toBe(403);
    expect((await rotate(foreign, stile.admin)).status).toBe(200);
    await done('DELETE', `/v1/roles/${role.id}`);
  });
});

describe('case 26: what is handed on', () => {
  test('is no sign-in of an API token: it mints no one-time token', async () => {
    const api = await mint({ type: 'api' });
    expect((await stile.send('POST', '/v1/auth-tokens', { type: 'one-time' }, api.token)).status).toBe(403);
  });

  test('does not bind an API token that the person made where it was handed on: it outlives the logout there', async () => {
    const login = await handedOn(stile.admin);
    const child = await mint({ type: 'api' }, login);
    await done('POST', `/v1/auth-tokens/${login.split('_').slice(0, 2).join('_')}:revoke`, {}, login);
    expect(await isGood(child.token)).toBe(true);
  });
});

test('case 60: a restricted token checks no password, whatever its scopes', async () => {
  const made = await mint({ type: 'api', token_scopes: ['account:*'] });
  for (const id of ['acctpw_1234567890', 'acctpw_0987654321']) {
    const answer = await stile.send(
      'POST',
      `/v1/accounts/${id}:check-password`,
      { password: 'x' },
      made.token,
    );
    expect(answer.status).toBe(403);
  }
});

test('the end of all tokens of somebody shows no more of them than the grants do', async () => {
  const role = await done('POST', '/v1/roles', { scope_id: 'global' });
  const granted = await done('POST', `/v1/roles/${role.id}:add-grants`, {
    version: role.version,
    grant_strings: ['ids=*;type=auth-token;actions=delete;output_fields=id'],
  });
  const principals = { version: granted.version, principal_ids: ['u_0987654321'] };
  await done('POST', `/v1/roles/${role.id}:add-principals`, principals);
  const { id } = await mint({ type: 'api', name: 'unseen' });
  const body = { user_id: 'u_1234567890', types: ['api'] };
  const { items } = await done('POST', '/v1/auth-tokens:revoke-all', body, stile.user);
  expect(items).toContainEqual({ id });
  await done('DELETE', `/v1/roles/${role.id}`);
});
