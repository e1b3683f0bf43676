/**
 * What the documents promise that people come with (tokens.md §7), row by row through the command line and curl, against a running
 * `stile dev`. Rows D stand in cluster-api.test.ts, F6 in two-factor.test.ts, F8 in shell.test.ts.
 */
import { once } from 'node:events';
import { statSync, writeFileSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startDevServer, type DevServer, type Json } from '../support/dev-server.ts';
import { startEchoServer, type TestServer } from '../support/echo-server.ts';
import { eventually } from '../support/eventually.ts';
import { cleanEnvironment, run, runStile, startStile, type Finished } from '../support/process.ts';

let echo: TestServer;
let dev: DevServer;
let userToken: string;
beforeAll(async () => {
  echo = await startEchoServer();
  dev = await startDevServer(['-host-address', '127.0.0.1', '-target-default-port', String(echo.port)]);
  userToken = await dev.login('user', 'password');
});
afterAll(async () => {
  await dev?.stop();
  await echo?.close();
});

/** A command as the administrator, which must succeed. */
async function stile(...words: readonly string[]): Promise<Finished> {
  const done = await dev.stile(words);
  if (done.status !== 0) throw new Error(`${words.join(' ')}: ${done.status}\n${done.stderr}`);
  return done;
}

/** The JSON of a command as the administrator. */
async function json(...words: readonly string[]): Promise<Json> {
  return JSON.parse((await stile(...words, '-format', 'json')).stdout) as Json;
}

/** A command with another token. */
function as(token: string, ...words: readonly string[]): Promise<Finished> {
  return runStile(words, { env: cleanEnvironment({ ...dev.env, STILE_TOKEN: token }) });
}

/** What curl says, and the status. */
async function curl(
  ...words: readonly string[]
): Promise<{ readonly status: number; readonly text: string }> {
  const done = await run('curl', ['-sS', '-w', '\n%{http_code}', ...words]);
  const cut = done.stdout.lastIndexOf('\n');
  return { status: Number(done.stdout.slice(cut + 1)), text: done.stdout.slice(0, cut) };
}

function idOf(token: string): string {
  return token.split('_').slice(0, 2).join('_');
}

/** A token that a command printed alone. */
function printed(done: Finished): string {
  expect(done.stdout).toMatch(/^at_[0-9A-Za-z]{10}_s1[0-9A-Za-z]{49}\n$/);
  return done.stdout.trim();
}

async function isGood(token: string): Promise<boolean> {
  return (await dev.api('GET', '/v1/targets/ttcp_1234567890', undefined, token)).status === 200;
}

/** A connection through Stile, authorized with a token; it has carried bytes. */
async function connect(
  token: string,
): Promise<{ readonly socket: Socket; readonly stop: () => Promise<unknown> }> {
  const child = startStile(['connect', '-target-id', 'ttcp_1234567890', '-format', 'json'], {
    env: cleanEnvironment({ ...dev.env, STILE_TOKEN: token }),
  });
  const [line] = await child.match(/^\{"address".*\}$/m);
  const socket = createConnection((JSON.parse(line) as { port: number }).port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write('ping');
  await once(socket, 'data');
  return { socket, stop: () => child.stop('SIGTERM') };
}

describe('auth-session', () => {
  test('row C1: opens a web session for a user that exists, for an administrator alone', async () => {
    const { stdout } = await stile('auth-session', 'login', 'user');
    const [header = '', rule = '', row = '', count = ''] = stdout.split('\n');
    expect(header.split('|').map((part) => part.trim())).toEqual([
      'username',
      'session ID',
      'authentication cookie',
    ]);
    expect(rule).toMatch(/^-+\+-+\+-+$/);
    expect(row).toMatch(
      /^ {2}user {5}\| at_\w{10} \| __Host-stile-session=at_\w+; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
    );
    expect(count).toBe('(1 row)');
    const refused = await as(userToken, 'auth-session', 'login', 'admin');
    expect(refused.status).toBe(1);
    expect(refused.stderr).toContain('403');
  });

  test('row C2: lives as long as it was told, and no longer than the maximum, which is named', async () => {
    const { item } = await json('auth-session', 'login', 'user', '--expire-after', '4h30m');
    const read = await json('auth-tokens', 'read', '-id', item.session_id);
    const { created_time: created, expiration_time: expires } = read.item;
    expect(Date.parse(expires) - Date.parse(created)).toBe(16_200_000);
    const refused = await dev.stile(['auth-session', 'login', 'user', '--expire-after', '169h']);
    expect(refused.status).toBe(1);
    expect(refused.stderr).toContain('168h');
  });

  test('row C3: gives a cookie that curl takes as text and as a file', async () => {
    const { stdout } = await stile('auth-session', 'login', 'admin', '--only-cookie');
    expect(stdout.split('\n')).toHaveLength(2);
    const path = `${dev.address}/api/v2/sessions/`;
    expect((await curl('--cookie', stdout.trim(), path)).status).toBe(200);
    const jar = join(String(dev.env['HOME']), 'cookies');
    await stile('auth-session', 'login', 'admin', '--cookie-jar', jar);
    expect(statSync(jar).mode & 0o777).toBe(0o600);
    expect((await curl('--cookie', jar, path)).status).toBe(200);
    expect((await curl(path)).status).toBe(401);
  });

  test('row C4: is revoked with all others of the user, and what it opened ends at once', async () => {
    const { item } = await json('auth-session', 'login', 'user');
    const cookie = String(item.cookie);
    const path = `${dev.address}/v1/targets/ttcp_1234567890`;
    expect((await curl('--cookie', cookie, path)).status).toBe(200);
    const token = /=(at_\w+);/.exec(cookie)?.[1] ?? '';
    const { socket, stop } = await connect(token);
    const closed = once(socket, 'close', { signal: AbortSignal.timeout(5_000) });
    const { stdout } = await stile('auth-session', 'logout', 'user');
    expect(stdout).toMatch(new RegExp(`user +\\| ${String(item.session_id)} \\| \\d{4}-\\d\\d-\\d\\d `));
    await closed;
    expect((await curl('--cookie', cookie, path)).status).toBe(401);
    await stop();
    userToken = await dev.login('user', 'password');
  });

  test('row C5: is listed with when it was made, ends, was revoked and last used', async () => {
    const { item } = await json('auth-session', 'login', 'user');
    const rowOf = async (): Promise<Json> =>
      ((await json('auth-session', 'list')).items as Json[]).find(
        (each) => each.session_id === item.session_id,
      );
    const before = await rowOf();
    expect(before.revoked_time).toBeNull();
    expect(before.last_used_time).toBe(before.created_time);
    const { stdout } = await stile('auth-session', 'list');
    expect(
      stdout
        .split('\n')[0]
        ?.split('|')
        .map((part) => part.trim()),
    ).toEqual(['username', 'session ID', 'created', 'expires', 'revoked', 'last used']);
    expect(stdout).toMatch(new RegExp(`${String(item.session_id)} .*\\| NULL `));
    await curl('--cookie', String(item.cookie), `${dev.address}/v1/targets/ttcp_1234567890`);
    const used = await eventually(async () => {
      const row = await rowOf();
      return row.last_used_time === before.last_used_time ? undefined : row;
    });
    await curl('--cookie', String(item.cookie), `${dev.address}/v1/targets/ttcp_1234567890`);
    await stile('auth-session', 'logout', 'user');
    const after = await rowOf();
    expect(after.last_used_time).toBe(used.last_used_time);
    expect(after.revoked_time).not.toBeNull();
    userToken = await dev.login('user', 'password');
  });

  test('row C6: is an administrator’s alone, in all three commands', async () => {
    for (const words of [['login', 'user'], ['logout', 'admin'], ['list']]) {
      const refused = await as(userToken, 'auth-session', ...words);
      expect(refused.status).toBe(1);
      expect(refused.stderr).toContain('403');
    }
  });
});

describe('login and tokens', () => {
  test('row E1: the token in use is printed for other programs', async () => {
    const { stdout } = await stile('login', 'token');
    expect(stdout.trim()).toBe(dev.adminToken);
    const home = cleanEnvironment({
      STILE_ADDR: dev.address,
      HOME: '/nonexistent',
      STILE_TOKEN: stdout.trim(),
    });
    expect((await runStile(['targets', 'list', '-scope-id', 'p_1234567890'], { env: home })).status).toBe(0);
    const none = await runStile(['login', 'token'], {
      env: cleanEnvironment({ STILE_ADDR: dev.address, HOME: '/nonexistent' }),
    });
    expect(none.status).toBe(2);
    expect(none.stdout).toBe('');
  });

  test('row E3: a named token lives as long as it was told, and no longer than the maximum, which is named', async () => {
    const token = printed(await stile('tokens', 'create', '--name', 'month', '--lifetime', '720h'));
    const { item } = await json('auth-tokens', 'read', '-id', idOf(token));
    expect(Date.parse(item.expiration_time) - Date.parse(item.created_time)).toBe(30 * 86_400_000);
    const refused = await dev.stile(['tokens', 'create', '--name', 'ages', '--lifetime', '2y']);
    expect(refused.status).toBe(1);
    expect(refused.stderr).toContain('8760h');
  });

  test('row E4: an administrator makes one for somebody, nobody else does', async () => {
    const token = printed(await stile('tokens', 'create', '--name', 'errand', '--user', 'user'));
    const me = JSON.parse((await as(token, 'auth', 'me', '-format', 'json')).stdout) as Json;
    expect(me.item.user.login_name).toBe('user');
    expect(me.item.auth_token.created_by_user_id).toBe('u_1234567890');
    const refused = await as(userToken, 'tokens', 'create', '--user', 'admin');
    expect(refused.status).toBe(1);
    expect(refused.stderr).toContain('403');
  });

  test('row E5: removed it is dead and can still be seen, deleted it is gone; its sessions end both times', async () => {
    for (const how of ['revoke', 'delete'] as const) {
      const token = printed(await stile('tokens', 'create', '--name', `gone-${how}`));
      const { socket, stop } = await connect(token);
      const closed = once(socket, 'close', { signal: AbortSignal.timeout(5_000) });
      const { stdout } = await stile(
        'tokens',
        'remove',
        `gone-${how}`,
        ...(how === 'delete' ? ['--delete'] : []),
      );
      expect(stdout).toContain(how === 'delete' ? 'Token has been deleted.' : 'Token has been expired.');
      await closed;
      expect(await isGood(token)).toBe(false);
      const listed = (await stile('tokens', 'list', '--include-expired')).stdout.includes(idOf(token));
      expect(listed).toBe(how === 'revoke');
      const viewed = await dev.stile(['tokens', 'view', idOf(token)]);
      expect(viewed.status).toBe(how === 'revoke' ? 0 : 1);
      if (how === 'delete') expect(viewed.stderr).toContain('404');
      await stop();
    }
  });

  test('row E6: dead ones are left out by the server, unless they are asked for', async () => {
    const token = printed(await stile('tokens', 'create', '--name', 'hidden'));
    await stile('tokens', 'remove', 'hidden');
    const idsOf = async (query: string): Promise<readonly string[]> => {
      const { body } = await dev.api('GET', `/v1/auth-tokens?scope_id=global&type=api${query}`);
      return (body.items as Json[]).map((item) => item.id as string);
    };
    expect(await idsOf('')).not.toContain(idOf(token));
    expect(await idsOf('&include_expired=true')).toContain(idOf(token));
  });

  test('row E7: scopes cut a token down, and the refusal names what is missing', async () => {
    const reader = printed(await stile('tokens', 'create', '--scope', 'target:read'));
    expect((await as(reader, 'targets', 'list', '-scope-id', 'p_1234567890')).status).toBe(0);
    expect((await as(reader, 'targets', 'read', '-id', 'ttcp_1234567890')).status).toBe(0);
    const refused = await as(reader, 'targets', 'authorize-session', '-id', 'ttcp_1234567890');
    expect(refused.status).toBe(1);
    expect(refused.stderr.replaceAll(/\s+/g, ' ')).toContain(
      'lacks the token scope "target:authorize-session"',
    );
    const looker = printed(await stile('tokens', 'create', '--scope', '*:read'));
    expect((await as(looker, 'users', 'list')).status).toBe(0);
    for (const words of [
      ['targets', 'update', 'tcp', '-id', 'ttcp_1234567890', '-description', 'x'],
      ['users', 'create'],
      ['scopes', 'delete', '-id', 'p_1234567890'],
    ]) {
      expect((await as(looker, ...words)).status).toBe(1);
    }
  });

  test('row E8: an allow list lets through what it names, and nothing else', async () => {
    const words = ['--scope', 'target:*', '--allow', 'target:ttcp_1234567890'];
    const token = printed(await stile('tokens', 'create', ...words));
    const list = JSON.parse(
      (await as(token, 'targets', 'list', '-scope-id', 'p_1234567890', '-format', 'json')).stdout,
    ) as Json;
    expect((list.items as Json[]).map((item) => item.id as string)).toEqual(['ttcp_1234567890']);
    for (const other of [
      ['targets', 'read', '-id', 'ttcp_0987654321'],
      ['sessions', 'list', '-scope-id', 'p_1234567890'],
      ['scopes', 'read', '-id', 'p_1234567890'],
    ]) {
      const refused = await as(token, ...other);
      expect(refused.status).toBe(1);
      expect(refused.stderr).toContain('403');
    }
  });
});

test('row E9: the calls of a token page: what may be chosen, a secret shown once, a list with and without the ended ones', async () => {
  const { may } = (await dev.api('GET', '/v1/users:me')).body;
  expect(may).toMatchObject({ create_api_token: true, create_for_others: true });
  const scopes = (await dev.api('GET', '/v1/auth-tokens:token-scopes')).body.items as Json[];
  expect(scopes.every(({ name, summary }) => name !== '' && summary !== '')).toBe(true);
  const config = (await dev.api('GET', '/v1/auth-tokens:token-config')).body;
  const request = {
    type: 'api',
    name: 'page',
    time_to_live_seconds: config.default_token_lifetime_seconds,
    token_scopes: ['stile:connect'],
    allow_list: ['target:ttcp_1234567890', 'scope:*'],
  };
  const made = (await dev.api('POST', '/v1/auth-tokens', request)).body;
  expect(made.token).toMatch(/^at_/);
  const path = '/v1/auth-tokens?scope_id=global&user_id=u_1234567890&type=api';
  const shown = async (query: string): Promise<Json> => {
    const items = ((await dev.api('GET', path + query)).body.items ?? []) as Json[];
    return items.find((item) => item.id === made.id);
  };
  expect(await shown('')).toMatchObject({
    name: 'page',
    status: 'active',
    allow_list: request.allow_list.toSorted(),
  });
  expect(await shown('')).not.toHaveProperty('token');
  expect((await dev.api('POST', `/v1/auth-tokens/${made.id}:revoke`, {})).status).toBe(200);
  expect(await shown('')).toBeUndefined();
  expect(await shown('&include_expired=true')).toMatchObject({
    status: 'revoked',
    revoked_by_user_id: 'u_1234567890',
  });
});

describe('auth', () => {
  test('row F1: tells who calls, also with a token that is cut down', async () => {
    const keys =
      'user_id login_name full_name scope_id groups roles account_id auth_method_id auth_token_id credentials expires_at token_scopes allow_list two_factor attributes'.split(
        ' ',
      );
    const narrow = printed(await stile('tokens', 'create', '--scope', 'target:read'));
    for (const token of [dev.adminToken, narrow]) {
      const { stdout, status } = await as(token, 'auth', 'me');
      expect(status).toBe(0);
      const shown = [...stdout.matchAll(/^\| +(\w+) \|/gm)].map(([, key]) => key);
      expect(shown).toEqual(keys);
    }
  });

  test('row F2: lists sign-ins in seven columns, of which one is the current, or in those that are named', async () => {
    const { stdout } = await stile('auth', 'sessions');
    const header = stdout.split('\n')[1] ?? '';
    expect(
      header
        .split('|')
        .slice(1, -1)
        .map((part) => part.trim()),
    ).toEqual(['id', 'current', 'internal', 'origin', 'credentials', 'credentials_data', 'created_at']);
    expect(stdout.match(/\| true +\|/g)).toHaveLength(1);
    const ids = (await stile('auth', 'sessions', 'id')).stdout.split('\n');
    expect(ids[1]).toMatch(/^\| id +\|$/);
  });

  test('row F3: ends one sign-in, or all others of the caller, and of nobody else', async () => {
    const [first, second] = [await dev.login('user', 'password'), await dev.login('user', 'password')];
    expect((await stile('auth', 'terminate-session', `id=${idOf(first)}`)).stdout).toBe('<null>\n');
    expect(await isGood(first)).toBe(false);
    expect((await as(second, 'auth', 'sessions', 'id')).stdout).not.toContain(idOf(first));
    const others = await as(second, 'auth', 'terminate-other-sessions');
    expect(others.stdout).toMatch(/^\d+ auth tokens?, \d+ sessions? and \d+ streams? ended$/m);
    expect(await isGood(second)).toBe(true);
    expect(await isGood(dev.adminToken)).toBe(true);
    const left = JSON.parse((await as(second, 'auth', 'sessions', '-format', 'json')).stdout) as Json;
    expect((left.items as Json[]).filter((item) => item.credentials === 'LOGIN_PASSWORD')).toHaveLength(1);
    userToken = second;
  });

  test('row F4: makes a token for one sign-in elsewhere', async () => {
    const token = printed(await stile('auth', 'generate-token', 'ttl=600', 'attrs={}'));
    const file = join(String(dev.env['HOME']), 'one-time');
    writeFileSync(file, token, { mode: 0o600 });
    const words = [
      'auth',
      'login-with-token',
      '-token',
      `file://${file}`,
      '-keyring-type',
      'none',
      '-format',
      'json',
    ];
    const first = await runStile(words, { env: dev.env });
    expect(first.status).toBe(0);
    const again = await runStile(words, { env: dev.env });
    expect(again.status).toBe(1);
    expect(again.stderr).toContain('401');
    const short = printed(await stile('auth', 'generate-token', 'ttl=1'));
    await eventually(async () => {
      const { body } = await dev.api('GET', `/v1/auth-tokens/${idOf(short)}`);
      return body.status === 'expired' ? body : undefined;
    });
    expect((await dev.api('POST', '/v1/auth-tokens:exchange', { token: short }, '')).status).toBe(401);
    const bound = printed(await stile('auth', 'generate-token', 'match_origin=true'));
    const exchange = `${dev.address}/v1/auth-tokens:exchange`;
    const body = JSON.stringify({ token: bound });
    expect((await curl('--interface', '127.0.0.2', '-d', body, exchange)).status).toBe(401);
    expect((await curl('-d', body, exchange)).status).toBe(200);
  });

  test('row F5: keys of programs are named tokens by another name', async () => {
    const key = printed(await stile('auth', 'api-key', 'create', 'name=robot'));
    expect((await stile('tokens', 'list')).stdout).toContain(idOf(key));
    expect((await stile('auth', 'api-key', 'query')).stdout).toContain(idOf(key));
    expect((await stile('auth', 'api-key', 'get-instance', `id=${idOf(key)}`)).stdout).toContain('robot');
    const renamed = await stile('auth', 'api-key', 'update', `id=${idOf(key)}`, 'name=robot-2', 'reset=true');
    const [again = ''] = /at_\w{10}_s1\w{49}/.exec(renamed.stdout) ?? [];
    expect(await isGood(key)).toBe(false);
    expect(await isGood(again)).toBe(true);
    expect(idOf(again)).toBe(idOf(key));
    await stile('auth', 'api-key', 'delete', `id=${idOf(key)}`);
    expect(await isGood(again)).toBe(false);
    expect((await dev.api('GET', `/v1/auth-tokens/${idOf(key)}`)).status).toBe(404);
  });

  test('row F7: keeps notes, and privileges are roles', async () => {
    expect((await stile('auth', 'set-attribute', 'key=color', 'value="green"')).stdout).toBe('<null>\n');
    expect((await stile('auth', 'me')).stdout).toContain('green');
    await stile('auth', 'set-attribute', 'key=color', 'value=null');
    expect((await stile('auth', 'me')).stdout).not.toContain('green');
    const roles = await stile('roles', 'list', '-scope-id', 'global');
    expect((await stile('auth', 'privilege', 'query', '-scope-id', 'global')).stdout).toBe(roles.stdout);
  });
});
