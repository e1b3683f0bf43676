import { Secret } from '@stile/runtime';
import { expect, test } from 'vitest';
import { describeBothEngines, type EngineTest } from '../../../../test/support/engines.ts';
import { makeIdentities, testIds } from '../../../../test/support/identities.ts';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import { secondFactorParts } from '../../../../test/support/second-factor.ts';
import type { Database } from '../store/database.ts';
import { AuthMethodService } from './auth-method-service.ts';
import { passwordAuthMethod } from './password/password-auth-method.ts';
import type { PasswordService } from './password/password-service.ts';

interface Scene {
  readonly database: Database;
  readonly methods: AuthMethodService;
  readonly passwords: PasswordService;
}

async function newScene(engineTest: EngineTest): Promise<Scene> {
  const database = await engineTest.open();
  await makeIdentities(database);
  const parts = { database, clock: new ManualClock() };
  const { passwords } = await secondFactorParts(database, parts.clock);
  const type = passwordAuthMethod((password) => passwords.hash(password));
  return { database, passwords, methods: new AuthMethodService({ ...parts, type }) };
}

const refused = (field: string, description?: string): unknown =>
  expect.objectContaining({
    code: 'invalidArgument',
    details: {
      requestFields: [
        expect.objectContaining({ name: field, ...(description === undefined ? {} : { description }) }),
      ],
    },
  });
const attempt = (loginName: string, password: string, authMethodId: string = testIds.authMethod) => ({
  authMethodId,
  loginName,
  password: new Secret(password),
  address: '10.0.0.1',
});

describeBothEngines('auth methods and accounts', (engineTest) => {
  test('a scope may have several methods, none of them primary by itself, with names of their own', async () => {
    const { methods } = await newScene(engineTest);
    const made = await methods.createMethod({ scopeId: testIds.org, name: 'm', attributes: {} });
    expect(made).toMatchObject({
      id: expect.stringMatching(/^ampw_\w{10}$/),
      min_login_name_length: 3,
      min_password_length: 8,
      is_primary: false,
      version: 1,
    });
    await methods.createMethod({ scopeId: testIds.org, attributes: { minPasswordLength: 12 } });
    await expect(
      methods.createMethod({ scopeId: testIds.org, name: 'm', attributes: {} }),
    ).rejects.toMatchObject({ code: 'invalidArgument' });
    await expect(methods.createMethod({ scopeId: 'o_none', attributes: {} })).rejects.toMatchObject({
      code: 'notFound',
    });
  });

  test('a change of a method needs its version; null resets a length', async () => {
    const { methods } = await newScene(engineTest);
    const { id } = await methods.createMethod({
      scopeId: testIds.org,
      attributes: { minPasswordLength: 12 },
    });
    const changed = await methods.updateMethod(id, 1, { attributes: { minLoginNameLength: 5 } });
    expect(changed).toMatchObject({ min_login_name_length: 5, min_password_length: 12, version: 2 });
    const reset = await methods.updateMethod(id, 2, { attributes: { minPasswordLength: null } });
    expect(reset).toMatchObject({ min_password_length: 8, version: 3 });
    await expect(methods.updateMethod(id, 2, { name: 'x' })).rejects.toMatchObject({
      code: 'notFound',
      message: `Auth Method "${id}" doesn't exist or incorrect version provided.`,
    });
    expect(await methods.updateMethod(testIds.authMethod, 1, { description: 'd' })).toMatchObject({
      is_primary: true,
    });
  });

  test('an account keeps to the lengths of its method and to the alphabet of login names', async () => {
    const { methods } = await newScene(engineTest);
    const { id } = await methods.createMethod({
      scopeId: testIds.org,
      attributes: { minLoginNameLength: 4, minPasswordLength: 10 },
    });
    const create = (loginName: string, password?: string) =>
      methods.createAccount({
        authMethodId: id,
        attributes: { loginName, ...(password === undefined ? {} : { password: new Secret(password) }) },
      });
    await expect(create('abc')).rejects.toEqual(refused('login_name'));
    await expect(create('ABCD')).rejects.toEqual(refused('login_name'));
    await expect(create('a b c')).rejects.toEqual(refused('login_name'));
    await expect(create('abcd', '123456789')).rejects.toEqual(refused('password', 'Password is too short.'));
    const made = await create(' ab.c-9 ', '1234567890');
    expect(made).toMatchObject({ login_name: 'ab.c-9', scope_id: testIds.org, user_id: null, version: 1 });
    expect(made).not.toHaveProperty('password_hash');
    await expect(create('ab.c-9')).rejects.toMatchObject({ code: 'invalidArgument' });
    await expect(methods.updateAccount(made.id, 1, { attributes: { loginName: 'abc' } })).rejects.toEqual(
      refused('login_name'),
    );
    expect(
      await methods.updateAccount(made.id, 1, { name: 'n', attributes: { loginName: 'other' } }),
    ).toMatchObject({ login_name: 'other', name: 'n', version: 2 });
  });

  test('the first login of a new account makes its user, at the primary method only', async () => {
    const { methods, passwords, database } = await newScene(engineTest);
    const password = new Secret('12345678');
    const account = await methods.createAccount({
      authMethodId: testIds.authMethod,
      attributes: { loginName: 'newcomer', password },
    });
    const { userId } = await passwords.login(attempt('newcomer', '12345678'));
    const row = await database.reader
      .selectFrom('account')
      .select('user_id')
      .where('id', '=', account.id)
      .executeTakeFirst();
    expect(row).toEqual({ user_id: userId });
    const other = await methods.createMethod({ scopeId: 'global', attributes: {} });
    await methods.createAccount({
      authMethodId: other.id,
      attributes: { loginName: 'newcomer', password },
    });
    await expect(passwords.login(attempt('newcomer', '12345678', other.id))).rejects.toMatchObject({
      code: 'notFound',
    });
  });

  test('a password that was set is the only one that logs in; none lets nobody in', async () => {
    const { passwords } = await newScene(engineTest);
    const { account } = testIds.plain;
    expect(await passwords.setPassword(account, 1, new Secret('first password'))).toMatchObject({
      version: 2,
    });
    await passwords.login(attempt('plain', 'first password'));
    await passwords.setPassword(account, 2, new Secret('second password'));
    await expect(passwords.login(attempt('plain', 'first password'))).rejects.toMatchObject({
      code: 'unauthenticated',
    });
    await passwords.login(attempt('plain', 'second password'));
    expect(await passwords.setPassword(account, 3, undefined)).toMatchObject({ version: 4 });
    await expect(passwords.login(attempt('plain', 'second password'))).rejects.toMatchObject({
      code: 'unauthenticated',
    });
    await expect(passwords.setPassword(account, 3, new Secret('a late one'))).rejects.toMatchObject({
      code: 'notFound',
    });
    await expect(passwords.setPassword(account, 4, new Secret('short'))).rejects.toEqual(
      refused('password', 'Password is too short.'),
    );
  });

  test('a password changes for who knows the current one; guesses are counted and stopped', async () => {
    const { passwords } = await newScene(engineTest);
    const { account: accountId } = testIds.plain;
    await passwords.setPassword(accountId, 1, new Secret('current password'));
    const change = (current: string, next: string, version = 2) =>
      passwords.changePassword({
        accountId,
        version,
        current: new Secret(current),
        next: new Secret(next),
        address: '10.0.0.1',
      });
    await expect(change('current password', 'short')).rejects.toEqual(
      refused('new_password', 'Password is too short.'),
    );
    await expect(change('current password', 'current password')).rejects.toEqual(
      refused('new_password', 'New password equal to current password.'),
    );
    await expect(change('current password', 'next password', 1)).rejects.toMatchObject({ code: 'notFound' });
    await expect(change('a wrong guess', 'next password')).rejects.toMatchObject({
      code: 'permissionDenied',
      message: 'Failed to change password.',
    });
    expect(await change('current password', 'next password')).toMatchObject({ version: 3 });
    await passwords.login(attempt('plain', 'next password'));
    let code = '';
    for (let guess = 0; guess < 100 && code !== 'tooManyRequests'; guess += 1) {
      code = await change(`guess ${guess}`, 'mine now, or is it', 3).then(
        () => 'changed',
        (error: { code: string }) => error.code,
      );
    }
    expect(code).toBe('tooManyRequests');
  });

  test('of changes of a password made from one version only one is done', async () => {
    const { passwords } = await newScene(engineTest);
    const results = await Promise.allSettled(
      Array.from({ length: 10 }, (_each, at) =>
        passwords.setPassword(testIds.plain.account, 1, new Secret(`password ${at}`)),
      ),
    );
    expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
  });
});
