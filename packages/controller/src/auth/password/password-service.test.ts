import { Secret } from '@stile/runtime';
import { beforeAll, describe, expect, it } from 'vitest';
import { describeBothEngines } from '../../../../../test/support/engines.ts';
import { makeIdentities, testIds } from '../../../../../test/support/identities.ts';
import { ManualClock } from '../../../../../test/support/manual-clock.ts';
import { secondFactorParts } from '../../../../../test/support/second-factor.ts';
import { setPrimaryAuthMethod } from '../../iam/scope-repository.ts';
import { setUserDisabled } from '../../iam/user-repository.ts';
import type { Database } from '../../store/database.ts';
import { createAccount } from '../account-repository.ts';
import { checkLoginName, checkPassword } from './password-rules.ts';
import { PasswordHasher } from './password-hasher.ts';
import { PasswordService, type LoginRequest } from './password-service.ts';

const password = 'correct horse battery staple';
/** Hashes with a hundredth of the work, for tests that are not about it. */
const cheap = { memoryKiB: 512 } as const;
let passwordHash: string;
beforeAll(async () => {
  passwordHash = await new PasswordHasher(cheap).hash(new Secret(password));
});

function attempt(
  changes: Partial<Omit<LoginRequest, 'password'>> & { password?: string } = {},
): LoginRequest {
  return {
    authMethodId: testIds.authMethod,
    loginName: 'plain',
    address: '10.0.0.1',
    ...changes,
    password: new Secret(changes.password ?? password),
  };
}

const refused = { code: 'unauthenticated', message: 'Unable to authenticate.' };

async function addAccount(database: Database, loginName: string, hash?: string): Promise<void> {
  await database.write((tx) =>
    createAccount(tx, {
      authMethodId: testIds.authMethod,
      scopeId: 'global',
      loginName,
      passwordHash: hash,
      nowUs: 1,
    }),
  );
}

describeBothEngines('password login', ({ open }) => {
  const start = async (): Promise<{ database: Database; passwords: PasswordService }> => {
    const database = await open();
    await makeIdentities(database, passwordHash);
    const { passwords } = await secondFactorParts(database, new ManualClock());
    return { database, passwords };
  };

  it('gives the user of the account whose password it is', async () => {
    const { passwords } = await start();
    expect(await passwords.login(attempt())).toEqual({
      accountId: testIds.plain.account,
      accountVersion: 1,
      userId: testIds.plain.user,
      scopeId: 'global',
      secondFactor: false,
      mustEnroll: false,
    });
  });

  it.each([
    ['a wrong password', { password: 'correct horse battery stapl' }],
    ['an empty password', { password: '' }],
    ['a blank password', { password: ' ' }],
    ['the word null', { password: 'null' }],
    ['the password with a space behind it', { password: `${password} ` }],
    ['the password twice', { password: `${password}${password}` }],
    ['the password with a NUL behind it', { password: `${password}\0` }],
    ['the stored hash as password', { password: () => passwordHash }],
    ['a password of a mebibyte', { password: 'a'.repeat(1 << 20) }],
    ['an unknown login name', { loginName: 'nobody' }],
    ['an empty login name', { loginName: '' }],
    ['a login name in upper case', { loginName: 'PLAIN' }],
    ['a login name with spaces around it', { loginName: ' plain ' }],
    ['a login name with a NUL', { loginName: 'plain\0' }],
    ['a login name with SQL in it', { loginName: "plain' or '1'='1" }],
    ['a login name with a wildcard', { loginName: 'pl%' }],
    ['a login name of a mebibyte', { loginName: 'a'.repeat(1 << 20) }],
    ['another auth method', { authMethodId: 'ampw_other' }],
    ['an empty auth method', { authMethodId: '' }],
  ] as const)('refuses %s, and says no more than that', async (_name, changes) => {
    const { passwords } = await start();
    const given =
      'password' in changes && typeof changes.password === 'function'
        ? { password: changes.password() }
        : changes;
    await expect(passwords.login(attempt(given as { password?: string }))).rejects.toMatchObject(refused);
  });

  it('refuses an account without a password, whatever is given', async () => {
    const { database, passwords } = await start();
    await addAccount(database, 'no-password');
    for (const given of ['', password, 'null', 'undefined']) {
      await expect(
        passwords.login(attempt({ loginName: 'no-password', password: given })),
      ).rejects.toMatchObject(refused);
    }
  });

  it('refuses a disabled user with the same words', async () => {
    const { database, passwords } = await start();
    await database.write((tx) => setUserDisabled(tx, testIds.plain.user, 1));
    await expect(passwords.login(attempt())).rejects.toMatchObject(refused);
  });

  it('makes a user at the first login by the primary auth method, and finds it again at the next', async () => {
    const { database, passwords } = await start();
    await addAccount(database, 'new', passwordHash);
    const first = await passwords.login(attempt({ loginName: 'new' }));
    expect(first.userId).toMatch(/^u_[0-9A-Za-z]{10}$/);
    expect(await passwords.login(attempt({ loginName: 'new' }))).toEqual(first);
  });

  it('makes one user only when an account logs in several times at once for the first time', async () => {
    const { database, passwords } = await start();
    await addAccount(database, 'new', passwordHash);
    const logins = await Promise.all([0, 1, 2, 3].map(() => passwords.login(attempt({ loginName: 'new' }))));
    expect(new Set(logins.map((login) => login.userId)).size).toBe(1);
    const users = await database.reader
      .selectFrom('iam_user')
      .select('id')
      .where('name', 'is', null)
      .execute();
    expect(users).toEqual([{ id: logins[0]?.userId }]);
  });

  it('makes no user when the auth method is not primary', async () => {
    const { database, passwords } = await start();
    await addAccount(database, 'new', passwordHash);
    await database.write((tx) => setPrimaryAuthMethod(tx, 'global', null));
    await expect(passwords.login(attempt({ loginName: 'new' }))).rejects.toMatchObject({
      code: 'notFound',
      message: 'Unable to find requested resource.',
    });
    expect((await passwords.login(attempt())).userId).toBe(testIds.plain.user);
  });

  it('counts wrong passwords, those for unknown accounts too, and lets others in meanwhile', async () => {
    const { database } = await start();
    const once = { burst: 2, everySeconds: 3600 };
    const clock = new ManualClock();
    const { codes } = await secondFactorParts(database, clock);
    const passwords = new PasswordService({
      database,
      clock,
      codes,
      ...cheap,
      limits: {
        address: { burst: 100, everySeconds: 1 },
        pair: once,
        account: { burst: 100, everySeconds: 1 },
        guarded: once,
      },
    });
    for (const loginName of ['plain', 'nobody']) {
      await expect(passwords.login(attempt({ loginName, password: 'x' }))).rejects.toMatchObject(refused);
      await expect(passwords.login(attempt({ loginName, password: 'x' }))).rejects.toMatchObject(refused);
      await expect(passwords.login(attempt({ loginName }))).rejects.toMatchObject({
        code: 'tooManyRequests',
        details: { retryAfterSeconds: 3600 },
      });
    }
    expect((await passwords.login(attempt({ address: '10.0.0.2' }))).userId).toBe(testIds.plain.user);
    expect((await passwords.login(attempt({ loginName: 'admin' }))).userId).toBe(testIds.admin.user);
  });
});

describe('password hashes', () => {
  it('are argon2id of three passes over 64 MiB with salts of their own', async () => {
    const hasher = new PasswordHasher();
    const [one, two] = [await hasher.hash(new Secret('same')), await hasher.hash(new Secret('same'))];
    for (const phc of [one, two]) {
      expect(phc).toMatch(/^\$argon2id\$v=19\$m=65536,t=3,p=1\$[A-Za-z0-9+/]{43}\$[A-Za-z0-9+/]{43}$/);
      expect(await hasher.verify(new Secret('same'), phc)).toBe(true);
      expect(await hasher.verify(new Secret('other'), phc)).toBe(false);
    }
    expect(one).not.toBe(two);
  });

  it('cost the same when there is none to compare with', async () => {
    const hasher = new PasswordHasher();
    const realHash = await hasher.hash(new Secret(password));
    const time = async (phc: string | null): Promise<number> => {
      const times: number[] = [];
      for (let count = 0; count < 5; count++) {
        const start = process.cpuUsage();
        await hasher.verify(new Secret('other'), phc);
        const used = process.cpuUsage(start);
        times.push(used.user + used.system);
      }
      return times.toSorted((a, b) => a - b)[2] ?? 0;
    };
    const withHash = await time(realHash);
    const without = await time(null);
    expect(without / withHash).toBeGreaterThan(0.5);
    expect(without / withHash).toBeLessThan(2);
  });

  it('are worked on two at a time, and one too many is refused at once', async () => {
    const hasher = new PasswordHasher({ workers: 1, maxWaiting: 2, ...cheap });
    const results = await Promise.allSettled(
      [0, 1, 2, 3, 4].map(() => hasher.verify(new Secret('x'), passwordHash)),
    );
    expect(results.map((result) => result.status)).toEqual([
      'fulfilled',
      'fulfilled',
      'fulfilled',
      'rejected',
      'rejected',
    ]);
    expect(results[4]).toMatchObject({
      reason: { code: 'tooManyRequests', details: { retryAfterSeconds: 5 } },
    });
    expect(await hasher.verify(new Secret(password), passwordHash)).toBe(true);
  });

  it('that are damaged in the database are an error, not a login', async () => {
    for (const phc of ['', 'x', passwordHash.slice(0, -20), '$argon2id$v=19$m=8,t=1,p=1$AAAA$AAAA']) {
      const answer = await new PasswordHasher(cheap).verify(new Secret(''), phc).catch(() => 'error');
      expect(answer).not.toBe(true);
    }
  });
});

describe('rules of an account', () => {
  it.each(['admin', 'a.b-c', '007', 'x'.repeat(128)])('accept the login name %s', (name) => {
    expect(checkLoginName(`  ${name}\n`, 3)).toBe(name);
  });

  it.each(['', '   ', 'ab', 'Admin', 'a b', 'a_b', 'ä'.repeat(4), 'a\0b', 'x'.repeat(129)])(
    'refuse the login name %j, naming the field',
    (name) => {
      expect(() => checkLoginName(name, 3)).toThrow(
        expect.objectContaining({
          code: 'invalidArgument',
          details: { requestFields: [expect.objectContaining({ name: 'login_name' })] },
        }),
      );
    },
  );

  it('refuse a password that is too short, in characters, or longer than 4 KiB', () => {
    checkPassword('12345678', 8);
    checkPassword('🔒'.repeat(8), 8);
    for (const bad of ['', '1234567', '🔒'.repeat(7), 'x'.repeat(4097)]) {
      expect(() => checkPassword(bad, 8)).toThrow(expect.objectContaining({ code: 'invalidArgument' }));
    }
  });
});
