/**
 * Who may do what with which credential: two users against each other, every kind of credential at every place, and rights that are
 * taken away between two connections of one session (issue 3, §5.7; security-cases.md).
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startDevServer, type DevServer, type Json } from '../support/dev-server.ts';
import { queryDatabase } from '../support/database-access.ts';
import { createTarget, readSession } from '../support/dev-target.ts';
import { startEchoServer, type TestServer } from '../support/echo-server.ts';
import { ForeignConnection, isResult, newTofuToken, readAuthorization } from '../support/foreign-client.ts';
import type { ForeignAuthorization } from '../support/foreign-messages.ts';
import { makeTempDir, type TempDir } from '../support/temp-dir.ts';
import { whenClosed } from '../support/when-closed.ts';

let dev: DevServer;
let echo: TestServer;
let folder: TempDir;
let databaseUrl: string;
let target: string;
const opened: ForeignConnection[] = [];

beforeAll(async () => {
  echo = await startEchoServer();
  folder = await makeTempDir();
  databaseUrl = `sqlite://${folder.path}/stile.db`;
  dev = await startDevServer(['-host-address', '127.0.0.1', '-database-url', databaseUrl]);
  target = await createTarget(dev.api, { port: echo.port });
});
afterEach(() => {
  for (const connection of opened.splice(0)) connection.destroy();
});
afterAll(async () => {
  await dev?.stop();
  await echo?.close();
  await folder?.remove();
});

/** A login and a session of the user with a live connection. */
async function userSession(loginName = 'user'): Promise<{
  readonly token: string;
  readonly item: Json;
  readonly auth: ForeignAuthorization;
  readonly connection: ForeignConnection;
}> {
  const token = await dev.login(loginName, 'password');
  const { body: item } = await dev.api('POST', `/v1/targets/${target}:authorize-session`, {}, token);
  const auth = readAuthorization(String(item.authorization_token));
  const connection = await open(auth);
  expect(isResult(await connection.handshake())).toBe(true);
  await connection.roundTrip('first');
  return { token, item, auth, connection };
}

async function open(auth: ForeignAuthorization, tofuToken?: string): Promise<ForeignConnection> {
  const connection = await ForeignConnection.open(auth, tofuToken === undefined ? {} : { tofuToken });
  opened.push(connection);
  return connection;
}

describe('two users', () => {
  test('one cannot read, list or cancel the sessions of the other', async () => {
    const admin = await userSession('admin');
    const { token } = await userSession('user');
    const id = String(admin.item.session_id);
    expect(await dev.api('GET', `/v1/sessions/${id}`, undefined, token)).toMatchObject({
      status: 403,
      body: { kind: 'PermissionDenied', message: 'Forbidden.' },
    });
    const cancel = await dev.api('POST', `/v1/sessions/${id}:cancel`, { version: 2 }, token);
    expect(cancel.status).toBe(403);
    const list = await dev.api('GET', '/v1/sessions?scope_id=global&recursive=true', undefined, token);
    expect(list.status).toBe(200);
    const users = (list.body.items as Json[]).map((item) => String(item.user_id));
    expect(new Set(users)).toEqual(new Set(['u_0987654321']));
    expect((await readSession(dev.api, id)).status).toBe('active');
    await admin.connection.roundTrip('untouched');
  });

  test('each may read and cancel its own', async () => {
    const { token, item } = await userSession('user');
    const id = String(item.session_id);
    const read = await dev.api('GET', `/v1/sessions/${id}`, undefined, token);
    expect(read.status).toBe(200);
    expect(read.body.authorized_actions).toEqual(expect.arrayContaining(['read:self', 'cancel:self']));
    expect(read.body.authorized_actions).not.toContain('cancel');
    const cancel = await dev.api('POST', `/v1/sessions/${id}:cancel`, { version: 2 }, token);
    expect(cancel.status).toBe(200);
  });

  test('one cannot read or delete the auth tokens of the other', async () => {
    const adminTokenId = dev.adminToken.split('_').slice(0, 2).join('_');
    const token = await dev.login('user', 'password');
    for (const method of ['GET', 'DELETE']) {
      const answer = await dev.api(method, `/v1/auth-tokens/${adminTokenId}`, undefined, token);
      expect({ method, status: answer.status }).toEqual({ method, status: 403 });
    }
    const own = token.split('_').slice(0, 2).join('_');
    expect((await dev.api('GET', `/v1/auth-tokens/${own}`, undefined, token)).status).toBe(200);
    expect((await dev.api('GET', '/v1/targets/ttcp_1234567890')).status).toBe(200);
  });

  test('a user without grants on it cannot change a target, a host or a worker', async () => {
    const token = await dev.login('user', 'password');
    const calls: readonly [string, string, unknown][] = [
      ['PATCH', `/v1/targets/${target}`, { version: 1, name: 'mine' }],
      ['DELETE', `/v1/targets/${target}`, undefined],
      [
        'POST',
        `/v1/targets/${target}:add-host-sources`,
        { version: 1, host_source_ids: ['hsst_1234567890'] },
      ],
      ['DELETE', '/v1/hosts/hst_1234567890', undefined],
      ['POST', '/v1/workers:create:controller-led', { scope_id: 'global' }],
      ['GET', '/v1/workers?scope_id=global', undefined],
    ];
    for (const [method, path, body] of calls) {
      const answer = await dev.api(method, path, body, token);
      expect({ method, path, status: answer.status }).toEqual({ method, path, status: 403 });
    }
  });

  test('no session, token or host answer shows a secret', async () => {
    const { item } = await userSession('user');
    const session = await readSession(dev.api, String(item.session_id));
    const tokens = await dev.api('GET', '/v1/auth-tokens?scope_id=global');
    const workers = await dev.api('GET', '/v1/workers?scope_id=global');
    const text = JSON.stringify([session, tokens.body, workers.body]);
    expect(text).not.toMatch(/private_key|tofu|secret|sealed|_mac|fingerprint|activation/i);
    expect(text).not.toContain(dev.adminToken.split('_')[2]);
    expect(session).not.toHaveProperty('authorization_token');
  });
});

describe('each kind of credential is good at its own place only', () => {
  test('case 30: nothing but an auth token opens the API', async () => {
    const { item, auth, connection } = await userSession('admin');
    const worker = await dev.api('POST', '/v1/workers:create:controller-led', { scope_id: 'global' });
    expect(worker.status).toBe(200);
    const [, , secret] = dev.adminToken.split('_');
    const wrong: Readonly<Record<string, string>> = {
      'session authorization token': String(item.authorization_token),
      'activation token': String(worker.body.controller_generated_activation_token),
      'TOFU token': connection.tofuToken,
      'session id': auth.sessionId,
      'id of the auth token': dev.adminToken.split('_').slice(0, 2).join('_'),
      'secret of the auth token without its id': String(secret),
      'id of one token, secret of another': `${(await dev.login('user', 'password')).split('_').slice(0, 2).join('_')}_${String(secret)}`,
      'auth token with a letter more': `${dev.adminToken}a`,
      'auth token in another case': dev.adminToken.toUpperCase(),
      'recovery prefix': 'r_1234567890_s1zzz',
      'user id': 'u_1234567890',
      nothing: '',
    };
    for (const [kind, text] of Object.entries(wrong)) {
      const answer = await dev.api('GET', '/v1/targets/ttcp_1234567890', undefined, text);
      expect({ kind, status: answer.status, body: answer.body }).toMatchObject({
        kind,
        status: 401,
        body: { kind: 'Unauthenticated', message: 'Unauthenticated, or invalid token.' },
      });
    }
  });

  test.each([
    ['in the query', { query: true }, 400],
    ['as basic credentials', { scheme: 'Basic' }, 401],
    ['without a scheme', { scheme: '' }, 401],
  ])('an auth token %s does not count', async (_name, how: { query?: boolean; scheme?: string }, status) => {
    const query = how.query === true ? `?token=${dev.adminToken}&access_token=${dev.adminToken}` : '';
    const response = await fetch(`${dev.address}/v1/targets/ttcp_1234567890${query}`, {
      headers: how.query === true ? {} : { authorization: `${how.scheme ?? ''} ${dev.adminToken}`.trim() },
    });
    expect(response.status).toBe(status);
  });

  test('case 30: an auth token is no authorization token', async () => {
    const done = await dev.stile(['connect', '-authz-token', dev.adminToken]);
    expect(done.status).toBe(3);
    expect(done.stderr).not.toContain(dev.adminToken);
  });

  test('a login that is over is over everywhere at once', async () => {
    const { token, connection } = await userSession('user');
    const id = token.split('_').slice(0, 2).join('_');
    const closed = whenClosed(connection.socket);
    expect((await dev.api('DELETE', `/v1/auth-tokens/${id}`, undefined, token)).status).toBe(204);
    expect((await dev.api('GET', `/v1/targets/${target}`, undefined, token)).status).toBe(401);
    await closed;
  });
});

describe('rights that go away between two connections of one session', () => {
  const refused = { kind: 'close', code: 1011, reason: 'unable to authorize connection' };

  /** Takes a right away by SQL, tries the second connection, gives it back, tries a third. */
  async function without(take: readonly string[], giveBack: readonly string[]): Promise<void> {
    const { auth, connection } = await userSession('user');
    for (const sql of take) await queryDatabase(databaseUrl, sql.replace('$session', auth.sessionId));
    try {
      const second = await open(auth, connection.tofuToken);
      expect(await second.handshake()).toEqual(refused);
      expect((await readSession(dev.api, auth.sessionId)).connections).toHaveLength(1);
    } finally {
      for (const sql of giveBack) await queryDatabase(databaseUrl, sql.replace('$session', auth.sessionId));
    }
    const third = await open(auth, connection.tofuToken);
    expect(isResult(await third.handshake())).toBe(true);
  }

  const ofUsers = "role_id in (select id from iam_role where name = 'Authenticated User Grants')";
  const ofAuthenticated = `${ofUsers} and canonical like '%authorize-session%'`;

  test('the user is disabled', () =>
    without(
      ["update iam_user set disabled_at = 1 where id = 'u_0987654321'"],
      ["update iam_user set disabled_at = null where id = 'u_0987654321'"],
    ));

  test('the grant is removed from the role', () =>
    without(
      [
        `create table kept_grant as select * from iam_role_grant where ${ofAuthenticated}`,
        `delete from iam_role_grant where ${ofAuthenticated}`,
      ],
      ['insert into iam_role_grant select * from kept_grant', 'drop table kept_grant'],
    ));

  test('the role applies to other scopes', () =>
    without(
      [
        `update iam_role_grant_scope set grant_scope = 'children' where grant_scope = 'descendants' and ${ofUsers}`,
      ],
      [
        `update iam_role_grant_scope set grant_scope = 'descendants' where grant_scope = 'children' and ${ofUsers}`,
      ],
    ));

  test('the auth token is revoked', () =>
    without(
      [
        "update auth_token set revoked_at = 1, revoked_reason = 'test' where id = (select auth_token_id from session where id = '$session')",
      ],
      [
        "update auth_token set revoked_at = null, revoked_reason = null where id = (select auth_token_id from session where id = '$session')",
      ],
    ));

  test('a disabled user cannot log in, and the tokens from before are worth nothing', async () => {
    const token = await dev.login('user', 'password');
    await queryDatabase(databaseUrl, "update iam_user set disabled_at = 1 where id = 'u_0987654321'");
    try {
      await expect(dev.login('user', 'password')).rejects.toThrow(/401/);
      expect((await dev.api('GET', `/v1/targets/${target}`, undefined, token)).status).toBe(401);
    } finally {
      await queryDatabase(databaseUrl, "update iam_user set disabled_at = null where id = 'u_0987654321'");
    }
  });

  test('a connection that asks for another client’s permission by hand gets none', async () => {
    const { auth } = await userSession('user');
    const stranger = await open(auth, newTofuToken());
    expect(await stranger.handshake()).toMatchObject({ code: 1008, reason: 'tofu token not allowed' });
  });
});

describe('login', () => {
  const login = (attributes: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Response> =>
    fetch(`${dev.address}/v1/auth-methods/ampw_1234567890:authenticate`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ command: 'login', attributes }),
    });

  test.each<[string, unknown]>([
    ['an empty password', { login_name: 'admin', password: '' }],
    ['no password', { login_name: 'admin' }],
    ['null', { login_name: 'admin', password: null }],
    ['white space', { login_name: 'admin', password: '   ' }],
    ['a list', { login_name: 'admin', password: ['password'] }],
    ['an object', { login_name: 'admin', password: { $ne: '' } }],
    ['the password with a NUL behind it', { login_name: 'admin', password: 'password\u0000' }],
    ['the password in upper case', { login_name: 'admin', password: 'PASSWORD' }],
    ['an empty name', { login_name: '', password: 'password' }],
    ['a wildcard name', { login_name: '%', password: 'password' }],
    ['quotes in the name', { login_name: "admin' or '1'='1", password: 'password' }],
  ])('%s does not log in', async (_name, attributes) => {
    const response = await login(attributes);
    expect([400, 401]).toContain(response.status);
    expect(await response.text()).not.toContain('at_');
  });

  // Last: afterwards this address waits.
  test('attempts are limited by the address of the socket, whatever X-Forwarded-For says', async () => {
    const statuses: number[] = [];
    for (let attempt = 0; attempt < 100 && !statuses.includes(429); attempt += 1) {
      const response = await login(
        { login_name: `nobody${attempt % 3}`, password: 'wrong' },
        { 'x-forwarded-for': `10.0.0.${attempt}`, forwarded: `for=10.0.1.${attempt}` },
      );
      statuses.push(response.status);
      if (response.status === 429) expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
      await response.text();
    }
    expect(statuses).toContain(429);
    expect(statuses.every((status) => status === 401 || status === 429)).toBe(true);
  });
});
