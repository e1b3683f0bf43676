/** `stile tokens`: what is sent, what reaches stdout and stderr, exit codes, and what a hostile answer cannot do (tokens.md §3.2). */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runCli } from '../../../../test/support/cli-run.ts';
import { apiToken, signInAnswer, signInAnswerBut } from '../../../../test/support/sign-in-answers.ts';
import { StubApi, type StubAnswer } from '../../../../test/support/stub-api.ts';

let stub: StubApi;

beforeEach(async () => {
  stub = await StubApi.start(signInAnswer);
});
afterEach(() => stub.close());

function run(words: readonly string[], variables: Readonly<Record<string, string>> = {}) {
  return runCli(words, { STILE_ADDR: stub.address, STILE_TOKEN: 'at_1234567890_s1xxxx', ...variables });
}

function answerBut(special: Readonly<Record<string, StubAnswer>>): void {
  stub.answerWith(signInAnswerBut(special));
}

function bodies(): unknown[] {
  return stub.requests.filter(({ body }) => body !== '').map(({ body }): unknown => JSON.parse(body));
}

describe('creating', () => {
  test('prints the token alone on stdout; id and end go to stderr, without the secret', async () => {
    const done = await run(['tokens', 'create', '-n', 'deploy']);
    expect(done).toEqual({
      exitCode: 0,
      stdout: 'at_8fK2mQx71a_s1api\n',
      stderr: 'Auth token at_8fK2mQx71a "deploy", ends at 2026-12-21T10:00:00Z. It is shown this once.\n',
    });
  });

  test('sends what was given and nothing else', async () => {
    await run(['token', 'create']);
    const line =
      'tokens create --name ci --description CI --lifetime 30d --idle 12h --match-origin --scope target:read --allow target:ttcp_1234567890 -u u_0987654321';
    await run(line.split(' '));
    expect(bodies()).toEqual([
      { type: 'api' },
      {
        type: 'api',
        name: 'ci',
        description: 'CI',
        lifetime: '30d',
        time_to_stale_seconds: 43_200,
        match_origin: true,
        token_scopes: ['target:read'],
        allow_list: ['target:ttcp_1234567890'],
        user_id: 'u_0987654321',
      },
    ]);
  });

  test('takes the lifetime from the environment, and the command line before it', async () => {
    const variables = { STILE_TOKEN_LIFETIME: '8h' };
    await run(['tokens', 'create'], variables);
    await run(['tokens', 'create', '--lifetime', '9h'], variables);
    expect(bodies()).toMatchObject([{ lifetime: '8h' }, { lifetime: '9h' }]);
  });

  test.each(['0', '-1h', '1.5', '1e9y', '1w', 'null', '', '9007199254740993s'])(
    'case 49: the lifetime %j is refused before anything is sent, with the legal form',
    async (lifetime) => {
      const done = await run(['tokens', 'create', `--lifetime=${lifetime || ' '}`]);
      expect(done).toMatchObject({ exitCode: 3, stdout: '' });
      expect(done.stderr).toContain('30d');
      expect(stub.requests).toEqual([]);
    },
  );

  test.each([
    ['target:fly', 'target:*'],
    ['nope:read', '*'],
    [':', '*'],
    ['target:', '*'],
    ['TARGET:READ', '*'],
    ['target:read,session:read', '*'],
    ['target:read', 'target:hst_1234567890'],
    ['target:read', 'ttcp_1234567890'],
  ])('case 50: scope %s, allow %s is refused before anything is sent', async (scope, allow) => {
    const done = await run(['tokens', 'create', '--scope', scope, '--allow', allow]);
    expect(done).toMatchObject({ exitCode: 3, stdout: '' });
    expect(stub.requests).toEqual([]);
  });

  test('scopes by which more can be gained than they show are said in one line, and sent', async () => {
    const words = ['--scope', 'target:read', '--scope', 'role:add-grants', '--scope', 'account:set-password'];
    const done = await run(['tokens', 'create', ...words]);
    expect(done.exitCode).toBe(0);
    expect(done.stderr.split('\n')[0]).toBe(
      'Who holds this token can gain more than its scopes show, by account:set-password, role:add-grants.',
    );
    expect(bodies()).toMatchObject([
      { token_scopes: ['target:read', 'role:add-grants', 'account:set-password'] },
    ]);
  });

  test('an answer without a token is an error, not an empty line for a script', async () => {
    answerBut({ 'POST /v1/auth-tokens': { status: 200, body: apiToken } });
    const done = await run(['tokens', 'create']);
    expect(done).toMatchObject({ exitCode: 2, stdout: '' });
    expect(done.stderr).toContain('without the token');
  });

  test('a word that is no flag is refused', async () => {
    const done = await run(['tokens', 'create', 'deploy']);
    expect(done).toMatchObject({ exitCode: 3, stdout: '' });
    expect(stub.requests).toEqual([]);
  });

  test('row E3: a lifetime over the maximum is the refusal of the API, which names it', async () => {
    answerBut({
      'POST /v1/auth-tokens': {
        status: 400,
        body: {
          kind: 'InvalidArgument',
          message: 'Error in provided request.',
          details: { request_fields: [{ name: 'time_to_live_seconds', description: 'At most 8760h.' }] },
        },
      },
    });
    const done = await run(['tokens', 'create', '--lifetime', '2y']);
    expect(done).toMatchObject({ exitCode: 1, stdout: '' });
    expect(done.stderr).toMatch(/Name: +-lifetime\n +Error: +At most 8760h\./);
  });
});

describe('the user of -user', () => {
  test('is found by login name in the scope that is given', async () => {
    await run(['tokens', 'create', '-user', 'user', '-scope-id', 'o_1234567890']);
    expect(stub.requests[0]?.url).toContain('scope_id=o_1234567890&filter=');
    expect(bodies()).toMatchObject([{ user_id: 'u_0987654321' }]);
  });

  test.each(['nobody', "x' or", 'USER', '"'])('that nobody is called (%j) is exit 3', async (name) => {
    const done = await run(['tokens', 'create', '-user', name]);
    expect(done).toMatchObject({ exitCode: 3, stdout: '' });
    expect(done.stderr).toContain('no user with the login name');
    expect(bodies()).toEqual([]);
  });

  test('that two have is exit 3 and names both', async () => {
    const items = ['u_1', 'u_2'].map((id) => ({ id, login_name: 'jeff' }));
    answerBut({ 'GET /v1/users': { status: 200, body: { items, response_type: 'complete' } } });
    const done = await run(['tokens', 'create', '-user', 'jeff']);
    expect(done).toMatchObject({ exitCode: 3, stdout: '' });
    expect(done.stderr).toContain('u_1, u_2');
  });

  test('that may not be looked up is the refusal of the API', async () => {
    answerBut({
      'GET /v1/users': { status: 403, body: { kind: 'PermissionDenied', message: 'Forbidden.' } },
    });
    expect(await run(['tokens', 'create', '-user', 'admin'])).toMatchObject({ exitCode: 1, stdout: '' });
  });
});

describe('listing', () => {
  test('row E6: the server is asked for dead tokens only when they are wanted; their status is shown', async () => {
    await run(['tokens', 'ls']);
    const done = await run(['tokens', 'list', '--include-expired']);
    const lists = stub.requests.filter(({ url }) => url.startsWith('/v1/auth-tokens')).map(({ url }) => url);
    expect(lists[0]).not.toContain('include_expired');
    expect(lists[1]).toContain('include_expired=true');
    expect(done.stdout.split('\n')[0]).toMatch(/CREATED AT +STATUS$/);
  });

  test("everyone's have their owners", async () => {
    const done = await run(['tokens', 'list', '-a']);
    expect(stub.requests[0]?.url).toBe('/v1/auth-tokens?scope_id=global&recursive=true&type=api');
    expect(
      done.stdout
        .split('\n')
        .slice(0, 2)
        .map((line) => line.split(/ {2,}/).at(-1)),
    ).toEqual(['OWNER', 'admin']);
  });

  test('owners whose names may not be read are shown by id', async () => {
    const items = [{ ...apiToken, login_name: undefined }];
    answerBut({ 'GET /v1/auth-tokens': { status: 200, body: { items, response_type: 'complete' } } });
    expect((await run(['tokens', 'list', '-a'])).stdout).toMatch(/ admin\n$/);
    answerBut({
      'GET /v1/auth-tokens': { status: 200, body: { items, response_type: 'complete' } },
      'GET /v1/users/u_1234567890': { status: 403, body: {} },
    });
    expect((await run(['tokens', 'list', '-a'])).stdout).toMatch(/ u_1234567890\n$/);
  });

  test('none is said so, in JSON as null', async () => {
    answerBut({ 'GET /v1/auth-tokens': { status: 200, body: { response_type: 'complete' } } });
    expect(await run(['tokens', 'list'])).toMatchObject({ exitCode: 0, stdout: 'No tokens found\n' });
    expect((await run(['tokens', 'list', '-format', 'json'])).stdout).toBe(
      '{"status_code":200,"items":null}\n',
    );
  });

  test('all and one user are not asked for together', async () => {
    expect(await run(['tokens', 'list', '-all', '-user', 'x'])).toMatchObject({ exitCode: 3 });
  });

  test('case 65: hostile names are written out, one line a token', async () => {
    const name = '\u001b]0;owned\u0007\u202Egnp\r\n=HYPERLINK("http://evil")';
    const items = [{ ...apiToken, name, token_scopes: [7, '\u001b[2J'] }];
    answerBut({ 'GET /v1/auth-tokens': { status: 200, body: { items, response_type: 'complete' } } });
    const { stdout } = await run(['tokens', 'list']);
    expect(stdout.split('\n')).toHaveLength(3);
    expect(stdout.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u);
  });

  test.each([[[null, 7, 'x']], [{ id: 7, name: {}, token_scopes: 'x' }], [[]]])(
    'an answer that is no list of tokens (%j) breaks nothing',
    async (items) => {
      const list = Array.isArray(items) ? items : [items];
      answerBut({ 'GET /v1/auth-tokens': { status: 200, body: { items: list, response_type: 'complete' } } });
      expect((await run(['tokens', 'list'])).exitCode).toBe(0);
    },
  );
});

describe('one token', () => {
  test('by its id is read as it is, without a search', async () => {
    await run(['tokens', 'view', 'at_8fK2mQx71a']);
    expect(stub.requests[0]?.url).toBe('/v1/auth-tokens/at_8fK2mQx71a');
  });

  test('given whole is cut to its id, with a warning, and never printed or sent', async () => {
    const secret = 's1verysecret';
    for (const words of [['view'], ['remove'], ['rm', '-delete'], ['rotate']]) {
      stub.requests.length = 0;
      const done = await run(['tokens', ...words, `at_8fK2mQx71a_${secret}`]);
      expect(done.exitCode).toBe(0);
      expect(done.stderr).toContain('process list');
      expect(`${done.stdout}${done.stderr}${JSON.stringify(stub.requests)}`).not.toContain(secret);
      expect(stub.requests[0]?.url).toContain('/v1/auth-tokens/at_8fK2mQx71a');
    }
  });

  test('by a name that several have is the live one, then the newest', async () => {
    const items = [
      { ...apiToken, id: 'at_old0000000', status: 'revoked', created_time: '2026-11-01T10:00:00Z' },
      { ...apiToken, id: 'at_live000000', status: 'active', created_time: '2026-11-02T10:00:00Z' },
      { ...apiToken, id: 'at_new0000000', status: 'revoked', created_time: '2026-11-03T10:00:00Z' },
      { ...apiToken, id: 'at_other00000', name: 'deploy2' },
    ];
    answerBut({ 'GET /v1/auth-tokens': { status: 200, body: { items, response_type: 'complete' } } });
    await run(['tokens', 'remove', 'deploy']);
    expect(stub.requests.at(-1)?.url).toBe('/v1/auth-tokens/at_live000000:revoke');
    answerBut({
      'GET /v1/auth-tokens': {
        status: 200,
        body: { items: items.filter(({ id }) => id !== 'at_live000000'), response_type: 'complete' },
      },
    });
    await run(['tokens', 'remove', 'deploy']);
    expect(stub.requests.at(-1)?.url).toBe('/v1/auth-tokens/at_new0000000:revoke');
  });

  test('by a name that nobody gave is exit 3', async () => {
    answerBut({ 'GET /v1/auth-tokens': { status: 200, body: { response_type: 'complete' } } });
    const done = await run(['tokens', 'view', 'nope']);
    expect(done).toMatchObject({ exitCode: 3, stdout: '' });
    expect(done.stderr).toContain('no auth token with the name "nope"');
  });

  test('one is named, not two', async () => {
    expect(await run(['tokens', 'view', 'a', 'b'])).toMatchObject({ exitCode: 3 });
    expect(stub.requests).toEqual([]);
  });

  test('row E5: removed hard is revoked, which says what ended, and then deleted', async () => {
    const done = await run(['tokens', 'remove', 'at_8fK2mQx71a', '--delete']);
    expect(done).toMatchObject({ exitCode: 0, stdout: 'Token has been deleted.\n1 session ended.\n' });
    expect(stub.requests.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'POST /v1/auth-tokens/at_8fK2mQx71a:revoke',
      'DELETE /v1/auth-tokens/at_8fK2mQx71a',
    ]);
  });

  test('a session that a worker has not confirmed is told on stderr', async () => {
    answerBut({
      'POST /v1/auth-tokens/at_8fK2mQx71a:revoke': {
        status: 200,
        body: { ...apiToken, revocation: { auth_tokens: 1, sessions: 3, sessions_confirmed: 1, streams: 0 } },
      },
    });
    const done = await run(['tokens', 'remove', 'at_8fK2mQx71a']);
    expect(done.stdout).toBe('Token has been expired.\n3 sessions ended.\n');
    expect(done.stderr).toContain('2 sessions not confirmed');
  });
});

test('case 66: a controller that redirects gets no second request', async () => {
  const other = await StubApi.start(signInAnswer);
  try {
    stub.answerWith(() => ({ status: 307, headers: { location: `${other.address}/v1/auth-tokens` } }));
    expect(await run(['tokens', 'create'])).toMatchObject({ exitCode: 2, stdout: '' });
    expect(other.requests).toEqual([]);
  } finally {
    await other.close();
  }
});
