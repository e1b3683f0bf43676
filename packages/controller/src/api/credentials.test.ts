/** Credentials over HTTP: what goes in, what comes out, and to whom. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestController, type TestController } from '../../../../test/support/controller.ts';
import { createRole } from '../iam/role-repository.ts';

type Json = Readonly<Record<string, unknown>>;

let stile: TestController;
let storeId: string;
beforeAll(async () => {
  stile = await startTestController();
  await stile.addLiveWorker();
  const made = await stile.send(
    'POST',
    '/v1/credential-stores',
    { scope_id: 'p_1234567890', type: 'static' },
    stile.admin,
  );
  storeId = String((made.json as Json)['id']);
});
afterAll(() => stile?.stop());

async function create(type: string, attributes: object, more: object = {}): Promise<Json> {
  const body = { credential_store_id: storeId, type, attributes, ...more };
  const answer = await stile.send('POST', '/v1/credentials', body, stile.admin);
  return { status: answer.status, ...(answer.json as Json) };
}

const knownSecret = 'a-very-well-known-secret-0123456789';

describe('credentials over HTTP', () => {
  test('authorize-session gives brokered credentials, and nothing else ever shows a secret', async () => {
    const name = 'the login';
    const login = await create('username_password', { username: 'u', password: knownSecret }, { name });
    const json = await create('json', { object: { token: knownSecret, deep: { list: [1, null] } } });
    const made = await stile.send(
      'POST',
      '/v1/targets',
      {
        scope_id: 'p_1234567890',
        type: 'tcp',
        name: 'brokered',
        address: '127.0.0.1',
        attributes: { default_port: 22 },
      },
      stile.admin,
    );
    const targetId = String((made.json as Json)['id']);
    const path = `/v1/targets/${targetId}`;
    const ids = [String(login['id']), String(json['id'])];
    const body = { version: 1, brokered_credential_source_ids: ids };
    const set = await stile.send('POST', `${path}:set-credential-sources`, body, stile.admin);
    expect(set.json).toMatchObject({ version: 2, brokered_credential_source_ids: [...ids].sort() });
    const authorized = await stile.send('POST', `${path}:authorize-session`, {}, stile.user);
    const { credentials } = authorized.json as { credentials: Json[] };
    const object = { deep: { list: [1, null] }, token: knownSecret };
    const decoded = { username: 'u', password: knownSecret };
    expect(credentials).toEqual([
      {
        credential_source: {
          id: json['id'],
          credential_store_id: storeId,
          type: 'static',
          credential_type: 'json',
        },
        secret: { raw: Buffer.from(JSON.stringify(object)).toString('base64'), decoded: object },
        credential: object,
      },
      {
        credential_source: {
          id: login['id'],
          name,
          credential_store_id: storeId,
          type: 'static',
          credential_type: 'username_password',
        },
        secret: { raw: Buffer.from(JSON.stringify(decoded)).toString('base64'), decoded },
        credential: decoded,
      },
    ]);
    const others = [
      await stile.send('GET', path, undefined, stile.admin),
      await stile.send('GET', `/v1/credentials/${ids[0] ?? ''}`, undefined, stile.admin),
      await stile.send('GET', `/v1/credentials?credential_store_id=${storeId}`, undefined, stile.admin),
      await stile.send('GET', '/v1/sessions?scope_id=p_1234567890', undefined, stile.admin),
    ];
    for (const answer of others) {
      expect(answer.status).toBe(200);
      expect(answer.text).not.toContain(knownSecret);
    }
    const refused = await stile.send('GET', `/v1/credentials/${ids[0] ?? ''}`, undefined, stile.user);
    expect(refused.status).toBe(403);
  });

  test('the postgres target of dev brokers its login by its alias', async () => {
    const alias = '/v1/targets/postgres.boundary.dev';
    const read = await stile.send('GET', alias, undefined, stile.admin);
    expect(read.json).toMatchObject({ version: 2, brokered_credential_source_ids: [expect.any(String)] });
    const authorized = await stile.send('POST', `${alias}:authorize-session`, {}, stile.user);
    expect(authorized.json).toMatchObject({
      credentials: [{ credential: { username: 'postgres', password: 'password' } }],
    });
  });

  test.each([
    ['username_password', { username: 'u', password: 'p', domain: 'd' }],
    ['password', { username: 'u', password: 'p' }],
    ['json', { object: { a: 1 }, password: 'p' }],
    ['password', { password: 1 }],
    ['json', { object: 'a' }],
    ['json', { object: [1] }],
    ['ssh_private_key', 'x'],
  ])('%s refuses attributes that it does not have: %j', async (type, attributes) => {
    expect(await create(type, attributes as object)).toMatchObject({
      status: 400,
      details: { request_fields: [{ name: 'attributes' }] },
    });
  });

  test('a PATCH changes what it names, keeps the rest, and clears nothing that must be there', async () => {
    const made = await create('username_password', { username: 'u', password: knownSecret });
    const path = `/v1/credentials/${String(made['id'])}`;
    const patch = async (body: object): Promise<Json> => {
      const answer = await stile.send('PATCH', path, body, stile.admin);
      return { status: answer.status, ...(answer.json as Json) };
    };
    const { password_hmac: before } = made['attributes'] as Json;
    expect(before).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(await patch({ version: 1, attributes: { username: 'v' } })).toMatchObject({
      version: 2,
      attributes: { username: 'v', password_hmac: before },
    });
    const changed = await patch({ version: 2, attributes: { password: 'another' } });
    expect(changed).toMatchObject({ version: 3 });
    expect((changed['attributes'] as Json)['password_hmac']).not.toBe(before);
    for (const attributes of [{ password: null }, { password: '' }, { username: null }]) {
      expect(await patch({ version: 3, attributes })).toMatchObject({
        status: 400,
        details: {
          request_fields: [{ description: 'This is a required field and cannot be set to empty.' }],
        },
      });
    }
    expect(await patch({ version: 3, type: 'json', name: 'n' })).toMatchObject({ status: 400 });
    expect(await patch({ version: 3, attributes: { zzz: 1 } })).toMatchObject({ status: 400 });
    // As clients do that send back what they read.
    const whole = { version: 3, name: 'n', attributes: { username: 'v', password_hmac: 'x' } };
    expect(await patch(whole)).toMatchObject({ status: 200, version: 4, name: 'n' });
  });

  test('an object of a JSON credential is replaced whole, and has a limit', async () => {
    const made = await create('json', { object: { a: 1, b: 2 } });
    const path = `/v1/credentials/${String(made['id'])}`;
    const patch = (object: unknown) =>
      stile.send('PATCH', path, { version: 1, attributes: { object } }, stile.admin);
    expect((await patch({ b: 2, a: 1 })).json).toMatchObject({ version: 1 });
    expect((await patch({})).status).toBe(400);
    expect((await patch(null)).status).toBe(400);
    expect((await patch({ a: 'x'.repeat(70_000) })).status).toBe(400);
    const huge = '{"version":1,"attributes":{"object":{"a":[1e999]}}}';
    expect((await stile.send('PATCH', path, huge, stile.admin)).text).toContain('attributes.object');
    expect((await patch({ a: 3 })).json).toMatchObject({ version: 2 });
  });

  test('a grant on one store opens its credentials to a user, and nothing beside them', async () => {
    const other = await stile.send(
      'POST',
      '/v1/credential-stores',
      { scope_id: 'p_1234567890', type: 'static' },
      stile.admin,
    );
    const otherId = String((other.json as Json)['id']);
    const inside = await create('password', { password: knownSecret });
    const outside = await create('password', { password: knownSecret }, { credential_store_id: otherId });
    const { database, clock } = stile.controller.parts;
    await database.write((tx) =>
      createRole(tx, {
        scopeId: 'p_1234567890',
        name: 'credentials of one store',
        grants: [`ids=${storeId};type=credential;actions=list,read,create`],
        principalIds: ['u_0987654321'],
        grantScopes: ['this'],
        nowUs: clock.nowUs(),
      }),
    );
    const status = async (method: string, path: string, body?: object): Promise<number> =>
      (await stile.send(method, path, body, stile.user)).status;
    const attributes = { password: 'p' };
    const body = { type: 'password', attributes };
    expect(await status('GET', `/v1/credentials?credential_store_id=${storeId}`)).toBe(200);
    expect(await status('GET', `/v1/credentials/${String(inside['id'])}`)).toBe(200);
    expect(await status('POST', '/v1/credentials', { ...body, credential_store_id: storeId })).toBe(200);
    expect(await status('GET', `/v1/credentials?credential_store_id=${otherId}`)).toBe(403);
    expect(await status('GET', `/v1/credentials/${String(outside['id'])}`)).toBe(403);
    expect(await status('POST', '/v1/credentials', { ...body, credential_store_id: otherId })).toBe(403);
    const path = `/v1/credentials/${String(inside['id'])}`;
    expect(await status('PATCH', path, { version: 1, attributes })).toBe(403);
    expect(await status('DELETE', path)).toBe(403);
    expect(await status('GET', `/v1/credential-stores/${storeId}`)).toBe(403);
    const change = { version: 1, brokered_credential_source_ids: [inside['id']] };
    expect(await status('POST', '/v1/targets/ttcp_1234567890:set-credential-sources', change)).toBe(403);
  });

  test('Vault stores and what is in them are refused as features that are not offered', async () => {
    const attributes = { address: 'https://vault.example', token: 'hvs.x' };
    const body = { scope_id: 'p_1234567890', type: 'vault', attributes };
    const store = await stile.send('POST', '/v1/credential-stores', body, stile.admin);
    expect(store).toMatchObject({ status: 405, json: { kind: 'Unimplemented' } });
    const libraries = '/v1/credential-libraries';
    const list = `${libraries}?credential_store_id=csvlt_1234567890`;
    expect((await stile.send('GET', list, undefined, stile.admin)).status).toBe(404);
    const library = { credential_store_id: 'csvlt_1234567890', type: 'vault-generic' };
    expect((await stile.send('POST', libraries, library, stile.admin)).status).toBe(404);
    expect((await stile.send('GET', `${libraries}/clvlt_1`, undefined, stile.admin)).status).toBe(404);
    expect((await stile.send('GET', `${libraries}/zzz`, undefined, stile.admin)).status).toBe(400);
  });
});
