/** Cookies on a real controller: who gets one, what a page of another origin can do with it, and how it goes (tokens.md §1.9). */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestController, type TestController } from '../../../../../test/support/controller.ts';
import { call, exchange, type HttpAnswer } from '../../../../../test/support/http-client.ts';
import { keptLog } from '../../../../../test/support/kept-log.ts';
import { letPeersBeNamed, peerHeader } from '../../../../../test/support/peer-address.ts';

const kept = keptLog();
const forgetPeers = letPeersBeNamed();
const direct = { address: { host: '127.0.0.1', port: 0 } };
let stile: TestController;
/** Cookies without TLS, and a trusted proxy on an address of the network. */
let insecure: TestController;
beforeAll(async () => {
  stile = await startTestController({ log: kept.log });
  const api = [{ ...direct, insecureCookies: true, trustedProxies: ['192.0.2.1', '127.0.0.9'] }];
  insecure = await startTestController({ log: kept.log, listeners: { api, cluster: direct } });
});
afterAll(async () => {
  forgetPeers();
  await stile?.stop();
  await insecure?.stop();
});

type Headers = Readonly<Record<string, string>>;

const loginPath = '/v1/auth-methods/ampw_1234567890:authenticate';

function login(type: string, headers: Headers = {}, where = stile): Promise<HttpAnswer> {
  const body = { type, attributes: { login_name: 'admin', password: 'password' } };
  return call(where.api, { method: 'POST', path: loginPath, body, headers });
}

function cookiesOf(answer: HttpAnswer): readonly string[] {
  const given = answer.headers['set-cookie'];
  return typeof given === 'string' ? [given] : (given ?? []);
}

/** `name=value` of the one cookie that was set. */
function cookieOf(answer: HttpAnswer): string {
  const [only = '', ...more] = cookiesOf(answer);
  expect(more).toEqual([]);
  return only.split(';', 1)[0] ?? '';
}

async function oneTimeToken(where = stile): Promise<string> {
  const made = await where.send('POST', '/v1/auth-tokens', { type: 'one-time' }, where.admin);
  return (made.json as { token: string }).token;
}

async function swap(type: string, headers: Headers = {}, where = stile): Promise<HttpAnswer> {
  const body = { token: await oneTimeToken(where), type };
  return call(where.api, { method: 'POST', path: '/v1/auth-tokens:exchange', body, headers });
}

const foreign: readonly [string, Headers][] = [
  ['an origin of another host', { origin: 'https://evil.example' }],
  ['the own host at another port', { host: 'stile:9200', origin: 'http://stile:9201' }],
  ['a host that begins alike', { host: 'stile:9200', origin: 'http://stile:9200.evil.example' }],
  ['an origin without a name', { origin: 'null' }],
  ['an empty origin', { origin: '' }],
  ['another site', { 'sec-fetch-site': 'cross-site' }],
  ['a neighbour on the same site', { 'sec-fetch-site': 'same-site' }],
  ['a word that no browser says', { 'sec-fetch-site': 'same-origin, same-origin' }],
  ['another site that claims our origin', { host: 'a', origin: 'http://a', 'sec-fetch-site': 'cross-site' }],
  ['a form of a browser that says nothing', { 'content-type': 'application/x-www-form-urlencoded' }],
  ['a form with files', { 'content-type': 'Multipart/Form-Data; boundary=x' }],
  ['a form of plain text', { 'content-type': 'text/plain' }],
];

const own: readonly [string, Headers][] = [
  ['no page', {}],
  ['no page, with JSON', { 'content-type': 'application/json' }],
  ['our own page', { 'sec-fetch-site': 'same-origin', origin: 'http://stile', host: 'stile' }],
  ['the address bar', { 'sec-fetch-site': 'none' }],
  ['our own page in an old browser', { origin: 'http://stile:9200', host: 'stile:9200' }],
  ['our own page behind a proxy with TLS', { origin: 'https://stile', host: 'Stile' }],
  [
    'our own page, with a text for a body',
    { 'sec-fetch-site': 'same-origin', 'content-type': 'text/plain;charset=UTF-8' },
  ],
];

describe('case 36: a page of another origin', () => {
  /** What the cookie of the admin changes when such a request is served. */
  async function changeBy(presented: Headers, headers: Headers): Promise<HttpAnswer> {
    const body = { scope_id: 'global', name: `g ${Math.random()}` };
    return call(stile.api, {
      method: 'POST',
      path: '/v1/groups',
      body,
      headers: { ...presented, ...headers },
    });
  }
  const groups = async (): Promise<number> => {
    const answer = await stile.send('GET', '/v1/groups?scope_id=global', undefined, stile.admin);
    return (answer.json as { items?: readonly unknown[] }).items?.length ?? 0;
  };
  let session: string;
  let pair: string;
  beforeAll(async () => {
    session = cookieOf(await login('session-cookie'));
    pair = cookiesOf(await login('cookie'))
      .map((each) => each.split(';', 1)[0])
      .join('; ');
  });

  test.each(foreign)(
    'case 36: %s changes nothing by a cookie, and may by a bearer',
    async (_title, headers) => {
      const before = await groups();
      for (const cookie of [session, pair]) {
        const answer = await changeBy({ cookie }, headers);
        expect(answer).toMatchObject({
          status: 403,
          json: { kind: 'PermissionDenied', message: 'Cross-origin request refused.' },
        });
        expect(cookiesOf(answer)).toEqual([]);
      }
      expect(await groups()).toBe(before);
      const bearer = await changeBy({ authorization: `Bearer ${stile.admin}`, cookie: session }, headers);
      expect(bearer.status).toBe(200);
      expect(await groups()).toBe(before + 1);
    },
  );

  test.each(foreign)('case 36: %s logs nobody in by a cookie', async (_title, headers) => {
    for (const type of ['session-cookie', 'cookie']) {
      const answer = await login(type, headers);
      expect({ type, status: answer.status, cookies: cookiesOf(answer) }).toEqual({
        type,
        status: 403,
        cookies: [],
      });
      expect(answer.text).not.toMatch(/at_/);
    }
    const answer = await login('token', headers);
    expect(answer.status).toBe(200);
    expect(cookiesOf(answer)).toEqual([]);
  });

  test.each(foreign)(
    'case 36: %s exchanges nothing for a cookie, and the token stays',
    async (_title, headers) => {
      const body = { token: await oneTimeToken(), type: 'session-cookie' };
      const path = '/v1/auth-tokens:exchange';
      const answer = await call(stile.api, { method: 'POST', path, body, headers });
      expect({ status: answer.status, cookies: cookiesOf(answer) }).toEqual({ status: 403, cookies: [] });
      const again = await call(stile.api, {
        method: 'POST',
        path,
        body: { ...body, type: 'token' },
        headers,
      });
      expect(again.status).toBe(200);
      expect(cookiesOf(again)).toEqual([]);
    },
  );

  test.each(own)('case 36: %s is served', async (_title, headers) => {
    expect((await changeBy({ cookie: session }, headers)).status).toBe(200);
    expect(cookieOf(await login('session-cookie', headers))).toMatch(/^__Host-stile-session=at_/);
    expect(cookieOf(await swap('session-cookie', headers))).toMatch(/^__Host-stile-session=at_/);
  });

  test('case 36: no GET by a cookie changes what can be read', async () => {
    const reads = async (): Promise<string> => {
      const texts = await Promise.all(
        ['groups', 'users', 'roles', 'scopes', 'auth-methods', 'workers'].map(
          async (name) =>
            (await stile.send('GET', `/v1/${name}?scope_id=global`, undefined, stile.admin)).text,
        ),
      );
      // A list token is made anew at each page.
      return texts.join('\n').replaceAll(/"list_token":"[^"]*"/g, '');
    };
    const before = await reads();
    for (const path of [
      '/v1/groups?scope_id=global&name=x',
      `/v1/auth-tokens/${stile.admin.slice(0, 13)}:revoke`,
      '/v1/auth-tokens:revoke-all',
      '/v1/auth-tokens:exchange',
      loginPath,
    ]) {
      const headers = { cookie: session, origin: 'https://evil.example' };
      const answer = await call(stile.api, { path, headers });
      expect(cookiesOf(answer)).toEqual([]);
      expect(answer.headers['access-control-allow-credentials']).toBeUndefined();
    }
    expect(await reads()).toBe(before);
    expect((await stile.send('GET', '/v1/roles?scope_id=global', undefined, stile.admin)).status).toBe(200);
  });

  test('case 36: preflights never allow credentials', async () => {
    const headers = {
      origin: 'https://evil.example',
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'content-type',
    };
    const answer = await call(stile.api, { method: 'OPTIONS', path: '/v1/groups', headers });
    expect(answer.headers['access-control-allow-credentials']).toBeUndefined();
  });
});

describe('case 38: the cookie that is given', () => {
  test('case 38: carries the token with the attributes that browsers demand, and the body does not', async () => {
    for (const answer of [await login('session-cookie'), await swap('session-cookie')]) {
      expect(cookiesOf(answer)).toEqual([
        expect.stringMatching(
          /^__Host-stile-session=at_[0-9A-Za-z]{10}_s1[0-9A-Za-z]{49}; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
        ),
      ]);
      expect(answer.json).toMatchObject({ type: 'session-cookie' });
      expect(answer.text).not.toMatch(/_s1/);
    }
  });

  test('case 38: each login and exchange has a token of its own, whatever cookie came along', async () => {
    const first = cookieOf(await login('session-cookie'));
    const second = cookieOf(await login('session-cookie', { cookie: first }));
    const third = cookieOf(await swap('session-cookie', { cookie: first }));
    expect(new Set([first, second, third]).size).toBe(3);
    const planted = `__Host-stile-session=at_0123456789_s1${'x'.repeat(49)}`;
    expect(cookieOf(await login('session-cookie', { cookie: planted }))).not.toBe(planted);
  });

  const ends: readonly [string, string, string][] = [
    ['revoked', 'POST', ':revoke'],
    ['deleted', 'DELETE', ''],
  ];
  test.each(ends)('is taken away when its token is %s by it', async (_title, method, suffix) => {
    const cookie = cookieOf(await login('session-cookie'));
    const id = cookie.slice('__Host-stile-session='.length).slice(0, 13);
    const path = `/v1/auth-tokens/${id}${suffix}`;
    const answer = await call(stile.api, { method, path, headers: { cookie, authorization: 'Bearer ' } });
    expect(answer.status).toBeLessThan(300);
    expect(cookiesOf(answer)).toEqual([
      '__Host-stile-session=; Path=/; HttpOnly; Secure; SameSite=Strict; Max-Age=0',
    ]);
    expect((await call(stile.api, { path: `/v1/auth-tokens/${id}`, headers: { cookie } })).status).toBe(
      method === 'DELETE' ? 404 : 401,
    );
  });

  test.each(ends)(
    'stays when another token is %s, or when a bearer did it',
    async (_title, method, suffix) => {
      const cookie = cookieOf(await login('session-cookie'));
      const id = cookie.slice('__Host-stile-session='.length).slice(0, 13);
      const other = await stile.login('admin', 'password');
      const path = (each: string): string => `/v1/auth-tokens/${each}${suffix}`;
      const byCookie = await call(stile.api, { method, path: path(other.slice(0, 13)), headers: { cookie } });
      expect(byCookie.status).toBeLessThan(300);
      expect(cookiesOf(byCookie)).toEqual([]);
      const headers = { authorization: `Bearer ${stile.admin}`, cookie };
      const byBearer = await call(stile.api, { method, path: path(id), headers });
      expect(byBearer.status).toBeLessThan(300);
      expect(cookiesOf(byBearer)).toEqual([]);
    },
  );

  test.each([
    [false, 1],
    [true, 0],
  ])(
    'goes with all sign-ins of its user when it is not excepted: except_current %j',
    async (except, count) => {
      const body = { type: 'session-cookie', attributes: { login_name: 'user', password: 'password' } };
      const cookie = cookieOf(await call(stile.api, { method: 'POST', path: loginPath, body }));
      const answer = await call(stile.api, {
        method: 'POST',
        path: '/v1/auth-tokens:revoke-all',
        body: { except_current: except },
        headers: { cookie },
      });
      expect(answer.status).toBe(200);
      expect(cookiesOf(answer)).toHaveLength(count);
      const id = cookie.slice('__Host-stile-session='.length).slice(0, 13);
      const read = await call(stile.api, { path: `/v1/auth-tokens/${id}`, headers: { cookie } });
      expect(read.status).toBe(except ? 200 : 401);
    },
  );

  test('is taken away under its own name where it is one without Secure', async () => {
    const cookie = cookieOf(await login('session-cookie', { [peerHeader]: '192.0.2.77' }, insecure));
    const id = cookie.slice('stile-session='.length).slice(0, 13);
    const answer = await call(insecure.api, {
      method: 'POST',
      path: `/v1/auth-tokens/${id}:revoke`,
      headers: { cookie },
    });
    expect(cookiesOf(answer)).toEqual(['stile-session=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0']);
  });
});

describe('logging out of the Cluster API', () => {
  const logout = (where: TestController, headers: Headers): Promise<HttpAnswer> =>
    call(where.api, { method: 'POST', path: '/api/v2/logout/', headers });

  test('takes away the cookie that was sent, under its own name, where both names count', async () => {
    const secure = cookieOf(await login('session-cookie', {}, insecure));
    expect(cookiesOf(await logout(insecure, { cookie: secure }))).toEqual([
      '__Host-stile-session=; Path=/; HttpOnly; Secure; SameSite=Strict; Max-Age=0',
    ]);
    const plain = cookieOf(await login('session-cookie', { [peerHeader]: '192.0.2.77' }, insecure));
    expect(cookiesOf(await logout(insecure, { cookie: plain }))).toEqual([
      'stile-session=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0',
    ]);
  });

  test.each(foreign)('case 36: is not done for %s', async (_title, headers) => {
    const cookie = cookieOf(await login('session-cookie'));
    const answer = await logout(stile, { cookie, ...headers });
    expect({ status: answer.status, cookies: cookiesOf(answer) }).toEqual({ status: 403, cookies: [] });
    expect((await call(stile.api, { path: '/api/v2/sessions/', headers: { cookie } })).status).toBe(200);
    const other = await stile.login('admin', 'password');
    expect((await logout(stile, { authorization: `Bearer ${other}`, ...headers })).status).toBe(200);
  });
});

describe('case 39: cookies over plain http', () => {
  const peers = ['192.0.2.77', '10.0.0.7', '2001:db8::7', '::ffff:192.0.2.77', '128.0.0.1', '::'];
  test.each(peers)('case 39: are not given to the peer %s, and TLS is named', async (peer) => {
    const headers = { [peerHeader]: peer };
    for (const answer of [
      await login('session-cookie', headers),
      await login('cookie', headers),
      await swap('session-cookie', headers),
    ]) {
      expect(answer).toMatchObject({
        status: 400,
        json: { kind: 'FailedPrecondition', message: expect.stringMatching(/TLS.*tls_cert_file/) },
      });
      expect(cookiesOf(answer)).toEqual([]);
    }
    expect((await login('token', headers)).status).toBe(200);
  });

  test.each(['127.0.0.1', '127.8.9.10', '::1', '::ffff:127.0.0.1'])(
    'case 39: are given to the peer %s, with Secure',
    async (peer) => {
      const headers = { [peerHeader]: peer };
      expect(cookiesOf(await login('session-cookie', headers))).toEqual([
        expect.stringMatching(/^__Host-stile-session=at_.*; Secure; SameSite=Strict$/),
      ]);
    },
  );

  test('case 39: a wrong password is not told from a right one where no cookie can be given', async () => {
    const body = { type: 'session-cookie', attributes: { login_name: 'admin', password: 'wrong' } };
    const headers = { [peerHeader]: '192.0.2.77' };
    const wrong = await call(stile.api, { method: 'POST', path: loginPath, body, headers });
    expect(wrong.text).toBe((await login('session-cookie', headers)).text);
  });

  test('case 39: are given without Secure where the operator allows it, and then act', async () => {
    const answer = await login('session-cookie', { [peerHeader]: '192.0.2.77' }, insecure);
    expect(cookiesOf(answer)).toEqual([
      expect.stringMatching(/^stile-session=at_[0-9A-Za-z_]+; Path=\/; HttpOnly; SameSite=Strict$/),
    ]);
    const headers = { cookie: cookieOf(answer), [peerHeader]: '192.0.2.77' };
    expect((await call(insecure.api, { path: '/v1/roles?scope_id=global', headers })).status).toBe(200);
    const foreignUse = { ...headers, origin: 'http://evil.example' };
    const body = { scope_id: 'global' };
    const change = { method: 'POST', path: '/v1/groups', body, headers: foreignUse };
    expect((await call(insecure.api, change)).status).toBe(403);
  });

  test('case 39: go by the peer of the socket, not by what a trusted proxy says of its client', async () => {
    const behind = (peer: string, client: string): Headers => ({
      [peerHeader]: peer,
      'x-forwarded-for': client,
    });
    // A proxy on this machine that speaks TLS to browsers: the cookie must be one for TLS.
    expect(cookieOf(await login('session-cookie', behind('127.0.0.9', '198.51.100.7'), insecure))).toMatch(
      /^__Host-stile-session=/,
    );
    // A proxy across the network that says 127.0.0.1: the cookie crosses the network in the clear.
    expect(cookieOf(await login('session-cookie', behind('192.0.2.1', '127.0.0.1'), insecure))).toMatch(
      /^stile-session=/,
    );
  });

  test('case 39: a warning at start names the option', () => {
    const warnings = kept
      .text()
      .split('\n')
      .filter((line) => line.includes('insecure_cookies'));
    expect(warnings).toHaveLength(1);
    expect(JSON.parse(warnings[0] ?? '')).toMatchObject({ level: 'warn', port: insecure.api.port });
  });
});

describe('web sessions', () => {
  async function webSession(): Promise<{ readonly answer: HttpAnswer; readonly cookie: string }> {
    const body = { type: 'web', user_id: 'u_0987654321' };
    const cookie = cookieOf(await login('session-cookie'));
    const answer = await call(stile.api, {
      method: 'POST',
      path: '/v1/auth-tokens',
      body,
      headers: { cookie },
    });
    expect(answer.status).toBe(200);
    const { token } = answer.json as { token: string };
    return { answer, cookie: `__Host-stile-session=${token}` };
  }

  test('case 41: minting one sets no cookie on the answer of the admin, and is recorded with both users', async () => {
    const { answer } = await webSession();
    expect(cookiesOf(answer)).toEqual([]);
    const minted = answer.json as { id: string; token: string; created_by_user_id: string };
    const [line] = kept.audited('auth token minted').slice(-1);
    expect(line).toMatchObject({
      authTokenId: minted.id,
      type: 'web',
      userId: 'u_0987654321',
      by: minted.created_by_user_id,
    });
    expect(minted.created_by_user_id).not.toBe('u_0987654321');
    expect(kept.text()).not.toContain(minted.token);
  });

  test('case 41: it acts as its user by cookie, and by no means as the admin', async () => {
    const { answer, cookie } = await webSession();
    const { id } = answer.json as { id: string };
    const me = await call(stile.api, { path: `/v1/auth-tokens/${id}`, headers: { cookie } });
    expect(me.json).toMatchObject({ user_id: 'u_0987654321' });
    const admin = await call(stile.api, { path: '/v1/roles?scope_id=global', headers: { cookie } });
    expect([me.status, admin.status]).toEqual([200, 403]);
  });

  test.each<[string, string, string, object]>([
    ['API token', 'POST', '/v1/auth-tokens', { type: 'api' }],
    ['one-time token', 'POST', '/v1/auth-tokens', { type: 'one-time' }],
    ['web session', 'POST', '/v1/auth-tokens', { type: 'web' }],
    [
      'other password',
      'POST',
      '/v1/accounts/acctpw_0987654321:change-password',
      { version: 1, current_password: 'password', new_password: 'another password' },
    ],
    ['second factor', 'POST', '/v1/users/u_0987654321:enroll-two-factor', { password: 'password' }],
    ['confirmation of one', 'POST', '/v1/users/u_0987654321:confirm-two-factor', { code: '000000' }],
    [
      'user without a second factor',
      'POST',
      '/v1/users/u_0987654321:disable-two-factor',
      { password: 'password', code: '000000' },
    ],
  ])('case 42: makes no %s', async (_title, method, path, body) => {
    const { cookie } = await webSession();
    const answer = await call(stile.api, { method, path, body, headers: { cookie } });
    expect({ status: answer.status, kind: (answer.json as { kind: string }).kind }).toEqual({
      status: 403,
      kind: 'PermissionDenied',
    });
    expect(await stile.login('user', 'password')).toMatch(/^at_/);
  });

  test('an API token is not taken from a cookie', async () => {
    const made = await stile.send('POST', '/v1/auth-tokens', { type: 'api' }, stile.admin);
    const { token } = made.json as { token: string };
    const path = '/v1/roles?scope_id=global';
    const statuses = [
      (await stile.send('GET', path, undefined, token)).status,
      (await call(stile.api, { path, headers: { cookie: `__Host-stile-session=${token}` } })).status,
    ];
    expect(statuses).toEqual([200, 401]);
  });
});

describe('case 37: an upgrade', () => {
  let cookie: string;
  beforeAll(async () => {
    cookie = cookieOf(await login('session-cookie'));
  });
  const upgrade =
    'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n';

  /** The first line of the answer, on a connection that the server then closes: nobody waits for the answer to a second request. */
  async function statusOf(path: string, lines: string): Promise<string> {
    const second = 'GET /v1/zzz HTTP/1.1\r\nHost: stile\r\n\r\n';
    const bytes = `GET ${path} HTTP/1.1\r\nHost: stile\r\n${upgrade}${lines}\r\n${second}`;
    const text = await exchange(stile.api, bytes, 5000);
    expect(text).toMatch(/\r\nConnection: close\r\n/i);
    return text.split('\r\n', 1)[0] ?? '';
  }

  test.each(['/v1/roles?scope_id=global', '/v1/events', '/', '/api/v2/nothing', '/v1/targets/zzz'])(
    'case 37: with our cookie from a foreign origin is 403 at %s',
    async (path) => {
      for (const origin of ['Origin: https://evil.example', 'Origin: null', 'Sec-Fetch-Site: same-site']) {
        expect(await statusOf(path, `Cookie: ${cookie}\r\n${origin}\r\n`)).toBe('HTTP/1.1 403 Forbidden');
      }
    },
  );

  test.each([
    ['of our own page', () => `Cookie: ${cookie}\r\nOrigin: http://stile\r\n`, 'HTTP/1.1 200 OK'],
    ['of no page', () => `Cookie: ${cookie}\r\n`, 'HTTP/1.1 200 OK'],
    [
      'with a bearer from a foreign origin',
      () => `Authorization: Bearer ${stile.admin}\r\nOrigin: https://evil.example\r\n`,
      'HTTP/1.1 200 OK',
    ],
    ['of nobody', () => 'Origin: https://evil.example\r\n', 'HTTP/1.1 401 Unauthorized'],
  ])('case 37: %s is answered as the plain request that it is too', async (_title, lines, status) => {
    expect(await statusOf('/v1/roles?scope_id=global', lines())).toBe(status);
  });

  test.each(['POST', 'DELETE', 'PATCH'])(
    'case 37: by %s with a body is answered, and not switched',
    async (method) => {
      const body = '{}';
      const bytes = `${method} /v1/groups/g_0123456789 HTTP/1.1\r\nHost: stile\r\nConnection: Upgrade\r\nUpgrade: h2c, websocket\r\nAuthorization: Bearer ${stile.admin}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
      const text = await exchange(stile.api, bytes, 5000);
      expect(text).toMatch(/^HTTP\/1\.1 4\d\d /);
      expect(text).not.toContain('101');
    },
  );

  test('case 37: CONNECT is not served, and its connection is closed', async () => {
    expect(await exchange(stile.api, 'CONNECT evil.example:443 HTTP/1.1\r\nHost: x\r\n\r\n', 5000)).toBe('');
  });
});
