/**
 * Second factors with the codes of a foreign authenticator against running servers (tokens.md §5.1): enrolling, the next login, a client that
 * knows of no codes, and a penalty that outlasts the server.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Cluster } from '../support/cluster.ts';
import { callApi, startDevServer, type ApiAnswer, type DevServer, type Json } from '../support/dev-server.ts';
import { oathCode } from '../support/oathtool.ts';
import { cleanEnvironment, runStile } from '../support/process.ts';
import { mustSkipWithout } from '../support/required.ts';

const method = '/v1/auth-methods/ampw_1234567890';
const password = 'a good password';
const stepMs = 30_000;

/** A user of a server with its codes: a code of each step once, from the one in which it enrolled. */
class Person {
  readonly loginName: string;
  readonly userId: string;
  readonly token: string;
  readonly #address: string;
  readonly #enrolledAtMs = Date.now();
  #steps = 0;
  secret = '';
  recovery: readonly string[] = [];

  private constructor(address: string, loginName: string, login: Json) {
    this.#address = address;
    this.loginName = loginName;
    this.userId = String(login.attributes.user_id);
    this.token = String(login.attributes.token);
  }

  static async create(dev: DevServer, loginName: string): Promise<Person> {
    const attributes = { login_name: loginName, password };
    await dev.api('POST', '/v1/accounts', { auth_method_id: 'ampw_1234567890', attributes });
    const { body } = await logIn(dev.address, { login_name: loginName, password });
    return new Person(dev.address, loginName, body as Json);
  }

  call(verb: string, body?: object): Promise<ApiAnswer> {
    const path = `/v1/users/${this.userId}:${verb}`;
    const call = body === undefined ? { method: 'GET', path } : { method: 'POST', path, body };
    return callApi(this.#address, { ...call, token: this.token });
  }

  /** A code that was not given before; three are within a window of two steps. */
  nextCode(): string {
    this.#steps += 1;
    return oathCode(this.secret, this.#enrolledAtMs + (this.#steps - 1) * stepMs);
  }

  async enroll(): Promise<void> {
    this.secret = String((await this.call('enroll-two-factor', { password })).body.secret);
    const confirmed = await this.call('confirm-two-factor', { code: this.nextCode() });
    expect(confirmed.status).toBe(200);
    this.recovery = confirmed.body.recovery_codes as string[];
  }
}

function logIn(address: string, attributes: object, path = method): Promise<ApiAnswer> {
  return callApi(address, { method: 'POST', path: `${path}:authenticate`, body: { attributes } });
}

describe.skipIf(mustSkipWithout('oathtool'))('a second factor, row F6', () => {
  let dev: DevServer;
  beforeAll(async () => {
    dev = await startDevServer(['-controller-only', '-api-rate-limit-disable']);
    const { body } = await dev.api('GET', method);
    await dev.api('PATCH', method, { version: body.version, attributes: { otp_window: 2 } });
  });
  afterAll(() => dev?.stop());

  test('is enrolled with a foreign authenticator; the next login asks for a code and takes each once', async () => {
    const person = await Person.create(dev, 'foreign');
    await person.enroll();
    expect(person.recovery).toHaveLength(10);
    const { loginName } = person;
    const refused = await logIn(dev.address, { login_name: loginName, password });
    expect(refused).toMatchObject({
      status: 401,
      body: {
        kind: 'Unauthenticated',
        message: 'Unable to authenticate.',
        details: {
          request_fields: [{ name: 'attributes.otp', description: 'A second factor is required.' }],
        },
      },
    });
    const otp = person.nextCode();
    expect(await logIn(dev.address, { login_name: loginName, password, otp })).toMatchObject({ status: 200 });
    expect(await logIn(dev.address, { login_name: loginName, password, otp })).toMatchObject({ status: 401 });
    const [recovery] = person.recovery;
    const disabled = await person.call('disable-two-factor', { password, code: recovery });
    expect(disabled).toMatchObject({ status: 200, body: { enrolled: false, recovery_codes_left: 0 } });
    expect(await logIn(dev.address, { login_name: loginName, password })).toMatchObject({ status: 200 });
  });

  test('lets in a client that knows of no codes, with the code behind the password', async () => {
    const person = await Person.create(dev, 'unmodified');
    await person.enroll();
    // Body and headers of a recorded client, which sends login name and password and nothing else.
    const body = (text: string): object => ({
      attributes: { login_name: person.loginName, password: text },
      auth_method_id: 'ampw_1234567890',
      command: 'login',
      type: 'token',
    });
    const send = (text: string): Promise<ApiAnswer> =>
      callApi(dev.address, { method: 'POST', path: `${method}:authenticate`, body: body(text), token: '' });
    const code = person.nextCode();
    expect((await send(`${password}${code}`)).body).toMatchObject({ attributes: { user_id: person.userId } });
    expect((await send(`${password}${code}`)).status).toBe(401);
    expect((await send(`${password}${person.recovery[0]}`)).status).toBe(200);

    const login = await runStile(
      [
        'authenticate',
        'password',
        '-login-name',
        person.loginName,
        '-password',
        'env://PW',
        '-keyring-type',
        'none',
      ],
      { env: cleanEnvironment({ ...dev.env, PW: `${password}${person.nextCode()}` }) },
    );
    expect(login).toMatchObject({ status: 0 });
  });

  test('row F6: is enrolled at the command line where it is required, by a sign-in that may do nothing else', async () => {
    const person = await Person.create(dev, 'obliged');
    const policy = async (two_factor: string): Promise<void> => {
      const { body } = await dev.api('GET', method);
      await dev.api('PATCH', method, { version: body.version, attributes: { two_factor } });
    };
    await policy('required');
    try {
      const { body } = await logIn(dev.address, { login_name: person.loginName, password });
      const env = { ...dev.env, STILE_TOKEN: String(body.attributes.token), P: password };
      const stile = async (words: readonly string[], more: Record<string, string> = {}): Promise<Json> => {
        const done = await runStile([...words, '-format', 'json'], {
          env: cleanEnvironment({ ...env, ...more }),
        });
        expect(done).toMatchObject({ status: 0 });
        return JSON.parse(done.stdout) as Json;
      };
      const enable = ['auth', 'two-factor', 'update', 'enabled=true'];
      const made = await stile([...enable, '-password', 'env://P']);
      person.secret = String(made.item.secret);
      const confirmed = await stile([...enable, '-code', 'env://C'], { C: person.nextCode() });
      expect(confirmed.item.recovery_codes).toHaveLength(10);
      // The same token is whole now, and the next login asks.
      expect((await stile(['auth', 'two-factor', 'config'])).item).toMatchObject({
        enrolled: true,
        policy: 'required',
      });
      const login = ['authenticate', 'password', '-login-name', person.loginName, '-password', 'env://P'];
      const given = [...login, '-otp', 'env://N', '-keyring-type', 'none'];
      expect((await stile(given, { N: person.nextCode() })).item.attributes.user_id).toBe(person.userId);
    } finally {
      await policy('optional');
    }
  });

  test('shows its secret nowhere again, and logs neither it nor a code', async () => {
    const person = await Person.create(dev, 'discreet');
    await person.enroll();
    const code = person.nextCode();
    await person.call('verify-two-factor', { code });
    const state = await person.call('read-two-factor');
    expect(state.body).toMatchObject({ enrolled: true });
    const shown = JSON.stringify([state.body, (await dev.api('GET', `/v1/users/${person.userId}`)).body]);
    for (const secret of [person.secret, ...person.recovery, password]) {
      expect(shown).not.toContain(secret);
      expect(dev.process.stdout).not.toContain(secret);
      expect(dev.process.stderr).not.toContain(secret);
    }
  });
});

describe.skipIf(mustSkipWithout('oathtool'))('the count of wrong codes', () => {
  test(
    'case 56: outlasts the server: after kill -9 and a new start the right code still waits',
    { timeout: 120_000 },
    async () => {
      const cluster = new Cluster();
      try {
        await cluster.initialize();
        await cluster.startController('one');
        const address = (): string => `http://${cluster.address('one', 'api')}`;
        const {
          user_id: userId,
          auth_method_id: methodId,
          login_name: loginName,
          password: secret,
        } = cluster.initial.auth_method as Json;
        const token = await cluster.adminToken('one');
        const verb = (name: string, body: object): Promise<ApiAnswer> =>
          callApi(address(), { method: 'POST', path: `/v1/users/${String(userId)}:${name}`, body, token });
        const made = await verb('enroll-two-factor', { password: secret });
        const startMs = Date.now();
        const otpSecret = String(made.body.secret);
        const confirmed = await verb('confirm-two-factor', { code: oathCode(otpSecret, startMs) });
        expect(confirmed.status).toBe(200);
        const [recovery] = confirmed.body.recovery_codes as string[];
        // A code of last year is not one of now.
        const wrong = oathCode(otpSecret, startMs - 365 * 24 * 3600 * 1000);
        for (let count = 0; count < 5; count++) {
          expect((await verb('verify-two-factor', { code: wrong })).body).toEqual({ valid: false });
        }
        expect((await verb('verify-two-factor', { code: recovery })).status).toBe(429);

        await cluster.servers.get('one')?.process.stop('SIGKILL');
        await cluster.startController('one');

        const path = `/v1/auth-methods/${String(methodId)}`;
        const login = { login_name: loginName, password: secret };
        const otp = oathCode(otpSecret, startMs + stepMs);
        for (const answer of [
          await verb('verify-two-factor', { code: recovery }),
          await verb('disable-two-factor', { password: secret, code: otp }),
          await logIn(address(), { ...login, otp }, path),
          await logIn(address(), { ...login, password: `${String(secret)}${String(recovery)}` }, path),
        ]) {
          expect(answer.status).toBe(429);
          const seconds = Number(answer.headers.get('retry-after'));
          expect(seconds).toBeGreaterThan(60);
          expect(seconds).toBeLessThanOrEqual(300);
        }
        expect((await logIn(address(), { ...login, password: 'wrong', otp }, path)).status).toBe(401);
      } finally {
        await cluster.stop();
      }
    },
  );
});
