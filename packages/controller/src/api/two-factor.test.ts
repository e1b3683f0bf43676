/** Second factors and password checks over HTTP: who may, what is answered, what an unmodified client sees (tokens.md §4.1, §5.1). */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestController, type TestController } from '../../../../test/support/controller.ts';
import { appCode, wrongAppCode } from '../../../../test/support/second-factor.ts';

type Json = Readonly<Record<string, unknown>>;

const password = 'a good password';
const method = '/v1/auth-methods/ampw_1234567890';
const refused = { status: 401, kind: 'Unauthenticated', message: 'Unable to authenticate.' };

let stile: TestController;
beforeAll(async () => {
  stile = await startTestController();
});
afterAll(() => stile?.stop());

async function send(verb: string, path: string, body?: object, token = stile.admin): Promise<Json> {
  const answer = await stile.send(verb, path, body, token);
  return { status: answer.status, ...((answer.json ?? {}) as Json) };
}

const logIn = (loginName: string, attributes: object): Promise<Json> =>
  send('POST', `${method}:authenticate`, { attributes: { login_name: loginName, ...attributes } }, '');

const now = (): number => stile.controller.parts.clock.nowUs();

/** A user with an account and a token. */
interface Person {
  readonly loginName: string;
  readonly userId: string;
  readonly accountId: string;
  readonly token: string;
}

let people = 0;
async function newPerson(): Promise<Person> {
  people += 1;
  const loginName = `person-${people}`;
  const account = await send('POST', '/v1/accounts', {
    auth_method_id: 'ampw_1234567890',
    attributes: { login_name: loginName, password },
  });
  const answer = await logIn(loginName, { password });
  const { token, user_id: userId } = answer['attributes'] as Json;
  return { loginName, userId: String(userId), accountId: String(account['id']), token: String(token) };
}

const verb = (person: Person, name: string, body: object = {}, token = person.token): Promise<Json> =>
  send(
    name === 'read-two-factor' ? 'GET' : 'POST',
    `/v1/users/${person.userId}:${name}`,
    name === 'read-two-factor' ? undefined : body,
    token,
  );

/** Enrolls; the step of the first code is used up. */
async function enroll(
  person: Person,
): Promise<{ readonly secret: string; readonly recovery: readonly string[] }> {
  const made = await verb(person, 'enroll-two-factor', { password });
  const secret = String(made['secret']);
  const confirmed = await verb(person, 'confirm-two-factor', { code: appCode(secret, now()) });
  return { secret, recovery: confirmed['recovery_codes'] as string[] };
}

/** The code of the step after the present one: not yet used, and within the window. */
const nextCode = (secret: string): string => appCode(secret, now() + 30_000_000);

describe('the second factor over HTTP', () => {
  test('is read, enrolled, confirmed, renewed and disabled by the user itself, without a grant', async () => {
    const person = await newPerson();
    const none = {
      enrolled: false,
      pending: false,
      policy: 'optional',
      otp_digits: 6,
      interval_seconds: 30,
      window: 1,
      recovery_codes_left: 0,
    };
    expect(await verb(person, 'read-two-factor')).toEqual({ status: 200, ...none });
    const made = await verb(person, 'enroll-two-factor', { password });
    expect(made).toEqual({
      status: 200,
      secret: expect.stringMatching(/^[A-Z2-7]{32}$/),
      provisioning_uri: `otpauth://totp/Stile:${person.loginName}?secret=${String(made['secret'])}&issuer=Stile&digits=6&period=30`,
      expires_time: expect.stringMatching(/^\d{4}-/),
    });
    expect(await verb(person, 'read-two-factor')).toEqual({ status: 200, ...none, pending: true });
    const secret = String(made['secret']);
    const confirmed = await verb(person, 'confirm-two-factor', { code: appCode(secret, now()) });
    expect(confirmed).toEqual({ status: 200, recovery_codes: expect.any(Array) });
    const [first, second, third] = confirmed['recovery_codes'] as string[];
    expect(await verb(person, 'read-two-factor')).toEqual({
      status: 200,
      ...none,
      enrolled: true,
      recovery_codes_left: 10,
      last_used_time: expect.any(String),
    });
    expect(await verb(person, 'verify-two-factor', { code: first })).toEqual({ status: 200, valid: true });
    expect(await verb(person, 'verify-two-factor', { code: first })).toEqual({ status: 200, valid: false });
    const renewed = await verb(person, 'renew-recovery-codes', { password, code: second });
    expect(renewed['recovery_codes']).toHaveLength(10);
    expect(await verb(person, 'disable-two-factor', { password, code: third })).toMatchObject({
      status: 400,
      details: { request_fields: [{ name: 'code', description: 'Wrong code.' }] },
    });
    const disabled = await verb(person, 'disable-two-factor', { password, code: nextCode(secret) });
    expect(disabled).toEqual({ status: 200, ...none });
    expect(JSON.stringify(await send('GET', `/v1/users/${person.userId}`))).not.toContain('two');
  });

  test('says which field is missing or wrong, and that nothing is enrolled', async () => {
    const person = await newPerson();
    const required = 'This is a required field.';
    for (const [name, body, fields] of [
      ['enroll-two-factor', {}, [{ name: 'password', description: required }]],
      ['enroll-two-factor', { password: '' }, [{ name: 'password', description: required }]],
      ['enroll-two-factor', { password: 'no' }, [{ name: 'password', description: 'Wrong password.' }]],
      [
        'enroll-two-factor',
        { password: 5 },
        [{ name: 'password', description: 'This field must be a text.' }],
      ],
      ['confirm-two-factor', {}, [{ name: 'code', description: required }]],
      ['verify-two-factor', { code: 123456 }, [{ name: 'code', description: 'This field must be a text.' }]],
      [
        'disable-two-factor',
        {},
        [
          { name: 'code', description: required },
          { name: 'password', description: required },
        ],
      ],
    ] as const) {
      expect(await verb(person, name, body)).toMatchObject({
        status: 400,
        details: { request_fields: fields },
      });
    }
    const empty = { status: 400, kind: 'FailedPrecondition', message: 'No second factor is enrolled.' };
    expect(await verb(person, 'verify-two-factor', { code: '123456' })).toEqual(empty);
    expect(await verb(person, 'disable-two-factor', { password, code: '123456' })).toEqual(empty);
    expect(await verb(person, 'renew-recovery-codes', { password, code: '123456' })).toEqual(empty);
    expect(await verb(person, 'confirm-two-factor', { code: '123456' })).toMatchObject({
      status: 400,
      kind: 'FailedPrecondition',
    });
    await enroll(person);
    for (const code of [null, '', ' ', '１２３４５６']) {
      expect(await verb(person, 'verify-two-factor', { code })).toEqual({ status: 200, valid: false });
    }
  });

  test('of another user is nobody’s to change, but to read and to reset with a grant', async () => {
    const person = await newPerson();
    const { secret } = await enroll(person);
    const bodies: Readonly<Record<string, object>> = {
      'enroll-two-factor': { password, code: nextCode(secret) },
      'confirm-two-factor': { code: nextCode(secret) },
      'verify-two-factor': { code: nextCode(secret) },
      'renew-recovery-codes': { password, code: nextCode(secret) },
      'disable-two-factor': { password, code: nextCode(secret) },
    };
    for (const [name, body] of Object.entries(bodies)) {
      expect([name, (await verb(person, name, body, stile.admin))['status']]).toEqual([name, 403]);
      expect([name, (await verb(person, name, body, ''))['status']]).toEqual([name, 401]);
      expect(await send('POST', `/v1/users/u_0000000000:${name}`, body)).toMatchObject({ status: 404 });
      expect(await send('POST', `/v1/users/zzz:${name}`, body)).toMatchObject({ status: 400 });
      expect((await send('PUT', `/v1/users/${person.userId}:${name}`))['status']).toBe(405);
    }
    expect(await verb(person, 'read-two-factor', {}, stile.user)).toMatchObject({ status: 403 });
    expect(await verb(person, 'read-two-factor', {}, '')).toMatchObject({ status: 401 });
    expect(await verb(person, 'read-two-factor', {}, stile.admin)).toMatchObject({
      status: 200,
      enrolled: true,
    });
    expect(await verb(person, 'reset-two-factor', {}, stile.user)).toMatchObject({ status: 403 });
    expect(await verb(person, 'reset-two-factor')).toMatchObject({ status: 403 });
    expect(await verb(person, 'reset-two-factor', {}, stile.admin)).toMatchObject({
      status: 200,
      enrolled: false,
    });
    expect(await logIn(person.loginName, { password })).toMatchObject({ status: 200 });
    expect(await send('POST', '/v1/users/u_1234567890:reset-two-factor', {})).toMatchObject({
      status: 400,
      kind: 'FailedPrecondition',
    });
  });

  test('case 57: a login needs the code, beside the password or behind it', async () => {
    const [person, other] = [await newPerson(), await newPerson()];
    const { secret, recovery } = await enroll(person);
    const others = await enroll(other);
    const { loginName } = person;
    expect(await logIn(loginName, { password })).toEqual({
      ...refused,
      details: { request_fields: [{ name: 'attributes.otp', description: 'A second factor is required.' }] },
    });
    for (const otp of ['', null, nextCode(others.secret)]) {
      expect(await logIn(loginName, { password, otp })).toEqual(refused);
    }
    expect(await logIn(loginName, { password: `${password}${nextCode(secret)}` })).toMatchObject({
      status: 200,
    });
    expect(await logIn(loginName, { password: `${password}${recovery[0]}` })).toMatchObject({ status: 200 });
    expect(await logIn(loginName, { password, otp: recovery[1] })).toMatchObject({ status: 200 });
    expect(await logIn(loginName, { password, otp: recovery[1] })).toEqual(refused);
    expect(await logIn(loginName, { password: 'wrong', otp: recovery[2] })).toEqual(refused);
    // Only a text is a code, and only one: the strict attributes say so of everything else.
    for (const otp of [123456, [recovery[3]], { code: recovery[3] }, true]) {
      expect(await logIn(loginName, { password, otp })).toMatchObject({ status: 400 });
    }
    expect(await logIn(loginName, { password, otp: recovery[3] })).toMatchObject({ status: 200 });
  });

  test('case 56: wrong codes are answered with 429 and how long to wait, at every verb', async () => {
    const person = await newPerson();
    const { secret, recovery } = await enroll(person);
    for (let count = 0; count < 5; count++) {
      const code = wrongAppCode(secret, now());
      if (count % 2 === 0) expect(await logIn(person.loginName, { password, otp: code })).toEqual(refused);
      else expect(await verb(person, 'verify-two-factor', { code })).toMatchObject({ valid: false });
    }
    const [code = ''] = recovery;
    for (const [name, body] of Object.entries({
      'verify-two-factor': { code },
      'disable-two-factor': { password, code },
      'renew-recovery-codes': { password, code: nextCode(secret) },
      'enroll-two-factor': { password, code },
      'confirm-two-factor': { code },
    })) {
      const answer = await stile.send('POST', `/v1/users/${person.userId}:${name}`, body, person.token);
      expect([name, answer.status]).toEqual([name, 429]);
      expect(Number(answer.headers['retry-after'])).toBeGreaterThan(290);
      expect(Number(answer.headers['retry-after'])).toBeLessThanOrEqual(300);
    }
    expect(await logIn(person.loginName, { password, otp: code })).toMatchObject({
      status: 429,
      kind: 'ResourceExhausted',
    });
    // Without the right password nothing is said of it, and without a code only that one is needed.
    expect(await logIn(person.loginName, { password: 'wrong', otp: code })).toEqual(refused);
    expect(await logIn(person.loginName, { password })).toMatchObject({ status: 401 });
  });

  test('is asked for as the auth method says, which shows only what is not the default', async () => {
    const before = await send('GET', method);
    expect(before['attributes']).toEqual({ min_login_name_length: 3, min_password_length: 8 });
    const change = (attributes: object, version: unknown): Promise<Json> =>
      send('PATCH', method, { version, attributes });
    for (const [attributes, name] of [
      [{ two_factor: 'sometimes' }, 'two_factor'],
      [{ two_factor: '' }, 'two_factor'],
      [{ otp_digits: 5 }, 'otp_digits'],
      [{ otp_digits: 9 }, 'otp_digits'],
      [{ otp_interval_seconds: 14 }, 'otp_interval_seconds'],
      [{ otp_interval_seconds: 121 }, 'otp_interval_seconds'],
      [{ otp_window: 3 }, 'otp_window'],
    ] as const) {
      expect(await change(attributes, before['version'])).toMatchObject({
        status: 400,
        details: { request_fields: [{ name: `attributes.${name}` }] },
      });
    }
    const attributes = { two_factor: 'off', otp_digits: 8, otp_interval_seconds: 60, otp_window: 0 };
    const changed = await change(attributes, before['version']);
    expect(changed['attributes']).toEqual({
      min_login_name_length: 3,
      min_password_length: 8,
      ...attributes,
    });
    const back = await change(
      { two_factor: null, otp_digits: null, otp_interval_seconds: null, otp_window: null },
      changed['version'],
    );
    expect(back['attributes']).toEqual(before['attributes']);
    const made = await send('POST', '/v1/auth-methods', {
      scope_id: 'o_1234567890',
      type: 'password',
      attributes: { two_factor: 'required' },
    });
    expect(made).toMatchObject({ status: 200, attributes: { two_factor: 'required' } });
  });
});

describe('what a second factor does to tokens', () => {
  const idOf = (token: string): string => token.split('_').slice(0, 2).join('_');
  const statusOf = async (token: string): Promise<unknown> =>
    (await send('GET', '/v1/users:me', undefined, token))['status'];

  /** Sets the policy of the auth method, and gives back the one before. */
  async function setPolicy(two_factor: string | null): Promise<void> {
    const { version } = await send('GET', method);
    expect(await send('PATCH', method, { version, attributes: { two_factor } })).toMatchObject({
      status: 200,
    });
  }

  async function tokenOf(person: Person, attributes: object): Promise<string> {
    const answer = await logIn(person.loginName, attributes);
    expect(answer['status']).toBe(200);
    return String((answer['attributes'] as Json)['token']);
  }

  test('a login with a code is marked, and so is the one by which it was enrolled; users:me tells of it', async () => {
    const person = await newPerson();
    const isMarked = async (token: string): Promise<boolean> =>
      (await send('GET', `/v1/auth-tokens/${idOf(token)}`, undefined, token))['second_factor'] === true;
    expect(await isMarked(person.token)).toBe(false);
    const before = await tokenOf(person, { password });
    const { secret, recovery } = await enroll(person);
    expect(await isMarked(person.token)).toBe(true);
    expect(await isMarked(before)).toBe(false);
    expect(await isMarked(await tokenOf(person, { password: `${password}${nextCode(secret)}` }))).toBe(true);
    expect(await isMarked(await tokenOf(person, { password, otp: recovery[0] }))).toBe(true);
    const me = await send('GET', '/v1/users:me', undefined, person.token);
    expect(me['two_factor']).toMatchObject({ enrolled: true, policy: 'optional', recovery_codes_left: 9 });
    expect(JSON.stringify(me)).not.toContain(secret);
  });

  test('case 59: where it is required, a token of who has none reads itself, enrolls, confirms and logs out, and nothing else', async () => {
    const person = await newPerson();
    await setPolicy('required');
    try {
      const token = await tokenOf(person, { password });
      const other = await tokenOf(person, { password });
      const document = await send('GET', '/v1/openapi.json', undefined, '');
      const first = { status: 403, kind: 'PermissionDenied', message: 'Enroll a second factor first.' };
      const ownIds: Readonly<Record<string, string>> = {
        users: person.userId,
        accounts: person.accountId,
        'auth-tokens': idOf(token),
        'auth-methods': 'ampw_1234567890',
        scopes: 'global',
        targets: 'ttcp_1234567890',
      };
      const may = new Set([
        'GET /v1/auth-tokens/{id}',
        'POST /v1/users/{id}:enroll-two-factor',
        'POST /v1/users/{id}:confirm-two-factor',
        'POST /v1/auth-tokens/{id}:revoke',
        'DELETE /v1/auth-tokens/{id}',
      ]);
      let refusedRoutes = 0;
      for (const [path, verbs] of Object.entries(document['paths'] as Record<string, Record<string, Json>>)) {
        for (const [name, facts] of Object.entries(verbs)) {
          const route = `${name.toUpperCase()} ${path}`;
          // What is for everybody needs no token, so a weak one takes nothing away from it.
          const isPublic = Array.isArray(facts['security']) && facts['security'].length === 0;
          if (isPublic || may.has(route) || path.endsWith(':authenticate')) continue;
          const collection = path.split('/')[2] ?? '';
          const url = path.replace(/\{[^}]*\}/, ownIds[collection] ?? 'zz_0000000000');
          const body = ['post', 'patch', 'put'].includes(name) ? {} : undefined;
          const answer = await send(name.toUpperCase(), url, body, token);
          expect({ route, ...answer }).toEqual({ route, ...first });
          refusedRoutes += 1;
        }
      }
      expect(refusedRoutes).toBeGreaterThan(100);
      // What it may do, it may do to itself alone.
      expect(await send('GET', `/v1/auth-tokens/${idOf(stile.admin)}`, undefined, token)).toMatchObject({
        status: 403,
      });
      expect(await send('GET', `/v1/auth-tokens/${idOf(token)}`, undefined, token)).toMatchObject({
        status: 'active',
      });
      const made = await verb(person, 'enroll-two-factor', { password }, token);
      const code = appCode(String(made['secret']), now());
      expect(await verb(person, 'confirm-two-factor', { code: '000' }, token)).toMatchObject({ status: 400 });
      const confirmed = await verb(person, 'confirm-two-factor', { code }, token);
      const [recovery] = confirmed['recovery_codes'] as string[];
      // The same token is whole now; one that was got with the password alone has still seen no code.
      expect(await statusOf(token)).toBe(200);
      expect(await statusOf(other)).toBe(403);
      expect(await verb(person, 'disable-two-factor', { password, code: recovery }, token)).toMatchObject({
        status: 400,
        kind: 'FailedPrecondition',
      });
      expect(await send('POST', `/v1/auth-tokens/${idOf(other)}:revoke`, {}, other)).toMatchObject({
        status: 'revoked',
      });
      expect(await statusOf(other)).toBe(401);
    } finally {
      await setPolicy(null);
    }
  });

  test('where it is required, only a token that has seen a code mints API tokens, which ask for none', async () => {
    const person = await newPerson();
    const { secret } = await enroll(person);
    const [weak, strong] = [
      (await newPerson()).token,
      await tokenOf(person, { password, otp: nextCode(secret) }),
    ];
    const mint = (token: string, more: object = {}): Promise<Json> =>
      send('POST', '/v1/auth-tokens', { type: 'api', ...more }, token);
    expect(await mint(weak)).toMatchObject({ status: 'active' });
    await setPolicy('required');
    try {
      const refusal = {
        status: 403,
        kind: 'PermissionDenied',
        message: expect.stringContaining('log in with a code'),
      };
      expect(await mint(weak)).toMatchObject(refusal);
      expect(await mint(stile.admin, { user_id: person.userId })).toMatchObject(refusal);
      const made = await mint(strong);
      expect(made).toMatchObject({ status: 'active', second_factor: true });
      expect(await statusOf(String(made['token']))).toBe(200);
    } finally {
      await setPolicy(null);
    }
  });

  test('a reset ends the sign-ins of the user, and leaves its API tokens', async () => {
    const person = await newPerson();
    await enroll(person);
    const api = String((await send('POST', '/v1/auth-tokens', { type: 'api' }, person.token))['token']);
    const web = await send('POST', '/v1/auth-tokens', { type: 'web', user_id: person.userId });
    const reset = await verb(person, 'reset-two-factor', {}, stile.admin);
    // Two sign-ins: the first login of the account, and nothing else; and the web session.
    expect(reset).toMatchObject({
      status: 200,
      enrolled: false,
      revocation: { auth_tokens: 2, sessions: 0 },
    });
    expect(await statusOf(person.token)).toBe(401);
    expect(await statusOf(String(web['token']))).toBe(401);
    expect(await statusOf(api)).toBe(200);
    const ended = await send('GET', `/v1/auth-tokens/${idOf(person.token)}`);
    expect(ended).toMatchObject({ status: 'revoked', revoked_reason: 'second factor reset' });
  });

  test('case 42: a web session, an API token and a restricted token change no second factor', async () => {
    const person = await newPerson();
    const { recovery } = await enroll(person);
    const mint = async (body: object, token: string): Promise<string> =>
      String((await send('POST', '/v1/auth-tokens', body, token))['token']);
    const tokens = {
      web: await mint({ type: 'web', user_id: person.userId }, stile.admin),
      api: await mint({ type: 'api' }, person.token),
      restricted: await mint({ type: 'api', token_scopes: ['user:*', 'account:*'] }, person.token),
    };
    for (const [kind, token] of Object.entries(tokens)) {
      for (const [name, body] of Object.entries({
        'enroll-two-factor': { password, code: recovery[0] },
        'confirm-two-factor': { code: recovery[0] },
        'verify-two-factor': { code: recovery[0] },
        'renew-recovery-codes': { password, code: recovery[0] },
        'disable-two-factor': { password, code: recovery[0] },
      })) {
        expect([kind, name, (await verb(person, name, body, token))['status']]).toEqual([kind, name, 403]);
      }
    }
    expect(await verb(person, 'read-two-factor', {}, tokens.api)).toMatchObject({
      status: 200,
      recovery_codes_left: 10,
    });
    expect(await verb(person, 'read-two-factor', {}, tokens.restricted)).toMatchObject({ status: 200 });
    const narrow = await mint({ type: 'api', token_scopes: ['target:read'] }, person.token);
    expect(await verb(person, 'read-two-factor', {}, narrow)).toMatchObject({ status: 403 });
  });
});

test('case 42: a web session sets no password, not even one that its user may set', async () => {
  const person = await newPerson();
  const web = await send('POST', '/v1/auth-tokens', { type: 'web', user_id: 'u_1234567890' });
  const path = `/v1/accounts/${person.accountId}:set-password`;
  const body = { version: 1, password: 'another password' };
  expect(await send('POST', path, body, String(web['token']))).toMatchObject({ status: 403 });
  expect(await send('POST', path, body)).toMatchObject({ status: 200 });
});

describe('check-password over HTTP', () => {
  const check = (person: Person, given: unknown, token: string): Promise<Json> =>
    send('POST', `/v1/accounts/${person.accountId}:check-password`, { password: given }, token);

  test('says whether it is the password, to the owner and to who may set it; no token is made', async () => {
    const person = await newPerson();
    const tokens = async (): Promise<unknown> =>
      (await send('GET', '/v1/auth-tokens?scope_id=global'))['est_item_count'];
    const before = await tokens();
    expect(await check(person, password, person.token)).toEqual({ status: 200, valid: true });
    expect(await check(person, 'wrong', person.token)).toEqual({ status: 200, valid: false });
    expect(await check(person, password, stile.admin)).toEqual({ status: 200, valid: true });
    for (const given of ['', null, 5, undefined]) {
      expect(await check(person, given, person.token)).toMatchObject({
        status: 400,
        details: { request_fields: [{ name: 'password' }] },
      });
    }
    expect(await tokens()).toBe(before);
    expect(await send('POST', '/v1/accounts/acctpw_0000000000:check-password', { password })).toMatchObject({
      status: 404,
    });
  });

  test('is for no token with limits, though a scope names its permission', async () => {
    const person = await newPerson();
    const limits = { type: 'api', token_scopes: ['account:*'] };
    const { token } = await send('POST', '/v1/auth-tokens', limits, person.token);
    expect(await check(person, password, String(token))).toMatchObject({ status: 403 });
  });

  test('case 60: of another user needs a right; wrong tries count as failed logins, and the right one waits then', async () => {
    const person = await newPerson();
    const stranger = await newPerson();
    expect(await check(person, password, stranger.token)).toMatchObject({ status: 403 });
    expect(await check(person, password, '')).toMatchObject({ status: 401 });
    for (let count = 0; count < 20; count++) {
      expect(await check(person, 'wrong', stile.admin)).toEqual({ status: 200, valid: false });
    }
    expect(await check(person, password, stile.admin)).toMatchObject({ status: 429 });
    expect(await check(person, password, person.token)).toMatchObject({ status: 429 });
    expect(await logIn(person.loginName, { password })).toMatchObject({ status: 429 });
    // A check that is refused for want of a right counts for nobody.
    expect(await check(stranger, password, stranger.token)).toEqual({ status: 200, valid: true });
  });
});
