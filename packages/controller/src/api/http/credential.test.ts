/** Which token a request presents, on a real controller and, for what no resource of it has yet, on the pipeline alone (tokens.md §1.9). */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { silentLogger, type HostPort } from '@stile/runtime';
import { startTestController, type TestController } from '../../../../../test/support/controller.ts';
import { call, exchange, type HttpAnswer } from '../../../../../test/support/http-client.ts';
import { operation, type Operation } from '../operation.ts';
import { ApiServer } from '../server.ts';
import { credentialOf } from './credential.ts';

let stile: TestController;
let cookie: string;
beforeAll(async () => {
  stile = await startTestController();
  cookie = `__Host-stile-session=${stile.admin}`;
});
afterAll(() => stile?.stop());

/** 200 with the admin's rights; callers who are nobody see no roles. */
async function rolesWith(headers: Readonly<Record<string, string | readonly string[]>>): Promise<number> {
  return (await call(stile.api, { path: '/v1/roles?scope_id=global', headers })).status;
}

const dead = 401;
const bad = `at_0123456789_s1${'x'.repeat(49)}`;

/** An operation of the Cluster API's surface, for the holder of the token `good`. */
const clusterOperation: Operation = operation({
  resource: 'nodes',
  verb: 'list',
  method: 'GET',
  on: 'collection',
  path: '/api/v2/nodes/',
  surface: 'v2',
  summary: 'Lists nothing.',
  permission: { type: 'worker', action: 'list' },
  parse: () => undefined,
  locate: () => Promise.resolve({ resource: { scopeId: 'global', parentScopeId: null, type: 'worker' } }),
  act: () => Promise.resolve({ status: 200, body: {} }),
});

describe('the first source that is not empty decides alone', () => {
  test.each<[string, () => Record<string, string>, number]>([
    ['a good bearer', () => ({ authorization: `Bearer ${stile.admin}` }), 200],
    ['a good cookie', () => ({ cookie }), 200],
    [
      'a good bearer and a bad cookie',
      () => ({ authorization: `Bearer ${stile.admin}`, cookie: `__Host-stile-session=${bad}` }),
      200,
    ],
    ['a bad bearer and a good cookie', () => ({ authorization: `Bearer ${bad}`, cookie }), dead],
    ['a bearer that is no token and a good cookie', () => ({ authorization: 'Bearer x', cookie }), dead],
    ['an empty bearer and a good cookie', () => ({ authorization: 'Bearer ', cookie }), 200],
    ['an empty bearer without a space and a good cookie', () => ({ authorization: 'bearer', cookie }), 200],
    [
      'a good cookie and a bad one of another name before it',
      () => ({ cookie: `session=${bad}; ${cookie}` }),
      200,
    ],
    [
      'a bad cookie and a good pair of Boundary',
      () => ({
        cookie: `__Host-stile-session=${bad}; wt-js-token-cookie=${stile.admin.slice(0, 32)}; wt-http-token-cookie=${stile.admin.slice(32)}`,
      }),
      dead,
    ],
    ['the same good cookie twice', () => ({ cookie: `${cookie}; ${cookie}` }), 200],
    ['two of our cookies', () => ({ cookie: `${cookie}; __Host-stile-session=${bad}` }), 400],
    ['two of our cookies, one empty', () => ({ cookie: `__Host-stile-session=; ${cookie}` }), 400],
    [
      'the session header of the Cluster API, which /v1 does not know',
      () => ({ 'x-stile-api-session': stile.admin }),
      dead,
    ],
    [
      'attributes of a Set-Cookie line',
      () => ({ cookie: `${cookie}; Path=/; HttpOnly; Secure; SameSite=Strict` }),
      200,
    ],
  ])('case 35: %s', async (_title, headers, status) => {
    expect(await rolesWith(headers())).toBe(status);
  });

  test('case 35: a cookie that was given twice is named, and neither value is', async () => {
    const answer = await call(stile.api, {
      path: '/v1/roles?scope_id=global',
      headers: { cookie: `${cookie}; __Host-stile-session=${bad}` },
    });
    expect(answer.json).toMatchObject({ details: { request_fields: [{ name: 'cookie' }] } });
    expect(answer.text).not.toMatch(/at_/);
  });

  test('case 35: our cookie given twice in two header lines is 400 too', async () => {
    const head = 'GET /v1/roles?scope_id=global HTTP/1.1\r\nHost: x\r\nConnection: close\r\n';
    const cookies = `Cookie: ${cookie}\r\nCookie: __Host-stile-session=${bad}\r\n\r\n`;
    expect(await exchange(stile.api, head + cookies)).toMatch(/^HTTP\/1\.1 400 /);
  });

  test.each([
    ['Authorization', 'Bearer'],
    ['X-Correlation-Id', ''],
    ['Sec-Fetch-Site', ''],
    ['Origin', ''],
    ['X-Stile-API-Session', ''],
  ])('case 35: a repeated %s is 400, and the name is said', async (name) => {
    const line = `${name}: same-origin\r\n`;
    const head = 'GET /v1/roles?scope_id=global HTTP/1.1\r\nHost: x\r\nConnection: close\r\n';
    const text = await exchange(stile.api, `${head}${line}${line}\r\n`);
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    expect(text).toContain(`"name":"${name.toLowerCase()}"`);
  });
});

describe('case 35: the session header of the Cluster API', () => {
  let server: ApiServer;
  let address: HostPort;
  beforeAll(async () => {
    server = new ApiServer({
      operations: [clusterOperation],
      // The seam: the pipeline asks only this of an ACL.
      gate: {
        aclFor: () =>
          Promise.resolve({
            decide: () => ({ authorized: true, outputFields: { includes: () => true } }),
          } as never),
      },
      authenticate: ({ text }) => Promise.resolve({ userId: text === 'good' ? 'u_1' : 'u_anon' }),
      address: { host: '127.0.0.1', port: 0 },
      crossOrigin: { enabled: true, allowedOrigins: ['*'], allowedHeaders: [] },
      log: silentLogger,
    });
    address = await server.start();
  });
  afterAll(() => server?.close());

  test.each<[Record<string, string>, number]>([
    [{}, 401],
    [{ 'x-stile-api-session': 'good' }, 200],
    [{ 'x-cockroach-api-session': 'good' }, 200],
    [{ 'x-stile-api-session': 'good', 'x-cockroach-api-session': 'good' }, 200],
    [{ 'x-stile-api-session': 'good', 'x-cockroach-api-session': 'bad' }, 400],
    [{ 'x-stile-api-session': 'good', authorization: 'Bearer good' }, 200],
    [{ 'x-stile-api-session': 'good', authorization: 'Bearer bad' }, 400],
    [{ 'x-stile-api-session': 'bad', authorization: 'Bearer good' }, 400],
    [{ 'x-stile-api-session': 'bad', authorization: 'Bearer bad' }, 401],
    [{ 'x-stile-api-session': '', authorization: 'Bearer good' }, 200],
    [{ 'x-stile-api-session': 'bad', cookie: '__Host-stile-session=good' }, 401],
    [{ 'x-stile-api-session': 'cookie', cookie: '__Host-stile-session=good' }, 200],
    [{ 'x-cockroach-api-session': 'Cookie', cookie: '__Host-stile-session=good' }, 200],
    [{ 'x-stile-api-session': 'cookie', cookie: '__Host-stile-session=bad' }, 401],
    [{ 'x-stile-api-session': 'cookie', authorization: 'Bearer good' }, 200],
    [{ 'x-stile-api-session': 'cookie' }, 401],
    [{ cookie: '__Host-stile-session=good' }, 200],
    [{ cookie: 'wt-js-token-cookie=go; wt-http-token-cookie=od' }, 401],
  ])('%j is %i', async (headers, status) => {
    expect((await call(address, { path: '/api/v2/nodes/', headers })).status).toBe(status);
  });
});

describe('case 40: other cookies', () => {
  test.each([
    'session',
    'stile-session',
    '__host-stile-session',
    '__HOST-stile-session',
    '__Secure-stile-session',
    '__Host-Stile-Session',
    'x__Host-stile-session',
    // Browsers hold these for other names, without the prefix: a neighbouring host can plant them.
    '\u00a0__Host-stile-session',
    '__Host-stile-session\u00a0',
    '\u0085__Host-stile-session',
    '\u00c2\u00a0__Host-stile-session',
    '%5F_Host-stile-session',
  ])('%j says nothing', async (name) => {
    expect(await rolesWith({ cookie: `${name}=${stile.admin}` })).toBe(dead);
    expect(await rolesWith({ cookie: `${name}=${bad}; ${cookie}` })).toBe(200);
  });

  test('stile-session counts where cookies without TLS are allowed, and after the other', () => {
    const given = (text: string, insecureCookies: boolean) =>
      credentialOf({ cookie: text }, { surface: 'v1', insecureCookies });
    expect(given('stile-session=a', false)).toEqual({ text: undefined, source: 'none' });
    expect(given('stile-session=a', true)).toEqual({
      text: 'a',
      source: 'cookie',
      cookieName: 'stile-session',
    });
    expect(given('stile-session=a; __Host-stile-session=b', true)).toEqual({
      text: 'b',
      source: 'cookie',
      cookieName: '__Host-stile-session',
    });
    expect(given('session=a; __host-stile-session=a', true).source).toBe('none');
  });
});

describe('case 29: what is no token', () => {
  const good = (): string => stile.admin;
  const forms: readonly [string, () => string][] = [
    ['without its last part', () => good().slice(0, 13)],
    ['with an empty last part', () => `${good().slice(0, 13)}_`],
    ['of four parts', () => `${good()}_x`],
    ['of four parts within', () => `${good().slice(0, 13)}_s1_${good().slice(16)}`],
    ['at__x', () => 'at__x'],
    ['of one character', () => 'x'],
    ['of an underscore', () => '_'],
    ['with its last character changed', () => good().slice(0, -1) + (good().endsWith('a') ? 'b' : 'a')],
    ['with one character more', () => `${good()}0`],
    ['in lower case', () => good().toLowerCase()],
    ['with its prefix in upper case', () => good().replace('at_', 'AT_')],
    ['with its version in upper case', () => good().replace('_s1', '_S1')],
    ['with a space within', () => good().replace('_s1', ' s1')],
    ['in quotes', () => `"${good()}"`],
    ['percent-encoded', () => good().replaceAll('_', '%5F')],
    ['with a digit of another script', () => `${good().slice(0, -1)}\u00b2`],
    ['with the bytes of an Arabic digit', () => `${good().slice(0, -1)}\u00d9\u00a1`],
    ['of ten thousand characters', () => 'x'.repeat(10_000)],
    ['another API key', () => 'ghp_0123456789012345678901234567890123456'],
  ];

  test.each(forms)('%s, as a bearer and as a cookie, is nobody', async (_title, form) => {
    expect(await rolesWith({ authorization: `Bearer ${form()}` })).toBe(dead);
    expect(await rolesWith({ cookie: `__Host-stile-session=${form()}` })).toBe(dead);
  });

  test('with spaces around it is the token: no header value ends in one', async () => {
    expect(await rolesWith({ authorization: `Bearer   ${good()}  ` })).toBe(200);
  });

  test.each<[string, (head: string, token: string) => string, RegExp]>([
    [
      'a megabyte is refused before it is read',
      (head) => `${head}Authorization: Bearer ${'x'.repeat(1024 * 1024)}\r\n\r\n`,
      /^HTTP\/1\.1 (431|401) /,
    ],
    ['a NUL is 400', (head, token) => `${head}Authorization: Bearer ${token}\0\r\n\r\n`, /^HTTP\/1\.1 400 /],
    [
      'a line break makes no header of ours',
      (head) => `${head}Authorization: Bearer x\r\nX-Injected: 1\r\n\r\n`,
      /^HTTP\/1\.1 401 /,
    ],
    [
      'a lone line feed is 400 or nobody',
      (head) => `${head}Authorization: Bearer x\ny: 1\r\n\r\n`,
      /^HTTP\/1\.1 40[01] /,
    ],
    [
      'a lone carriage return is 400',
      (head) => `${head}Authorization: Bearer x\ry\r\n\r\n`,
      /^HTTP\/1\.1 400 /,
    ],
  ])('%s', async (_title, request, status) => {
    const head = 'GET /v1/roles?scope_id=global HTTP/1.1\r\nHost: x\r\nConnection: close\r\n';
    const text = await exchange(stile.api, request(head, good())).catch((error: unknown) => {
      // What comes after the refusal meets a closed socket.
      if ((error as NodeJS.ErrnoException).code === 'ECONNRESET') return 'HTTP/1.1 431 ';
      throw error;
    });
    expect(text).toMatch(status);
    expect(text).not.toMatch(/x-injected/i);
  });
});

describe('case 30: other secrets', () => {
  const asAdmin = (path: string, body?: unknown): Promise<HttpAnswer> =>
    stile.send('POST', path, body, stile.admin);

  /** One of every other kind, fresh from the controller that would check it. */
  async function otherSecrets(): Promise<Readonly<Record<string, string>>> {
    await stile.addLiveWorker();
    const session = await asAdmin('/v1/targets/ttcp_1234567890:authorize-session', {});
    const worker = await asAdmin('/v1/workers:create:controller-led', { scope_id: 'global' });
    const { authorization_token: authorization } = session.json as { authorization_token: string };
    const { controller_generated_activation_token: activation } = worker.json as {
      controller_generated_activation_token: string;
    };
    return { authorization, activation, recovery: `r_${'A'.repeat(120)}`, tofu: 'A1b2C3d4E5f6G7h8I9j0' };
  }

  test('are nobody as a bearer, as our cookie and as a one-time token', async () => {
    const secrets = await otherSecrets();
    expect(Object.values(secrets).every((text) => typeof text === 'string' && text.length >= 20)).toBe(true);
    for (const [kind, text] of Object.entries(secrets)) {
      const statuses = {
        bearer: await rolesWith({ authorization: `Bearer ${text}` }),
        cookie: await rolesWith({ cookie: `__Host-stile-session=${text}` }),
        exchange: (await stile.send('POST', '/v1/auth-tokens:exchange', { token: text })).status,
      };
      expect({ kind, ...statuses }).toEqual({ kind, bearer: dead, cookie: dead, exchange: 401 });
    }
  });

  test('an auth token registers no worker, is no one-time token and no password', async () => {
    const led = await asAdmin('/v1/workers:create:worker-led', {
      scope_id: 'global',
      worker_generated_auth_token: stile.admin,
    });
    expect(led).toMatchObject({
      status: 400,
      json: { details: { request_fields: [{ name: 'worker_generated_auth_token' }] } },
    });
    expect(led.text).not.toContain(stile.admin);
    const exchanged = await stile.send('POST', '/v1/auth-tokens:exchange', { token: stile.admin });
    expect(exchanged.status).toBe(401);
    const login = await stile.send('POST', '/v1/auth-methods/ampw_1234567890:authenticate', {
      attributes: { login_name: 'admin', password: stile.admin },
    });
    expect(login.status).toBe(401);
  });
});
