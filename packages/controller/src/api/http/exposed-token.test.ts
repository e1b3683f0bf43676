/** Tokens in addresses: refused and recorded on a real controller, wherever they stand and however they are written (tokens.md §1.9). */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestController, type TestController } from '../../../../../test/support/controller.ts';
import { call, exchange, type HttpAnswer } from '../../../../../test/support/http-client.ts';
import { keptLog } from '../../../../../test/support/kept-log.ts';
import { exposedToken } from './exposed-token.ts';

const kept = keptLog('trace');
let stile: TestController;
beforeAll(async () => {
  stile = await startTestController({ log: kept.log });
});
afterAll(() => stile?.stop());

const event = 'auth token token exposed';
const refused = {
  status: 400,
  json: {
    kind: 'InvalidArgument',
    details: { request_fields: [{ name: 'token', description: 'Tokens are not accepted in URLs.' }] },
  },
};
const encoded = (text: string): string =>
  [...Buffer.from(text)].map((byte) => `%${byte.toString(16)}`).join('');

/** Sends the address as it is, with a good bearer: what is refused is the address. */
function get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<HttpAnswer> {
  return call(stile.api, { path, headers: { authorization: `Bearer ${stile.admin}`, ...headers } });
}

/** A token whose secret must appear nowhere; it is good. */
const secretOf = (token: string): string => token.slice('at_0123456789_s1'.length);

describe('case 34: a token in an address', () => {
  test.each<[string, (token: string) => string]>([
    ['in the query', (token) => `/v1/roles?scope_id=global&token=${token}`],
    ['in a parameter of another name', (token) => `/v1/roles?scope_id=global&filter=${token}`],
    ['in the name of a parameter', (token) => `/v1/roles?${token}`],
    ['in the path', (token) => `/v1/auth-tokens/${token}`],
    ['in a path that nothing is at', (token) => `/zzz/${token}/x`],
    ['before a verb', (token) => `/v1/auth-tokens/${token}:revoke`],
    ['encoded', (token) => `/v1/roles?x=${encoded(token)}`],
    ['encoded twice', (token) => `/v1/roles?x=${encodeURIComponent(encoded(token))}`],
    ['encoded in one character', (token) => `/v1/roles?x=${token.replace('_', '%5F')}`],
    [
      'encoded beside a percent sign that is wrong',
      (token) => `/v1/roles?a=%zz&x=${token.replace('_', '%5f')}`,
    ],
    ['in a path with a percent sign that is wrong', (token) => `/v1/roles/%zz?x=${token}`],
    ['between other characters', (token) => `/v1/roles?x=Bearer%20${token}%22`],
    ['in a whole address', (token) => `http://stile/v1/roles?x=${token}`],
    ['in a fragment that was sent', (token) => `/v1/roles#${token}`],
  ])('case 34: %s is 400, and recorded without its secret', async (_title, path) => {
    const before = kept.audited(event).length;
    expect(await get(path(stile.user))).toMatchObject(refused);
    expect(kept.audited(event).slice(before)).toMatchObject([
      { authTokenId: stile.user.slice(0, 13), address: expect.stringMatching(/^127\.0\.0\.1:\d+$/) },
    ]);
    expect(kept.text()).not.toContain(secretOf(stile.user));
  });

  test('case 34: in the Referer is 400, and recorded without its secret', async () => {
    const before = kept.audited(event).length;
    const referer = `https://console.example/?a=${stile.user}`;
    expect(await get('/v1/roles?scope_id=global', { referer })).toMatchObject(refused);
    expect(kept.audited(event).slice(before)).toMatchObject([{ authTokenId: stile.user.slice(0, 13) }]);
    expect(kept.text()).not.toContain(secretOf(stile.user));
  });

  test.each([
    'token',
    'access_token',
    'auth_token',
    'session',
    'session_token',
    'Token',
    '%74oken',
    'tok%65n',
  ])('case 34: a parameter %s is 400 whatever it holds, and whatever path it stands at', async (name) => {
    for (const path of ['/v1/roles', '/v1/zzz', '/', '/api/v2/health/', '/v1/openapi.json']) {
      for (const value of ['', '=', '=x', '=at_x', '[]=1&a=']) {
        const query = value === '[]=1&a=' ? `a=1&${name}=1` : `${name}${value}`;
        expect(await get(`${path}?${query}`)).toMatchObject(refused);
      }
    }
  });

  test.each(['POST', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD', 'PUT'])(
    'case 34: %s does nothing when its address has a token',
    async (method) => {
      const made = await stile.send('POST', '/v1/groups', { scope_id: 'global' }, stile.admin);
      const { id } = made.json as { id: string };
      const answer = await call(stile.api, {
        method,
        path: `/v1/groups/${id}?access_token=${stile.admin}`,
        headers: { authorization: `Bearer ${stile.admin}` },
      });
      expect(answer.status).toBe(400);
      expect((await get(`/v1/groups/${id}`)).status).toBe(200);
    },
  );

  test.each([
    '/v1/roles?scope_id=global&list_token=',
    '/v1/roles?scope_id=global&filter="token"%20in%20"/item/name"',
    '/v1/roles?scope_id=global&my_token=x&tokens=x&sessions=x',
    '/v1/roles?scope_id=global&x=at_0123456789',
    `/v1/roles?scope_id=global&x=at_0123456789_s1${'x'.repeat(48)}`,
    '/v1/openapi.json',
  ])('case 34: %s has none', async (path) => {
    const before = kept.audited(event).length;
    const answer = await get(path);
    expect(answer.text).not.toContain('Tokens are not accepted in URLs.');
    expect(kept.audited(event)).toHaveLength(before);
  });

  test('case 34: a page elsewhere with a parameter named session in its address may call', async () => {
    const referer = 'https://intranet.example/?session=1&token=abc';
    expect((await get('/v1/roles?scope_id=global', { referer })).status).toBe(200);
  });

  test('case 34: every answer forbids the browser to tell the next page where it was', async () => {
    const answers = [
      await get('/v1/roles?scope_id=global'),
      await get('/v1/openapi.json'),
      await get('/zzz'),
      await get(`/v1/roles?token=${stile.user}`),
      await get('/v1/roles/%zz'),
      await call(stile.api, { path: '/v1/roles' }),
      await stile.send('POST', '/v1/auth-tokens:exchange', { token: 'x' }),
    ];
    expect(answers.map((each) => each.headers['referrer-policy'])).toEqual(answers.map(() => 'no-referrer'));
  });

  test('case 34: the answer repeats nothing of the address', async () => {
    const text = await exchange(
      stile.api,
      `GET /v1/roles?token=${stile.user} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
    );
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    expect(text).not.toMatch(/at_/);
  });
});

test('an address of sixteen thousand percent signs is judged at once', () => {
  const start = performance.now();
  for (const text of ['%25'.repeat(5400), '%'.repeat(16_000), 'at_'.repeat(5400), '?&'.repeat(8000)]) {
    expect(exposedToken(`/v1/roles?x=${text}`)).toBeUndefined();
  }
  expect(performance.now() - start).toBeLessThan(2000);
});
