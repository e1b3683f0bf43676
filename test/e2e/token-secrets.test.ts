/**
 * Where the secret of a token may be: with its owner alone. A deployment of real processes is used, misused, broken and killed, and
 * everything it leaves behind is searched (tokens.md §1.2, cases 30 and 33). Also the two listener options that cookies and addresses
 * hang on, as the configuration file has them (§1.6, §1.9).
 */
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Cluster } from '../support/cluster.ts';
import { queryDatabase } from '../support/database-access.ts';
import type { Json } from '../support/dev-server.ts';
import { authorizeSession, createTarget, type ApiCall } from '../support/dev-target.ts';
import { startEchoServer, type TestServer } from '../support/echo-server.ts';
import { eventually } from '../support/eventually.ts';
import { ForeignConnection, isResult, readAuthorization } from '../support/foreign-client.ts';
import { call, exchange, type HttpAnswer } from '../support/http-client.ts';
import { cleanEnvironment, run, startStile, type RunningProcess } from '../support/process.ts';
import { mustSkipWithout } from '../support/required.ts';

let echo: TestServer;
let cluster: Cluster;
let api: ApiCall;
const children: RunningProcess[] = [];

beforeAll(async () => {
  echo = await startEchoServer();
  // `trace` ends the section: what follows is the top level of the file.
  cluster = new Cluster({
    controllerLines: ['  api_rate_limit_disable: true', 'log_level: trace'],
    hasReports: true,
  });
  await cluster.initialize();
  await cluster.startController('c1');
  await cluster.startWorker('w1', ['c1']);
  await cluster.liveWorkers('c1', 1);
  api = (method, path, body) => cluster.api('c1', method, path, body);
});
afterEach(async () => {
  for (const child of children.splice(0)) await child.stop('SIGKILL');
});
afterAll(async () => {
  await cluster?.stop();
  await echo?.close();
});

const address = () => {
  const [host = '', port = ''] = cluster.address('c1', 'api').split(':');
  return { host, port: Number(port) };
};
const loginPath = (): string =>
  `/v1/auth-methods/${String(cluster.initial.auth_method.auth_method_id)}:authenticate`;
const password = (): string => String(cluster.initial.auth_method.password);
const bearer = (token: string): { authorization: string } => ({ authorization: `Bearer ${token}` });

/** Everything by which a secret could be known again. */
function tracesOf(token: string): readonly Buffer[] {
  const secret = token.slice('at_0123456789_s1'.length);
  const random = secret.slice(0, 43);
  const hashed = [token, secret, random, `${token.slice(0, 13)}\x1f${random}`].flatMap((text) => {
    const digest = createHash('sha256').update(text).digest();
    return [digest, Buffer.from(digest.toString('hex')), Buffer.from(digest.toString('base64'))];
  });
  const encoded = (['utf8', 'base64', 'base64url', 'hex'] as const).map((encoding) =>
    Buffer.from(Buffer.from(token).toString(encoding)),
  );
  // Half of the random part: what is cut somewhere is found too.
  return [Buffer.from(random.slice(0, 21)), Buffer.from(random.slice(22)), ...encoded, ...hashed];
}

/** The names of the places that hold a trace of one of the tokens. */
function holders(places: ReadonlyMap<string, Buffer>, tokens: readonly string[]): readonly string[] {
  const traces = tokens.flatMap(tracesOf);
  return [...places]
    .filter(([, bytes]) => traces.some((trace) => bytes.includes(trace)))
    .map(([name]) => name);
}

/** Every file of the deployment: database, write-ahead log, configuration, keys of the worker. */
function files(): ReadonlyMap<string, Buffer> {
  const found = readdirSync(cluster.folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  return new Map(found.map((file) => [file, readFileSync(file)]));
}

function outputs(): ReadonlyMap<string, Buffer> {
  return new Map(
    [...cluster.servers.values()].flatMap(({ name, process }) => [
      [`stdout of ${name}`, Buffer.from(process.stdout)] as const,
      [`stderr of ${name}`, Buffer.from(process.stderr)] as const,
    ]),
  );
}

/** Whether it is a report of Node's, written to its end. */
function isReport(text: string): boolean {
  try {
    return Object.hasOwn(JSON.parse(text) as object, 'javascriptHeap');
  } catch {
    return false;
  }
}

interface Token {
  readonly token: string;
  readonly id: string;
}

async function mint(body: object): Promise<Token> {
  const made = await api('POST', '/v1/auth-tokens', body);
  expect(made.status).toBe(200);
  return { token: String(made.body.token), id: String(made.body.id) };
}

async function userId(): Promise<string> {
  const own = await cluster.adminToken('c1');
  return String((await api('GET', `/v1/auth-tokens/${own.slice(0, 13)}`)).body.user_id);
}

/** One token of every kind, each of them used. */
async function tokensInUse(): Promise<
  Readonly<Record<'login' | 'cookie' | 'web' | 'api' | 'rotated' | 'oneTime', string>>
> {
  const body = { type: 'session-cookie', attributes: cluster.initial.auth_method as Json };
  const { login_name, password: word } = body.attributes as { login_name: string; password: string };
  const signedIn = await call(address(), {
    method: 'POST',
    path: loginPath(),
    body: { type: 'session-cookie', attributes: { login_name, password: word } },
  });
  const [setCookie = ''] = signedIn.headers['set-cookie'] ?? [];
  const cookie = /=(at_\w+);/.exec(setCookie)?.[1] ?? '';
  const web = await mint({ type: 'web', user_id: await userId() });
  const named = await mint({ type: 'api', name: `n${Date.now()}` });
  const rotated = await api('POST', `/v1/auth-tokens/${named.id}:rotate`, { version: 1 });
  const oneTime = await mint({ type: 'one-time' });
  const swapped = await api('POST', '/v1/auth-tokens:exchange', { token: oneTime.token });
  expect([rotated.status, swapped.status]).toEqual([200, 200]);
  const tokens = {
    login: String(swapped.body.attributes.token),
    cookie,
    web: web.token,
    api: named.token,
    rotated: String(rotated.body.token),
    oneTime: oneTime.token,
  };
  for (const [kind, token] of Object.entries(tokens)) {
    expect({ kind, token }).toMatchObject({ token: expect.stringMatching(/^at_\w{10}_s1\w{49}$/) });
    const headers = kind === 'cookie' ? { cookie: `__Host-stile-session=${token}` } : bearer(token);
    await call(address(), { path: '/v1/roles?scope_id=global', headers });
  }
  return tokens;
}

function goodLogin(): object {
  const { login_name } = cluster.initial.auth_method as { login_name: string };
  return { login_name, password: password() };
}

/** Requests that hold the token where it does not belong; every answer. */
async function misuse(token: string): Promise<ReadonlyMap<string, HttpAnswer>> {
  const own = await cluster.adminToken('c1');
  const requests: readonly [string, string, unknown, Readonly<Record<string, string>>][] = [
    ['GET', `/v1/roles?token=${token}`, undefined, {}],
    ['GET', `/v1/auth-tokens/${token}`, undefined, bearer(own)],
    ['GET', `/v1/roles?scope_id=${token}`, undefined, bearer(own)],
    ['GET', '/v1/roles?scope_id=global', undefined, bearer(`${token}x`)],
    ['GET', '/v1/roles?scope_id=global', undefined, { authorization: token }],
    ['GET', '/v1/roles?scope_id=global', undefined, { authorization: `Basic ${token}` }],
    ['GET', '/v1/roles?scope_id=global', undefined, { ...bearer(own), 'x-correlation-id': token }],
    ['GET', '/v1/roles?scope_id=global', undefined, { ...bearer(own), referer: `http://x/?${token}` }],
    [
      'GET',
      '/v1/roles?scope_id=global',
      undefined,
      { cookie: `__Host-stile-session=${token}x; __Host-stile-session=${token}` },
    ],
    ['POST', '/v1/auth-tokens:exchange', { token }, {}],
    ['POST', '/v1/auth-tokens:exchange', { token: [token] }, {}],
    ['POST', '/v1/auth-tokens:exchange', { token: `${token}x`, type: token }, {}],
    ['POST', '/v1/auth-tokens:exchange', `{"token":"${token}"`, {}],
    ['POST', loginPath(), { attributes: { login_name: 'admin', password: token } }, {}],
    [
      'POST',
      loginPath(),
      { type: token, command: token, attributes: { login_name: token, password: token } },
      {},
    ],
    [
      'POST',
      '/v1/auth-tokens',
      { type: token, user_id: token, name: token, token_scopes: [token], allow_list: [token] },
      bearer(own),
    ],
    ['POST', '/v1/auth-tokens', { type: 'api', lifetime: token }, bearer(own)],
    ['POST', '/v1/auth-tokens:revoke-all', { user_id: token, types: [token] }, bearer(own)],
    [
      'POST',
      '/v1/workers:create:worker-led',
      { scope_id: 'global', worker_generated_auth_token: token },
      bearer(own),
    ],
    ['POST', `/v1/roles/r_0123456789:add-grants`, { version: 1, grant_strings: [token] }, bearer(own)],
    ['PUT', `/zzz/${token}`, undefined, {}],
    ['POST', loginPath(), { attributes: goodLogin() }, { 'user-agent': `${'x'.repeat(200)} ${token}` }],
  ];
  const answers = new Map<string, HttpAnswer>();
  for (const [method, path, body, headers] of requests) {
    const name = `${method} ${path} ${JSON.stringify(body)} ${JSON.stringify(headers)}`;
    const answer = await call(address(), { method, path, body, headers });
    expect({ name, isFault: answer.status >= 500 }).toEqual({ name, isFault: false });
    answers.set(name, answer);
  }
  for (const line of [`GET /${token} HTTP/9.9`, `${token} / HTTP/1.1`, `GET / HTTP/1.1\r\n${token}`]) {
    const text = await exchange(address(), `${line}\r\nHost: x\r\nConnection: close\r\n\r\n`);
    answers.set(`raw ${line}`, { status: 0, headers: {}, text, json: undefined });
  }
  return answers;
}

describe('case 33: the secret of a token', () => {
  test('case 33: is in no file, no log and no error, however it was used and misused', async () => {
    const tokens = Object.values(await tokensInUse());
    for (const token of tokens) {
      const answers = await misuse(token);
      // An exchange or a login that works would show another token: none of these does.
      const told = new Map(
        [...answers].map(([name, { text, headers }]) => [name, Buffer.from(text + JSON.stringify(headers))]),
      );
      expect(holders(told, [token])).toEqual([]);
    }
    await api('DELETE', `/v1/auth-tokens/${tokens[0]?.slice(0, 13) ?? ''}`);
    const places = new Map([...files(), ...outputs()]);
    expect([...places.keys()].some((name) => name.endsWith('stile.db'))).toBe(true);
    expect([...places.keys()].some((name) => name.endsWith('stile.db-wal'))).toBe(true);
    expect(holders(places, tokens)).toEqual([]);
    expect([...places].filter(([, bytes]) => bytes.includes(password()))).toEqual([]);
    // What is searched does hold what may be known: the search would find the rest.
    const log = outputs().get('stderr of c1')?.toString() ?? '';
    for (const token of tokens) expect(log).toContain(token.slice(0, 13));
    expect(
      files()
        .get(join(cluster.folder, 'stile.db-wal'))
        ?.includes(tokens[1]?.slice(0, 13) ?? '?'),
    ).toBe(true);
  });

  test('case 33: is in no error and no log when the database fails under it, nor after a kill and a restart', async () => {
    const tokens = Object.values(await tokensInUse());
    const own = await cluster.adminToken('c1');
    const databaseUrl = `sqlite://${join(cluster.folder, 'stile.db')}`;
    const answers: HttpAnswer[] = [];
    const login = {
      attributes: { login_name: cluster.initial.auth_method.login_name as unknown, password: password() },
    };
    await queryDatabase(databaseUrl, 'alter table auth_token rename to auth_token_away');
    try {
      for (const token of tokens) {
        answers.push(await call(address(), { path: '/v1/roles?scope_id=global', headers: bearer(token) }));
        const body = { token };
        answers.push(await call(address(), { method: 'POST', path: '/v1/auth-tokens:exchange', body }));
      }
      answers.push(await call(address(), { method: 'POST', path: loginPath(), body: login }));
    } finally {
      await queryDatabase(databaseUrl, 'alter table auth_token_away rename to auth_token');
    }
    expect(answers.map((answer) => answer.status).every((status) => status >= 500)).toBe(true);
    // One that reads, and cannot write: the statement with the new token's MAC is what fails.
    await queryDatabase(
      databaseUrl,
      "create trigger broken before insert on auth_token begin select raise(abort, 'broken'); end",
    );
    try {
      const refused = await call(address(), { method: 'POST', path: loginPath(), body: login });
      const minted = await call(address(), {
        method: 'POST',
        path: '/v1/auth-tokens',
        body: { type: 'api' },
        headers: bearer(own),
      });
      expect([refused.status, minted.status].every((status) => status >= 400)).toBe(true);
      answers.push(refused, minted);
    } finally {
      await queryDatabase(databaseUrl, 'drop trigger broken');
    }
    const told = new Map(answers.map(({ text }, at) => [String(at), Buffer.from(text)]));
    expect(holders(told, [...tokens, own])).toEqual([]);
    expect(answers.filter(({ text }) => /auth_token_away|select |insert |SQLITE/i.test(text))).toEqual([]);

    await cluster.kill('c1');
    const before = outputs();
    await cluster.startController('c1');
    const works = await call(address(), { path: '/v1/roles?scope_id=global', headers: bearer(own) });
    expect(works.status).toBe(200);
    const places = new Map([
      ...files(),
      ...before,
      ...[...outputs()].map(([name, bytes]) => [`${name} again`, bytes] as const),
    ]);
    expect(holders(places, [...tokens, own])).toEqual([]);
    expect([...places].filter(([, bytes]) => bytes.includes(password()))).toEqual([]);
    await cluster.liveWorkers('c1', 1);
  });

  test('case 33: is in no report that Node writes of a server when it breaks', async () => {
    const tokens = Object.values(await tokensInUse());
    for (const { process: server } of cluster.servers.values()) process.kill(server.pid, 'SIGUSR2');
    const reports = await eventually(() => {
      const found = [...files()].filter(([name]) => /report\..*\.json$/.test(name));
      const areWhole = found.every(([, bytes]) => isReport(bytes.toString()));
      return areWhole && found.length >= cluster.servers.size ? new Map(found) : undefined;
    });
    expect(holders(reports, [...tokens, await cluster.adminToken('c1')])).toEqual([]);
    expect([...reports].filter(([, bytes]) => bytes.includes(password()))).toEqual([]);
  });

  test.skipIf(mustSkipWithout('ps'))(
    'case 33: is in no process list, whichever way a command gets it',
    async () => {
      const scopeId = String(cluster.initial.project_scope.scope_id);
      const target = await createTarget(api, { port: echo.port, scopeId });
      const own = await cluster.adminToken('c1');
      const env = cleanEnvironment({
        STILE_ADDR: `http://${cluster.address('c1', 'api')}`,
        STILE_TOKEN: own,
      });
      const item = await authorizeSession(api, target);
      const authorization = String(item.authorization_token);
      const words = [
        [['connect', '-target-id', target], {}],
        [['connect', '-target-id', target, '-token', 'env://OTHER'], { OTHER: own, STILE_TOKEN: '' }],
        [['connect', '-authz-token', 'env://SESSION'], { SESSION: authorization }],
      ] as const;
      for (const [arguments_, more] of words) {
        const child = startStile(arguments_, { env: { ...env, ...more }, keepInputOpen: true });
        children.push(child);
        await child.match(/Port:\s+\d+|"port"/i);
      }
      const { stdout } = await run('ps', ['-eo', 'pid,args', '-ww']);
      for (const child of children) expect(stdout).toMatch(new RegExp(`^\\s*${child.pid} .*connect`, 'm'));
      expect(holders(new Map([['ps', Buffer.from(stdout)]]), [own])).toEqual([]);
      expect(stdout).not.toContain(authorization.slice(0, 40));
    },
  );
});

describe('case 30: an auth token in place of another secret', () => {
  test('case 30: is no TOFU token, neither of a new session nor of one that has a client', async () => {
    const scopeId = String(cluster.initial.project_scope.scope_id);
    const own = await cluster.adminToken('c1');
    const target = await createTarget(api, { port: echo.port, scopeId });
    const opened: ForeignConnection[] = [];
    const open = async (
      auth: ReturnType<typeof readAuthorization>,
      tofuToken?: string,
    ): Promise<ForeignConnection> => {
      const connection = await ForeignConnection.open(auth, tofuToken === undefined ? {} : { tofuToken });
      opened.push(connection);
      return connection;
    };
    try {
      const newSession = async (): Promise<ReturnType<typeof readAuthorization>> =>
        readAuthorization(String((await authorizeSession(api, target)).authorization_token));
      for (const tofuToken of [own, own.slice(0, 20)]) {
        const auth = await newSession();
        expect(isResult(await (await open(auth)).handshake())).toBe(true);
        expect(isResult(await (await open(auth, tofuToken)).handshake())).toBe(false);
      }
      expect(isResult(await (await open(await newSession(), own)).handshake())).toBe(false);
    } finally {
      for (const connection of opened) connection.destroy();
    }
  });

  test('case 30: activates no worker, and the refusal does not repeat it', async () => {
    const own = await cluster.adminToken('c1');
    const file = join(cluster.folder, 'wrong-worker.yaml');
    const lines = [
      'worker:',
      '  name: wrong',
      `  auth_storage_path: ${join(cluster.folder, 'wrong-keys')}`,
      `  initial_upstreams: ["${cluster.address('c1', 'cluster')}"]`,
      `  controller_generated_activation_token: ${own}`,
      'listener:',
      '  - { purpose: proxy, address: "127.0.0.1:0" }',
    ];
    writeFileSync(file, `${lines.join('\n')}\n`, { mode: 0o600 });
    const child = startStile(['server', '-config', file]);
    children.push(child);
    const done = await child.finished(30_000);
    expect(done.status).not.toBe(0);
    expect(done.stderr).toMatch(/activation/);
    expect(holders(new Map([['output', Buffer.from(done.stdout + done.stderr)]]), [own])).toEqual([]);
  });
});

describe('the options of an API listener', () => {
  const extra: Cluster[] = [];
  afterAll(async () => {
    for (const each of extra) await each.stop();
  });

  async function started(apiKeys: string): Promise<Cluster> {
    const made = new Cluster({ apiKeys });
    extra.push(made);
    await made.initialize();
    await made.startController('c1');
    return made;
  }

  test('case 39: insecure_cookies is warned of at start, and never without it', async () => {
    const made = await started(', insecure_cookies: true');
    const log = (): string => made.servers.get('c1')?.process.stderr ?? '';
    const line = await eventually(() => Promise.resolve(/.*insecure_cookies.*/.exec(log())?.[0]));
    expect(JSON.parse(line)).toMatchObject({ level: 'warn', option: 'insecure_cookies' });
    expect(outputs().get('stderr of c1')?.toString()).not.toContain('insecure_cookies');
  });

  test('case 28: x_forwarded_for_authorized_addrs names the proxies whose word counts', async () => {
    const made = await started(', x_forwarded_for_authorized_addrs: ["127.0.0.0/8", "::1"]');
    const { auth_method_id: method, login_name, password: word } = made.initial.auth_method as Json;
    const [host = '', port = ''] = made.address('c1', 'api').split(':');
    const path = `/v1/auth-methods/${String(method)}:authenticate`;
    const headers = { 'x-forwarded-for': '192.0.2.66, 198.51.100.7, 127.0.0.9' };
    const body = { attributes: { login_name, password: word } };
    const answer = await call({ host, port: Number(port) }, { method: 'POST', path, body, headers });
    const { id } = (answer.json as { attributes: { id: string } }).attributes;
    expect((await made.api('c1', 'GET', `/v1/auth-tokens/${id}`)).body).toMatchObject({
      origin: '198.51.100.7',
    });
  });

  test.each(['"10.0.0.0/33"', '"proxy.example"', '""'])(
    'case 28: x_forwarded_for_authorized_addrs: [%s] is refused at start by name, with exit 3',
    async (text) => {
      const made = new Cluster({ apiKeys: `, x_forwarded_for_authorized_addrs: [${text}]` });
      extra.push(made);
      const failed = made.initialize().then(() => made.startController('c1'));
      await expect(failed).rejects.toThrow(/x_forwarded_for_authorized_addrs/);
    },
  );
});
