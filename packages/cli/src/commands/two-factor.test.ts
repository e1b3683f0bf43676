/** The second factor at the command line: enabling, disabling, and logging in with it (tokens.md §5.1). Questions at a stand-in terminal. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runCli } from '../../../../test/support/cli-run.ts';
import { runCliAtTerminal, type Typed } from '../../../../test/support/cli-terminal.ts';
import { signInAnswer, signInAnswerBut } from '../../../../test/support/sign-in-answers.ts';
import { StubApi, type SeenRequest, type StubAnswer } from '../../../../test/support/stub-api.ts';

let stub: StubApi;

beforeEach(async () => {
  stub = await StubApi.start(signInAnswer);
});
afterEach(() => stub.close());

const user = '/v1/users/u_1234567890';
const variables = { STILE_TOKEN: 'at_1234567890_s1xxxx', P: 'correct horse', C: '492039' };

function run(words: readonly string[]) {
  return runCli(words, { ...variables, STILE_ADDR: stub.address });
}

function atTerminal(words: readonly string[], answers: readonly Typed[]) {
  return runCliAtTerminal(words, { ...variables, STILE_ADDR: stub.address }, answers);
}

function answerBut(special: Readonly<Record<string, StubAnswer>>): void {
  stub.answerWith(signInAnswerBut(special));
}

/** The verbs that were called about the user, with their bodies. */
function calls(): unknown[] {
  return stub.requests
    .filter(({ method }) => method !== 'GET')
    .map(({ url, body }) => [url.replace(user, ''), JSON.parse(body) as unknown]);
}

function state(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, StubAnswer>> {
  return { [`GET ${user}:read-two-factor`]: { status: 200, body: fields } };
}

describe('enabling', () => {
  test('shows the secret, asks for its first code, and shows the recovery codes once', async () => {
    const done = await atTerminal(
      ['auth', 'two_factor', 'update', 'enabled=true'],
      [
        ['Password: ', 'correct horse'],
        ['for the new secret: ', '287082'],
      ],
    );
    expect(done).toMatchObject({ exitCode: 0, unasked: [] });
    expect(done.stdout).toContain('| provisioning_uri | otpauth://totp/Stile:admin?secret=');
    expect(done.stdout.split('\n').slice(-3)).toEqual([
      'AAAAA-BBBBB-CCCCC-DDDDD',
      'EEEEE-FFFFF-GGGGG-HHHHH',
      '',
    ]);
    expect(calls()).toEqual([
      [':enroll-two-factor', { password: 'correct horse' }],
      [':confirm-two-factor', { code: '287082' }],
    ]);
    expect(`${done.stdout}${done.stderr}`).not.toContain('correct horse');
    expect(`${done.stdout}${done.stderr}`).not.toContain('287082');
  });

  test('without a terminal is two commands: the second one confirms what waits', async () => {
    const first = await run(['auth', 'two-factor', 'update', 'enabled=true', 'password=env://P']);
    expect(first).toMatchObject({ exitCode: 0 });
    expect(first.stderr).toContain('stile auth two-factor update enabled=true -code env://CODE');
    stub.requests.length = 0;
    answerBut(state({ enrolled: false, pending: true }));
    const second = await run(['auth', 'two-factor', 'update', 'enabled=true', 'code=env://C']);
    expect(second).toMatchObject({ exitCode: 0 });
    expect(calls()).toEqual([[':confirm-two-factor', { code: '492039' }]]);
  });

  test('what is enabled already changes nothing', async () => {
    answerBut(state({ enrolled: true, pending: false, policy: 'optional' }));
    const done = await run(['auth', 'two-factor', 'update', 'enabled=true', 'password=env://P']);
    expect(done).toMatchObject({ exitCode: 0 });
    expect(done.stdout).toMatch(/enabled \| true/);
    expect(calls()).toEqual([]);
  });

  const refusedCode: StubAnswer = {
    status: 400,
    body: {
      kind: 'InvalidArgument',
      details: { request_fields: [{ name: 'code', description: 'Wrong code.' }] },
    },
  };
  const wrongCode: Typed = ['for the new secret: ', '000000'];

  test('a wrong first code is asked for again, for the same secret', async () => {
    let confirmations = 0;
    stub.answerWith((request) => {
      const isFirst = request.url === `${user}:confirm-two-factor` && (confirmations += 1) === 1;
      return isFirst ? refusedCode : signInAnswer(request);
    });
    const done = await atTerminal(
      ['auth', 'two-factor', 'update', 'enabled=true', 'password=env://P'],
      [wrongCode, ['for the new secret: ', '287082']],
    );
    expect(done).toMatchObject({ exitCode: 0, unasked: [] });
    expect(done.stderr).toContain('refused the code');
    expect(done.stdout).toContain('AAAAA-BBBBB');
    expect(calls()).toEqual([
      [':enroll-two-factor', { password: 'correct horse' }],
      [':confirm-two-factor', { code: '000000' }],
      [':confirm-two-factor', { code: '287082' }],
    ]);
  });

  test('a first code that is refused for another reason than being wrong is not asked for again', async () => {
    answerBut({ [`POST ${user}:confirm-two-factor`]: { status: 400, body: { kind: 'FailedPrecondition' } } });
    const done = await atTerminal(
      ['auth', 'two-factor', 'update', 'enabled=true', 'password=env://P'],
      [wrongCode],
    );
    expect(done).toMatchObject({ exitCode: 1, unasked: [] });
    expect(done.stderr).not.toContain('refused the code');
  });

  test('three wrong first codes are the refusal of the API; no codes are shown, and how to go on is', async () => {
    answerBut({ [`POST ${user}:confirm-two-factor`]: refusedCode });
    const done = await atTerminal(
      ['auth', 'two-factor', 'update', 'enabled=true', 'password=env://P'],
      [wrongCode, wrongCode, wrongCode],
    );
    expect(done).toMatchObject({ exitCode: 1, unasked: [] });
    expect(done.stdout).not.toContain('AAAAA');
    expect(done.stderr).toContain('Confirm within ten minutes');
  });

  test('a new secret needs password and code of the old one, and a code of the new one', async () => {
    answerBut(state({ enrolled: true, pending: false }));
    const done = await atTerminal(
      ['auth', 'two-factor', 'renew-secret'],
      [
        ['Password: ', 'correct horse'],
        ['Code: ', '111111'],
        ['for the new secret: ', '222222'],
      ],
    );
    expect(done).toMatchObject({ exitCode: 0, unasked: [] });
    expect(calls()).toEqual([
      [':enroll-two-factor', { password: 'correct horse', code: '111111' }],
      [':confirm-two-factor', { code: '222222' }],
    ]);
  });

  test('the address alone is on stdout for a program that draws it', async () => {
    const done = await run(['auth', 'two-factor', 'provisioning_uri', 'password=env://P']);
    expect(done.stdout).toMatch(/^otpauth:\/\/totp\/\S+\n$/);
  });
});

describe('disabling, settings, codes', () => {
  test.each([[['update', 'enabled=false']], [['disable']]])('%j needs password and code', async (words) => {
    const done = await run(['auth', 'two-factor', ...words, 'password=env://P', 'code=env://C']);
    expect(done).toMatchObject({ exitCode: 0 });
    expect(calls()).toEqual([[':disable-two-factor', { password: 'correct horse', code: '492039' }]]);
  });

  test('settings are those of the auth method that is named, or of the primary one of the scope', async () => {
    answerBut({
      'GET /v1/auth-methods/ampw_2': { status: 200, body: { id: 'ampw_2', version: 4 } },
      'PATCH /v1/auth-methods/ampw_2': { status: 200, body: { id: 'ampw_2', version: 5 } },
      'GET /v1/auth-methods': {
        status: 200,
        body: { items: [{ id: 'ampw_1' }, { id: 'ampw_2', is_primary: true }], response_type: 'complete' },
      },
    });
    const words = [
      'auth',
      'two-factor',
      'update',
      'policy=required',
      'otp_digits=8',
      'interval=60',
      'window=0',
    ];
    expect((await run([...words, 'auth_method_id=ampw_2'])).exitCode).toBe(0);
    expect((await run(words)).exitCode).toBe(0);
    const attributes = { two_factor: 'required', otp_digits: 8, otp_interval_seconds: 60, otp_window: 0 };
    const patches = stub.requests.filter(({ method }) => method === 'PATCH');
    expect(patches.map(({ url, body }): unknown => [url, JSON.parse(body)])).toEqual([
      ['/v1/auth-methods/ampw_2', { attributes, version: 4 }],
      ['/v1/auth-methods/ampw_2', { attributes, version: 4 }],
    ]);
  });

  test('nothing to change is exit 3; a code on the command line too', async () => {
    expect((await run(['auth', 'two-factor', 'update'])).exitCode).toBe(3);
    for (const word of ['token=492039', '-code=492039', 'token=string://492039'])
      expect(await run(['auth', 'two-factor', 'verify', word])).toMatchObject({ exitCode: 3, stdout: '' });
    expect(stub.requests).toEqual([]);
  });

  test('token= of verify is the code, and the token in use is still that of the environment', async () => {
    expect((await run(['auth', 'two-factor', 'verify', 'token=env://C'])).stdout).toBe('true\n');
    expect(stub.requests[0]?.headers.authorization).toBe('Bearer at_1234567890_s1xxxx');
    expect(calls()).toEqual([[':verify-two-factor', { code: '492039' }]]);
  });

  test.each([
    [true, true, 'true'],
    [true, false, 'false'],
    [false, true, 'false'],
  ])('two-factor-auth with a password that is right: %s, enrolled: %s', async (valid, enrolled, answer) => {
    answerBut({
      ...state({ enrolled }),
      'POST /v1/accounts/acctpw_1234567890:check-password': { status: 200, body: { valid } },
    });
    expect((await run(['auth', 'two_factor_auth', 'password=env://P'])).stdout).toBe(`${answer}\n`);
  });
});

describe('row F6: logging in', () => {
  const words = [
    'authenticate',
    'password',
    '-login-name',
    'admin',
    '-auth-method-id',
    'ampw_1',
    '-password',
  ];
  const keyring = ['-keyring-type', 'none'];

  /** A controller that wants the code 492039. */
  function wantsCode(request: SeenRequest): StubAnswer {
    const { otp } = (JSON.parse(request.body) as { attributes: { otp?: string } }).attributes;
    if (otp === '492039') return { status: 200, body: { attributes: { id: 'at_1', token: 'at_1_s1new' } } };
    const field = { name: 'attributes.otp', description: 'A second factor is required.' };
    const details = otp === undefined ? { details: { request_fields: [field] } } : {};
    return { status: 401, body: { kind: 'Unauthenticated', message: 'Unable to authenticate.', ...details } };
  }

  test('case 57: asks for the code when the answer names it, and sends the password again', async () => {
    stub.answerWith(wantsCode);
    const done = await atTerminal([...words, 'env://P', ...keyring], [['or a recovery code: ', '492039']]);
    expect(done).toMatchObject({ exitCode: 0, unasked: [] });
    expect(stub.requests.map(({ body }) => (JSON.parse(body) as { attributes: unknown }).attributes)).toEqual(
      [
        { login_name: 'admin', password: 'correct horse' },
        { login_name: 'admin', password: 'correct horse', otp: '492039' },
      ],
    );
    expect(`${done.stdout}${done.stderr}`).not.toContain('492039');
  });

  test('case 57: a wrong code is the refusal, and is not asked for again', async () => {
    stub.answerWith(wantsCode);
    const done = await atTerminal([...words, 'env://P', ...keyring], [['or a recovery code: ', '000000']]);
    expect(done).toMatchObject({ exitCode: 1, stdout: '' });
    expect(stub.requests).toHaveLength(2);
  });

  test('a code that is given is sent with the password, in one request', async () => {
    stub.answerWith(wantsCode);
    const done = await run([...words, 'env://P', '-otp', 'env://C', ...keyring]);
    expect(done.exitCode).toBe(0);
    expect(stub.requests).toHaveLength(1);
  });

  test('without a terminal the refusal says how to give the code', async () => {
    stub.answerWith(wantsCode);
    const done = await run([...words, 'env://P', ...keyring]);
    expect(done).toMatchObject({ exitCode: 1, stdout: '' });
    expect(done.stderr).toContain('-otp env://NAME');
    expect(done.stderr).toContain('A second factor is required.');
    const json = await run([...words, 'env://P', '-format', 'json']);
    expect(JSON.parse(json.stderr)).toMatchObject({ status_code: 401 });
  });

  test('another 401 asks for nothing', async () => {
    stub.answerWith(() => ({ status: 401, body: { kind: 'Unauthenticated' } }));
    expect(await atTerminal([...words, 'env://P'], [])).toMatchObject({ exitCode: 1 });
    expect(stub.requests).toHaveLength(1);
  });

  test('a code on the command line is refused', async () => {
    const done = await run([...words, 'env://P', '-otp', '492039']);
    expect(done).toMatchObject({ exitCode: 3 });
    expect(done.stderr).not.toContain('492039');
    expect(stub.requests).toEqual([]);
  });

  test('giving up at the question for the code is exit 2 and sends nothing more', async () => {
    stub.answerWith(wantsCode);
    expect(await atTerminal([...words, 'env://P'], [])).toMatchObject({ exitCode: 2, stdout: '' });
    expect(stub.requests).toHaveLength(1);
  });
});
