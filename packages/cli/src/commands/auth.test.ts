/** `stile auth`: properties, terminations, one-time tokens, notes, passwords and API keys (tokens.md §3.3, §5.2). */
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runCliAtTerminal } from '../../../../test/support/cli-terminal.ts';
import { runCli } from '../../../../test/support/cli-run.ts';
import {
  apiToken,
  loginToken,
  signInAnswer,
  signInAnswerBut,
  webToken,
} from '../../../../test/support/sign-in-answers.ts';
import { StubApi, type StubAnswer } from '../../../../test/support/stub-api.ts';
import { makeTempDir, type TempDir } from '../../../../test/support/temp-dir.ts';
import { Environment } from '../arguments/environment.ts';
import { FileTokenStore } from '../tokens/file-token-store.ts';

let stub: StubApi;
let home: TempDir;
let store: FileTokenStore;

beforeEach(async () => {
  home = await makeTempDir();
  store = new FileTokenStore(new Environment({ XDG_CONFIG_HOME: home.path }));
  stub = await StubApi.start(signInAnswer);
});
afterEach(async () => {
  await stub.close();
  await home.remove();
});

const token = { STILE_TOKEN: 'at_1234567890_s1xxxx' };

function environment(variables: Readonly<Record<string, string>>): Record<string, string> {
  return { STILE_ADDR: stub.address, XDG_CONFIG_HOME: home.path, ...variables };
}

function run(words: readonly string[], variables: Readonly<Record<string, string>> = token, input = '') {
  return runCli(words, environment(variables), input);
}

function answerBut(special: Readonly<Record<string, StubAnswer>>): void {
  stub.answerWith(signInAnswerBut(special));
}

function lastBody(): unknown {
  return JSON.parse(stub.requests.at(-1)?.body ?? 'null') as unknown;
}

describe('row F1: auth me', () => {
  test('of a restricted token shows its restrictions', async () => {
    const me = JSON.parse(
      JSON.stringify(signInAnswer({ method: 'GET', url: '/v1/users:me', headers: {}, body: '' }).body),
    ) as object;
    answerBut({
      'GET /v1/users:me': { status: 200, body: { ...me, auth_token: apiToken, roles: ['r_1', {}, 7] } },
    });
    const { stdout } = await run(['auth', 'me']);
    expect(stdout).toMatch(/credentials \| API_KEY +\|/);
    expect(stdout).toMatch(/token_scopes \| target:authorize-session, target:read \|/);
    expect(stdout).toMatch(/allow_list \| target:ttcp_1234567890 +\|/);
  });

  test.each([[{}], [[]], [null], ['"x"']])(
    'an answer that does not say who (%j) is an error',
    async (body) => {
      answerBut({ 'GET /v1/users:me': { status: 200, body } });
      const done = await run(['auth', 'me']);
      expect(done).toMatchObject({ exitCode: 2, stdout: '' });
      expect(done.stderr).toContain('did not say who you are');
    },
  );

  test('without a token is the refusal of the API', async () => {
    answerBut({ 'GET /v1/users:me': { status: 401, body: { kind: 'Unauthenticated' } } });
    expect(await run(['auth', 'me'], {})).toMatchObject({ exitCode: 1, stdout: '' });
  });
});

describe('row F2: auth sessions', () => {
  test.each([
    [['credentials'], '| credentials    |'],
    [['--credentials'], '| credentials    |'],
    [['id', '--current'], '| id            | current |'],
    [['--created_at', 'id'], '| created_at           | id            |'],
    [['created-at'], '| created_at           |'],
    [['id', 'id'], '| id            |'],
    [['credentials_data'], '| credentials_data |'],
  ])('%j shows those properties in that order', async (words, header) => {
    const done = await run(['auth', 'sessions', ...words]);
    expect(done).toMatchObject({ exitCode: 0, stderr: '' });
    expect(done.stdout.split('\n')[1]).toBe(header);
  });

  test('exactly one is current', async () => {
    const { stdout } = await run(['auth', 'sessions', 'current', '-format', 'json']);
    expect(JSON.parse(stdout)).toEqual({ status_code: 200, items: [{ current: true }, { current: false }] });
  });

  test('a property that there is not is exit 3 and names those there are', async () => {
    const done = await run(['auth', 'sessions', 'colour']);
    expect(done).toMatchObject({ exitCode: 3, stdout: '' });
    expect(done.stderr).toContain('credentials_data');
    expect(stub.requests).toEqual([]);
  });

  test('credentials say how each token was got; the unix socket is internal', async () => {
    const login = { ...loginToken, origin: '127.0.0.1:1' };
    const items = [
      login,
      { ...login, auth_method_id: 'amoidc_1' },
      { ...login, auth_method_id: 'amldap_1' },
      { ...login, parent_auth_token_id: 'at_0' },
      { ...webToken, origin: 'unix:uid=0', last_origin: undefined },
      apiToken,
    ];
    answerBut({ 'GET /v1/auth-tokens': { status: 200, body: { items, response_type: 'complete' } } });
    const { stdout } = await run(['auth', 'sessions', 'credentials', 'internal', 'format=json']);
    expect((JSON.parse(stdout) as { items: unknown }).items).toEqual([
      { credentials: 'LOGIN_PASSWORD', internal: false },
      { credentials: 'LOGIN_OIDC', internal: false },
      { credentials: 'LOGIN_LDAP', internal: false },
      { credentials: 'TOKEN', internal: false },
      { credentials: 'WEB_SESSION', internal: true },
      { credentials: 'API_KEY', internal: false },
    ]);
  });

  test('a filter is handed to the server, and the streams that it counts are in the JSON', async () => {
    const items = [{ ...loginToken, streams: 2 }];
    answerBut({ 'GET /v1/auth-tokens': { status: 200, body: { items, response_type: 'complete' } } });
    const filter = '"/item/type" == "login"';
    const { stdout } = await run(['auth', 'sessions', '-filter', filter, '-format', 'json']);
    expect(new URL(stub.requests[0]?.url ?? '', 'http://x').searchParams.get('filter')).toBe(filter);
    expect(JSON.parse(stdout)).toMatchObject({ items: [{ streams: 2 }] });
  });
});

describe('row F3: terminating', () => {
  test("one's own session forgets the stored token and says so", async () => {
    await store.write('default', { id: 'at_1234567890', token: 'at_1234567890_s1xxxx' });
    const done = await run(['auth', 'terminate_session', 'id=at_1234567890'], {});
    expect(done).toMatchObject({ exitCode: 0, stdout: '<null>\n' });
    expect(done.stderr).toContain('session in use');
    expect(await store.lookup('default')).toBeUndefined();
  });

  test("one's own session of the environment leaves the store alone", async () => {
    await store.write('default', { id: 'at_0987654321', token: 'at_0987654321_s1xxxx' });
    await run(['auth', 'terminate-session', 'id=at_1234567890']);
    expect((await store.lookup('default'))?.id).toBe('at_0987654321');
  });

  test("one's own session of the environment asks no store, not even one that does not work", async () => {
    const done = await run(['auth', 'terminate-session', 'id=at_1234567890', '-keyring-type', 'bogus']);
    expect(done).toMatchObject({ exitCode: 0, stdout: '<null>\n' });
    expect(done.stderr).toContain('the one of STILE_TOKEN');
  });

  test.each(['x', 'u_1234567890', 'AT_1234567890'])('what is no session (id=%s) is exit 3', async (id) => {
    expect(await run(['auth', 'terminate-session', `id=${id}`])).toMatchObject({ exitCode: 3, stdout: '' });
    expect(stub.requests).toEqual([]);
  });

  test('everybody needs -y where nobody can be asked', async () => {
    const done = await run(['auth', 'terminate-other-sessions', '--all-users']);
    expect(done).toMatchObject({ exitCode: 3, stdout: '' });
    expect(done.stderr).toContain('-y');
    expect(stub.requests).toEqual([]);
    await run(['auth', 'terminate-other-sessions', '--all-users', '-y', '--include-api']);
    expect(lastBody()).toEqual({
      user_id: '*',
      types: ['login', 'web', 'one-time', 'api'],
      except_current: true,
    });
  });

  test.each([
    ['yes', 0, 1],
    ['y', 3, 0],
    ['', 3, 0],
  ])('everybody at a terminal: the answer %j', async (answer, exitCode, requests) => {
    const words = ['auth', 'terminate-other-sessions', '--all-users'];
    const done = await runCliAtTerminal(words, environment(token), [['Type "yes": ', answer]]);
    expect(done).toMatchObject({ exitCode, unasked: [] });
    expect(stub.requests).toHaveLength(requests);
  });
});

describe('row F4: one-time tokens', () => {
  test.each([
    [[], { type: 'one-time' }],
    [['ttl=null'], { type: 'one-time', lifetime: null }],
    [
      ['ttl=10m', 'attrs={"host":"web1"}', 'match_origin=false', 'single_use=false', 'scope=target:read'],
      {
        type: 'one-time',
        lifetime: '10m',
        attributes: { host: 'web1' },
        match_origin: false,
        single_use: false,
        token_scopes: ['target:read'],
      },
    ],
  ])('%j is sent as %j', async (words, body) => {
    expect((await run(['auth', 'generate-token', ...words])).stdout).toBe('at_Lm30TzQp8d_s1hand\n');
    expect(lastBody()).toEqual(body);
  });

  test.each([
    'ttl=0',
    'ttl=-5',
    'ttl=soon',
    'attrs=[]',
    'attrs={',
    'attrs=7',
    'match_origin=maybe',
    'color=red',
  ])('%s is exit 3', async (word) => {
    expect(await run(['auth', 'generate-token', word])).toMatchObject({ exitCode: 3, stdout: '' });
    expect(stub.requests).toEqual([]);
  });

  test('are exchanged from environment, file and standard input, without the token in use, and the login is stored', async () => {
    const secret = 'at_Lm30TzQp8d_s1hand';
    const file = join(home.path, 'one-time');
    await writeFile(file, `${secret}\n`);
    for (const [source, input] of [
      ['env://ONE', ''],
      [`file://${file}`, ''],
      ['-', `${secret}\n`],
    ] as const) {
      const done = await run(
        ['auth', 'login_with_token', '-token', source],
        { ...token, ONE: secret },
        input,
      );
      expect(done).toMatchObject({ exitCode: 0, stderr: '' });
      expect(done.stdout).not.toContain('s1');
      expect(stub.requests.at(-1)).toMatchObject({ url: '/v1/auth-tokens:exchange' });
      expect(stub.requests.at(-1)?.headers.authorization?.trim()).toBe('Bearer');
      expect(lastBody()).toEqual({ token: secret, type: 'token' });
      expect((await store.lookup('default'))?.token).toBe('at_Zk41mQ8s0B_s1login');
      await store.delete('default');
    }
  });

  test.each(['at_Lm30TzQp8d_s1hand', 'string://at_Lm30TzQp8d_s1hand', 'env://NONE', 'file:///nonexistent'])(
    'are not taken from the command line nor from nowhere (%s)',
    async (source) => {
      const done = await run(['auth', 'login-with-token', `token=${source}`]);
      expect(done).toMatchObject({ exitCode: 3, stdout: '' });
      expect(done.stderr).not.toContain('s1hand');
      expect(stub.requests).toEqual([]);
    },
  );

  test('standard input without end is not read for ever', async () => {
    const done = await run(['auth', 'login-with-token', '-token', '-'], {}, 'x'.repeat(100_000));
    expect(done).toMatchObject({ exitCode: 3 });
  });

  test('a used one is the refusal of the API', async () => {
    answerBut({ 'POST /v1/auth-tokens:exchange': { status: 401, body: { kind: 'Unauthenticated' } } });
    const done = await run(['auth', 'login-with-token', '-token', 'env://ONE'], { ONE: 'at_1_s1x' });
    expect(done).toMatchObject({ exitCode: 1, stdout: '' });
    expect(await readdir(home.path)).toEqual([]);
  });
});

describe('row F7: notes', () => {
  test.each([
    ['value=null', null],
    ['value=7', 7],
    ['value={"a":[1,"x"]}', { a: [1, 'x'] }],
    ['value="a=b"', 'a=b'],
  ])('%s is sent as JSON', async (word, value) => {
    expect((await run(['auth', 'set-attribute', 'key=editor', word])).stdout).toBe('<null>\n');
    expect(lastBody()).toEqual({ key: 'editor', value });
  });

  test('what is no JSON is exit 3', async () => {
    expect(await run(['auth', 'set-attribute', 'key=editor', 'value=vim'])).toMatchObject({ exitCode: 3 });
    expect(stub.requests).toEqual([]);
  });
});

describe('checking a password', () => {
  test('is asked for at a terminal, and the answer false is no failure', async () => {
    answerBut({
      'POST /v1/accounts/acctpw_1234567890:check-password': { status: 200, body: { valid: false } },
    });
    const done = await runCliAtTerminal(['auth', 'check_user'], environment(token), [
      ['Password: ', 'guess'],
    ]);
    expect(done).toMatchObject({ exitCode: 0, stdout: 'false\n' });
    expect(lastBody()).toEqual({ password: 'guess' });
    expect(done.stderr).not.toContain('guess');
  });

  test("of another user is checked at that user's account", async () => {
    await run(['auth', 'check-password', 'username=user', 'password=env://P'], { ...token, P: 'pw' });
    expect(stub.requests.at(-1)?.url).toBe('/v1/accounts/acctpw_0987654321:check-password');
  });

  test('never from the command line itself', async () => {
    const done = await run(['auth', 'check-password', 'password=hunter2']);
    expect(done).toMatchObject({ exitCode: 3, stdout: '' });
    expect(done.stderr).not.toContain('hunter2');
    expect(stub.requests).toEqual([]);
  });

  test('an answer that does not say which is no false', async () => {
    answerBut({
      'POST /v1/accounts/acctpw_1234567890:check-password': { status: 200, body: { valid: 'no' } },
    });
    expect(await run(['auth', 'check-password', 'password=env://P'], { ...token, P: 'x' })).toMatchObject({
      exitCode: 2,
      stdout: '',
    });
  });
});

describe('row F5: API keys', () => {
  test('are listed with the properties that are named', async () => {
    const { stdout } = await run(['auth', 'api_key', 'query', 'name', 'allowlist', '-format', 'json']);
    expect(JSON.parse(stdout)).toEqual({
      status_code: 200,
      items: [
        {
          name: 'deploy',
          allowlist: [
            { method: 'CALL', resource: 'target.authorize-session' },
            { method: 'GET', resource: 'target' },
          ],
        },
      ],
    });
    expect((await run(['auth', 'api-key', 'query', 'colour'])).exitCode).toBe(3);
  });

  test('are renamed, and given a new secret, in one command', async () => {
    const done = await run(['auth', 'api-key', 'update', 'id=at_8fK2mQx71a', 'name=nightly', 'reset=true']);
    expect(done).toMatchObject({ exitCode: 0, stdout: 'at_8fK2mQx71a_s1new\n' });
    expect(stub.requests.map(({ method, url, body }) => `${method} ${url} ${body}`)).toEqual([
      'GET /v1/auth-tokens/at_8fK2mQx71a ',
      'PATCH /v1/auth-tokens/at_8fK2mQx71a {"name":"nightly","version":1}',
      'POST /v1/auth-tokens/at_8fK2mQx71a:rotate {"version":2}',
    ]);
  });

  test.each([
    ['update', 'id=at_1'],
    ['update', 'id=nightly', 'name=x'],
    ['update', 'name=x'],
    ['delete'],
    ['get-instance', 'id=x'],
    ['create', 'allowlist=[]'],
    ['create', 'allowlist=x'],
    ['create', 'allowlist=[{"method":"GET","resource":"target.authorize-session"}]'],
  ])('%s %s %s is exit 3', async (...words) => {
    expect(await run(['auth', 'api-key', ...words.filter(Boolean)])).toMatchObject({
      exitCode: 3,
      stdout: '',
    });
    expect(stub.requests).toEqual([]);
  });
});

describe('case 33: what is printed instead of being sent', () => {
  test.each([
    ['auth login-with-token -token env://S', ''],
    ['authenticate password -login-name a -password env://S -otp env://S -auth-method-id ampw_1', ''],
    ['login -otp env://S', 'a'],
  ])('%s holds no secret', async (line, loginName) => {
    const variables = {
      ...token,
      S: 'at_Lm30TzQp8d_s1verysecret',
      STILE_AUTHENTICATE_PASSWORD_LOGIN_NAME: loginName,
    };
    const done = await run([...line.split(' '), '-output-curl-string'], variables);
    expect(done).toMatchObject({ exitCode: 0, stderr: '' });
    expect(done.stdout).not.toContain('s1');
    expect(stub.requests).toEqual([]);
  });
});
