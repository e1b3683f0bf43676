/** Behind a proxy on this machine that a listener trusts: whose address counts, for tokens and for cookies (tokens.md §1.6, §1.9). */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestController, type TestController } from '../../../../test/support/controller.ts';
import type { Json } from '../../../../test/support/dev-server.ts';
import { call, type HttpAnswer } from '../../../../test/support/http-client.ts';

const loopback = { host: '127.0.0.1', port: 0 };

let stile: TestController;
beforeAll(async () => {
  const api = [{ address: loopback, trustedProxies: ['127.0.0.1', '10.1.0.0/16'] }];
  stile = await startTestController({ listeners: { api, cluster: { address: loopback } } });
});
afterAll(() => stile?.stop());

function logIn(type: string, forwardedFor: string): Promise<HttpAnswer> {
  return call(stile.api, {
    method: 'POST',
    path: '/v1/auth-methods/ampw_1234567890:authenticate',
    headers: { 'x-forwarded-for': forwardedFor },
    body: JSON.stringify({ attributes: { login_name: 'user', password: 'password' }, type }),
  });
}

test('case 28: the rightmost address that is no trusted proxy is the client, whatever stands before it', async () => {
  const { json }: { json: Json } = await logIn('token', '127.0.0.9, 203.0.113.7, 10.1.2.3');
  const { token, id } = json.attributes;
  const shown: Json = (await stile.send('GET', `/v1/auth-tokens/${id}`, undefined, token)).json;
  expect(shown.origin).toBe('203.0.113.7');
});

test('a cookie goes to a proxy on this machine, which may speak TLS to the client', async () => {
  const answer = await logIn('session-cookie', '203.0.113.7');
  expect(answer.status).toBe(200);
  expect(String(answer.headers['set-cookie'])).toMatch(
    /^__Host-stile-session=at_\w+; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
  );
});
