/** `kill -9` right behind the answer: what was acknowledged about an auth token holds after the restart (tokens.md §6, case 53). */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Cluster } from '../support/cluster.ts';
import { callApi, type ApiAnswer, type Json } from '../support/dev-server.ts';

let cluster: Cluster;
let admin: string;
beforeAll(async () => {
  cluster = new Cluster();
  await cluster.initialize();
  await cluster.startController('c1');
  admin = await cluster.adminToken('c1');
});
afterAll(() => cluster?.stop());

function call(method: string, path: string, body?: unknown, token = admin): Promise<ApiAnswer> {
  return callApi(`http://${cluster.address('c1', 'api')}`, { method, path, body, token });
}

/** A call whose answer is the last that the controller does. */
async function lastCall(path: string, body: unknown, token?: string): Promise<Json> {
  const answer = await call('POST', path, body, token);
  expect(answer.status).toBe(200);
  await cluster.kill('c1');
  await cluster.startController('c1');
  return answer.body;
}

async function isGood(token: string): Promise<boolean> {
  return (await call('GET', '/v1/users:me', undefined, token)).status === 200;
}

test('case 53: a token that was made works, one that was revoked is dead, one that was exchanged is consumed', async () => {
  const made = await lastCall('/v1/auth-tokens', { type: 'api', name: 'crash' });
  expect(await isGood(made.token)).toBe(true);

  await lastCall(`/v1/auth-tokens/${made.id}:revoke`, {});
  expect(await isGood(made.token)).toBe(false);
  expect((await call('GET', `/v1/auth-tokens/${made.id}`)).body).toMatchObject({ status: 'revoked' });

  const onetime = (await call('POST', '/v1/auth-tokens', { type: 'one-time' })).body;
  const exchanged = await lastCall('/v1/auth-tokens:exchange', { token: onetime.token }, '');
  expect(await isGood(exchanged.attributes.token)).toBe(true);
  expect((await call('POST', '/v1/auth-tokens:exchange', { token: onetime.token }, '')).status).toBe(401);
  expect((await call('GET', `/v1/auth-tokens/${onetime.id}`)).body).toMatchObject({ status: 'consumed' });
});
