import { Secret } from '@stile/runtime';
import { expect, test } from 'vitest';
import { describeBothEngines } from '../../../../../test/support/engines.ts';
import { makeIdentities, testIds } from '../../../../../test/support/identities.ts';
import { ManualClock } from '../../../../../test/support/manual-clock.ts';
import { appCode, secondFactorParts, wrongAppCode } from '../../../../../test/support/second-factor.ts';
import { createAccount } from '../account-repository.ts';
import { LoginCheck, type LoginOutcome } from './login-check.ts';
import { PasswordHasher } from './password-hasher.ts';

const password = 'correct horse';

describeBothEngines('the work of a login', ({ open }) => {
  /** `admin` has a second factor, `plain` has none, `fresh` has no user yet. */
  const start = async () => {
    const database = await open();
    const hasher = new PasswordHasher({ memoryKiB: 512 });
    const passwordHash = await hasher.hash(new Secret(password));
    await makeIdentities(database, passwordHash);
    await database.write((tx) =>
      createAccount(tx, {
        authMethodId: testIds.authMethod,
        scopeId: 'global',
        loginName: 'fresh',
        passwordHash,
        nowUs: 1,
      }),
    );
    const clock = new ManualClock();
    const { codes, factors } = await secondFactorParts(database, clock);
    const { user: userId, account: accountId } = testIds.admin;
    const proof = { userId, accountId, password: new Secret(password), address: '10.0.0.1' };
    const secret = (await factors.enroll(proof)).secret.reveal();
    const first = new Secret(appCode(secret, clock.nowUs()));
    await factors.confirm({ userId, code: first, authTokenId: undefined });
    clock.advance(60_000);
    let hashes = 0;
    const check = new LoginCheck({
      database,
      codes,
      hasher: {
        verify: (given, phc) => {
          hashes += 1;
          return hasher.verify(given, phc);
        },
      },
    });
    const attempt = async (
      loginName: string,
      text: string,
      otp?: string,
    ): Promise<{ readonly kind: LoginOutcome['kind']; readonly hashes: number }> => {
      hashes = 0;
      const { kind } = await check.check({
        authMethodId: testIds.authMethod,
        loginName,
        password: new Secret(text),
        otp: otp === undefined ? undefined : new Secret(otp),
        address: '10.0.0.1',
      });
      return { kind, hashes };
    };
    return {
      attempt,
      code: () => appCode(secret, clock.nowUs()),
      wrongCode: () => wrongAppCode(secret, clock.nowUs()),
      clock,
    };
  };

  test('is the same whoever is refused: one hash, and two where a code may stand behind the password', async () => {
    const { attempt, clock, wrongCode } = await start();
    const recovery = 'ABCDE-FGHIJ-KLMNO-PQRST';
    const texts: readonly (readonly [number, string, string?])[] = [
      [1, 'wrong horse'],
      [1, 'wrong horse', '000000'],
      [2, 'wrong horse000000'],
      [2, `wrong horse${recovery}`],
      [2, `wrong horse${recovery.replaceAll('-', '')}`],
      [1, ''],
      [1, '', '000000'],
      [2, 'x'.repeat(4096) + '000000'],
    ];
    for (const [hashes, text, otp] of texts) {
      for (const loginName of ['admin', 'plain', 'fresh', 'nobody', 'No Name'])
        expect(await attempt(loginName, text, otp)).toEqual({ kind: 'refused', hashes });
    }
    // The right password with a wrong code looks like a wrong password.
    expect(await attempt('admin', `${password}${wrongCode()}`)).toEqual({ kind: 'refused', hashes: 2 });
    expect(await attempt('admin', `${password}${recovery}`)).toEqual({ kind: 'refused', hashes: 2 });
    expect(await attempt('admin', password, wrongCode())).toEqual({ kind: 'refused', hashes: 1 });
    clock.advance(400_000);
    expect(await attempt('admin', password, '')).toEqual({ kind: 'refused', hashes: 1 });
  });

  test('is never more than two hashes for who gets in', async () => {
    const { attempt, code, clock } = await start();
    expect(await attempt('plain', password)).toEqual({ kind: 'proven', hashes: 1 });
    expect(await attempt('plain', password, 'whatever')).toEqual({ kind: 'proven', hashes: 1 });
    expect(await attempt('fresh', password)).toEqual({ kind: 'proven', hashes: 1 });
    expect(await attempt('admin', password)).toEqual({ kind: 'code missing', hashes: 1 });
    expect(await attempt('admin', password, code())).toEqual({ kind: 'proven', hashes: 1 });
    clock.advance(60_000);
    expect(await attempt('admin', `${password}${code()}`)).toEqual({ kind: 'proven', hashes: 2 });
  });
});
