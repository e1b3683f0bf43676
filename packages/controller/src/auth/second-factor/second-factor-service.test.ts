import { silentLogger, type Logger } from '@stile/runtime';
import { expect, test } from 'vitest';
import { describeBothEngines } from '../../../../../test/support/engines.ts';
import { testIds } from '../../../../../test/support/identities.ts';
import { secondFactorParts } from '../../../../../test/support/second-factor.ts';
import {
  scenePassword as password,
  SecondFactorScene,
} from '../../../../../test/support/second-factor-scene.ts';
import { setUserDisabled } from '../../iam/user-repository.ts';

const wrong = {
  code: 'invalidArgument',
  details: { requestFields: [{ name: 'code', description: 'Wrong code.' }] },
};
const blockedFor = (retryAfterSeconds: number) => ({
  code: 'tooManyRequests',
  details: { retryAfterSeconds },
});
const nothing = (): Promise<void> => Promise.resolve();

describeBothEngines('the second factor', (engineTest) => {
  test('is shown once, in force with its first code, and stored sealed', async () => {
    const scene = await SecondFactorScene.start(engineTest);
    expect(await scene.state()).toMatchObject({ isEnrolled: false, isPending: false, recoveryCodesLeft: 0 });
    const { code: _code, ...proof } = scene.proof();
    const made = await scene.one.factors.enroll(proof);
    const secret = made.secret.reveal();
    expect(secret).toMatch(/^[A-Z2-7]{32}$/);
    expect(made.provisioningUri.reveal()).toBe(
      `otpauth://totp/Stile:plain?secret=${secret}&issuer=Stile&digits=6&period=30`,
    );
    expect(made.expiresAt).toBe(scene.clock.nowUs() + 600_000_000);
    expect(await scene.state()).toMatchObject({ isEnrolled: false, isPending: true });

    const codes = await scene.confirm(scene.code(secret));
    expect(new Set(codes).size).toBe(10);
    expect(await scene.state()).toMatchObject({
      isEnrolled: true,
      isPending: false,
      recoveryCodesLeft: 10,
      lastUsedAt: scene.clock.nowUs(),
    });
    const row = await scene.database.reader
      .selectFrom('user_second_factor')
      .selectAll()
      .executeTakeFirstOrThrow();
    const shown = JSON.stringify(
      Object.values(row).map((value) =>
        value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value,
      ),
    );
    expect(shown).not.toContain(secret);
    // Sealed for this user: it cannot be moved to another's row.
    const sealed = row.secret_sealed ?? new Uint8Array();
    expect(scene.one.keys.open(sealed, `user_second_factor/secret/${testIds.plain.user}`)).toHaveLength(20);
    expect(() => scene.one.keys.open(sealed, `user_second_factor/secret/${testIds.admin.user}`)).toThrow();
  });

  test('case 54: the code of the enrollment is refused at the login, at verify and at disable', async () => {
    const scene = await SecondFactorScene.start(engineTest);
    const secret = await scene.begin();
    const code = scene.code(secret);
    await scene.confirm(code);
    await expect(scene.login(password, code, scene.other)).rejects.toMatchObject({ code: 'unauthenticated' });
    expect(await scene.verify(code, scene.other)).toBe(false);
    await expect(scene.one.factors.disable(scene.proof(code))).rejects.toMatchObject(wrong);
    expect(await scene.state()).toMatchObject({ isEnrolled: true });
  });

  test('case 54: of one code given many times at once to two controllers one is accepted', async () => {
    const scene = await SecondFactorScene.start(engineTest);
    const { secret } = await scene.enroll();
    const code = scene.code(secret);
    const results = await Promise.allSettled([
      scene.login(password, code, scene.one),
      scene.login(`${password}${code}`, undefined, scene.other),
      scene.verify(code, scene.one).then((isRight) => isRight || Promise.reject(new Error('wrong'))),
      scene.verify(code, scene.other).then((isRight) => isRight || Promise.reject(new Error('wrong'))),
    ]);
    expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
    expect(await scene.verify(code)).toBe(false);
  });

  test('case 54: the code of the step before is refused after that of the present one', async () => {
    const scene = await SecondFactorScene.start(engineTest);
    const { secret } = await scene.enroll();
    const before = scene.code(secret, {}, -1);
    const after = scene.code(secret, {}, 1);
    expect(await scene.verify(scene.code(secret))).toBe(true);
    expect(await scene.verify(before)).toBe(false);
    expect(await scene.verify(after)).toBe(true);
    expect(await scene.verify(scene.code(secret))).toBe(false);
  });

  test('case 55: a recovery code given twice at once is accepted once, and never again, in any spelling', async () => {
    const scene = await SecondFactorScene.start(engineTest);
    const { recovery } = await scene.enroll();
    const [first = '', second = ''] = recovery;
    const results = await Promise.all([
      scene.verify(first, scene.one),
      scene.verify(first.toLowerCase(), scene.other),
      scene.verify(first.replaceAll('-', ''), scene.other),
    ]);
    expect(results.filter(Boolean)).toHaveLength(1);
    expect(await scene.verify(second.toLowerCase().replaceAll('-', ''))).toBe(true);
    expect(await scene.verify(second)).toBe(false);
    expect(await scene.state()).toMatchObject({ recoveryCodesLeft: 8 });
  });

  test('case 56: after five wrong codes every verb and every controller refuses the right one, and the penalty doubles to an hour', async () => {
    const scene = await SecondFactorScene.start(engineTest);
    const { secret, recovery } = await scene.enroll();
    const [recoveryCode = ''] = recovery;
    let seconds = 300;
    for (const expected of [300, 600, 1200, 2400, 3600, 3600]) {
      // The count is in the database: the controller that goes on counting need not be the one that began.
      for (let count = 0; count < 5; count++) {
        // Beyond twenty in all, each is one too many.
        const controller = count % 2 === 0 ? scene.one : scene.other;
        const answer = await scene
          .verify(scene.wrongCode(secret), controller)
          .catch((error: unknown) => error);
        if (answer !== false) expect(answer).toMatchObject({ code: 'tooManyRequests' });
      }
      seconds = expected;
      const refused = blockedFor(seconds);
      await expect(scene.verify(scene.code(secret))).rejects.toMatchObject(refused);
      await expect(scene.verify(recoveryCode, scene.other)).rejects.toMatchObject(refused);
      await expect(scene.login(password, scene.code(secret))).rejects.toMatchObject(refused);
      await expect(scene.login(`${password}${scene.code(secret)}`)).rejects.toMatchObject(refused);
      await expect(scene.one.factors.disable(scene.proof(scene.code(secret)))).rejects.toMatchObject(refused);
      await expect(scene.one.factors.renewRecoveryCodes(scene.proof(recoveryCode))).rejects.toMatchObject(
        refused,
      );
      await expect(scene.one.factors.enroll(scene.proof(scene.code(secret)))).rejects.toMatchObject(refused);
      // A controller that was started since knows it too.
      const restarted = await secondFactorParts(scene.database, scene.clock);
      await expect(scene.verify(scene.code(secret), restarted)).rejects.toMatchObject(refused);
      scene.clock.advance(seconds * 1000 - 1);
      await expect(scene.verify(scene.code(secret))).rejects.toMatchObject(blockedFor(1));
      scene.clock.advance(1);
    }
    expect(await scene.verify(scene.code(secret))).toBe(true);
    // Only a right code sets the count back: the next penalty is the first one again.
    for (let count = 0; count < 5; count++) expect(await scene.verify(scene.wrongCode(secret))).toBe(false);
    await expect(scene.verify(scene.code(secret))).rejects.toMatchObject(blockedFor(300));
  });

  test('case 56: guesses made all at once are no more than five', async () => {
    const scene = await SecondFactorScene.start(engineTest);
    const { secret } = await scene.enroll();
    const guesses = Array.from({ length: 40 }, (_each, at) =>
      scene.verify(scene.wrongCode(secret), at % 2 === 0 ? scene.one : scene.other).catch(() => 'refused'),
    );
    const answers = await Promise.all(guesses);
    expect(answers.filter((answer) => answer === false)).toHaveLength(5);
  });

  test('wrong codes are forgotten after five minutes, but not for ever when nothing but wrong ones come', async () => {
    const scene = await SecondFactorScene.start(engineTest);
    const { secret } = await scene.enroll();
    let wrongOnes = 0;
    for (let round = 0; round < 10; round++) {
      for (let count = 0; count < 4; count++) {
        const isRight = await scene.verify(scene.wrongCode(secret)).catch(() => undefined);
        if (isRight === undefined) {
          // The twentieth began a penalty that the pause outlasted, the next one another.
          expect(wrongOnes).toBe(21);
          return;
        }
        wrongOnes += 1;
      }
      scene.clock.advance(301_000);
    }
    expect.unreachable('forty wrong codes in a row');
  });

  test('wrong codes for a secret that is pending count with all others', async () => {
    const scene = await SecondFactorScene.start(engineTest);
    const secret = await scene.begin();
    for (let count = 0; count < 5; count++) {
      await expect(scene.confirm(scene.wrongCode(secret))).rejects.toMatchObject(wrong);
    }
    await expect(scene.confirm(scene.code(secret))).rejects.toMatchObject(blockedFor(300));
    // Enrolling anew is no way around it.
    const again = await scene.begin();
    await expect(scene.confirm(scene.code(again))).rejects.toMatchObject(blockedFor(300));
  });

  test('strangers without the password change no count', async () => {
    const scene = await SecondFactorScene.start(engineTest);
    const { secret } = await scene.enroll();
    for (let count = 0; count < 8; count++) {
      await expect(scene.login(`wrong${count}`, '000000')).rejects.toMatchObject({ code: 'unauthenticated' });
      await expect(scene.one.factors.disable(scene.proof('000000', `wrong${count}`))).rejects.toMatchObject({
        code: 'invalidArgument',
        details: { requestFields: [{ name: 'password', description: 'Wrong password.' }] },
      });
    }
    expect(await scene.verify(scene.code(secret))).toBe(true);
  });

  test('case 58: a second enrollment that nobody confirms leaves the old secret, and is gone after ten minutes', async () => {
    const scene = await SecondFactorScene.start(engineTest);
    const { secret } = await scene.enroll();
    const { code: _none, ...noCode } = scene.proof();
    await expect(scene.one.factors.enroll(noCode)).rejects.toMatchObject({
      details: { requestFields: [{ name: 'code' }] },
    });
    await expect(scene.one.factors.enroll(scene.proof(scene.wrongCode(secret)))).rejects.toMatchObject(wrong);
    const made = await scene.one.factors.enroll(scene.proof(scene.code(secret)));
    const next = made.secret.reveal();
    expect(await scene.state()).toMatchObject({ isEnrolled: true, isPending: true });
    expect(await scene.verify(scene.code(next))).toBe(false);
    scene.clock.advance(60_000);
    expect(await scene.verify(scene.code(secret))).toBe(true);
    scene.clock.advance(540_000);
    expect(await scene.state()).toMatchObject({ isEnrolled: true, isPending: false });
    await expect(scene.confirm(scene.code(next))).rejects.toMatchObject({
      code: 'failedPrecondition',
    });
    expect(await scene.verify(scene.code(secret))).toBe(true);
  });

  test('a second enrollment that is confirmed ends the old secret and the old recovery codes', async () => {
    const scene = await SecondFactorScene.start(engineTest);
    const { secret, recovery } = await scene.enroll();
    const made = await scene.one.factors.enroll(scene.proof(recovery[0]));
    const next = made.secret.reveal();
    await scene.confirm(scene.code(next));
    expect(await scene.state()).toMatchObject({ recoveryCodesLeft: 10 });
    scene.clock.advance(60_000);
    expect(await scene.verify(scene.code(secret))).toBe(false);
    expect(await scene.verify(recovery[1] ?? '')).toBe(false);
    expect(await scene.verify(scene.code(next))).toBe(true);
  });

  test('of two confirmations at once one is done, with one set of recovery codes', async () => {
    const scene = await SecondFactorScene.start(engineTest);
    const secret = await scene.begin();
    const given = { ...scene.proof(scene.code(secret)), authTokenId: undefined };
    const results = await Promise.allSettled([
      scene.one.factors.confirm(given),
      scene.other.factors.confirm(given),
    ]);
    const [won] = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
    expect(await scene.verify(won?.[9]?.reveal() ?? '')).toBe(true);
    expect(await scene.state()).toMatchObject({ recoveryCodesLeft: 9 });
  });

  test('recovery codes are renewed: the old ones are void', async () => {
    const scene = await SecondFactorScene.start(engineTest);
    const { secret, recovery } = await scene.enroll();
    const next = await scene.one.factors.renewRecoveryCodes(scene.proof(scene.code(secret)));
    expect(await scene.verify(recovery[0] ?? '')).toBe(false);
    expect(await scene.verify(next[0]?.reveal() ?? '')).toBe(true);
  });

  test('it is disabled with password and code, and a login asks for nothing then', async () => {
    const scene = await SecondFactorScene.start(engineTest);
    const { secret } = await scene.enroll();
    await scene.one.factors.disable(scene.proof(scene.code(secret)));
    expect(await scene.state()).toMatchObject({ isEnrolled: false, recoveryCodesLeft: 0 });
    expect(await scene.login(password)).toMatchObject({ secondFactor: false, mustEnroll: false });
    await expect(scene.verify('123456')).rejects.toMatchObject({ code: 'failedPrecondition' });
    await expect(scene.one.factors.disable(scene.proof('123456'))).rejects.toMatchObject({
      code: 'failedPrecondition',
      message: 'No second factor is enrolled.',
    });
  });

  test('it cannot be disabled where it is required, and the code is not used up', async () => {
    const scene = await SecondFactorScene.start(engineTest);
    const { secret } = await scene.enroll();
    await scene.setPolicy({ policy: 'required' });
    const code = scene.code(secret);
    await expect(scene.one.factors.disable(scene.proof(code))).rejects.toMatchObject({
      code: 'failedPrecondition',
    });
    expect(await scene.state()).toMatchObject({ isEnrolled: true });
    expect(await scene.verify(code)).toBe(true);
  });

  test('an administrator takes it from another, never from oneself', async () => {
    const scene = await SecondFactorScene.start(engineTest);
    await scene.enroll();
    const userId = testIds.plain.user;
    await expect(scene.one.factors.reset({ userId, by: userId }, nothing)).rejects.toMatchObject({
      code: 'failedPrecondition',
    });
    expect(await scene.state()).toMatchObject({ isEnrolled: true });
    await scene.reset();
    expect(await scene.state()).toMatchObject({ isEnrolled: false, recoveryCodesLeft: 0 });
    expect(await scene.login(password)).toMatchObject({ secondFactor: false });
  });

  test('digits and interval bind at the enrollment, the window at once', async () => {
    const scene = await SecondFactorScene.start(engineTest);
    await scene.setPolicy({ digits: 8, intervalSeconds: 60, window: 0 });
    const settings = { digits: 8, intervalSeconds: 60 };
    const { secret } = await scene.enroll(settings);
    await scene.setPolicy({ digits: 6, intervalSeconds: 30 });
    expect(await scene.state()).toMatchObject({ policy: { digits: 8, intervalSeconds: 60, window: 0 } });
    expect(await scene.verify(scene.code(secret, settings, 1))).toBe(false);
    expect(await scene.verify(scene.code(secret))).toBe(false);
    await scene.setPolicy({ window: 2 });
    expect(await scene.verify(scene.code(secret, settings, -1))).toBe(true);
    expect(await scene.login(`${password}${scene.code(secret, settings, 2)}`)).toMatchObject({
      secondFactor: true,
    });
  });

  test('it is not enrolled where it is off, nor without a password of one’s own', async () => {
    const scene = await SecondFactorScene.start(engineTest);
    const { code: _code, ...proof } = scene.proof();
    for (const accountId of [undefined, testIds.admin.account, 'acctpw_0000000000']) {
      await expect(scene.one.factors.enroll({ ...proof, accountId })).rejects.toMatchObject({
        code: 'failedPrecondition',
      });
    }
    await scene.setPolicy({ policy: 'off' });
    await expect(scene.one.factors.enroll(proof)).rejects.toMatchObject({
      code: 'failedPrecondition',
      message: `Two-factor is off at the auth method ${testIds.authMethod}: its attribute two_factor says so.`,
    });
  });

  test('the strictest auth method of a user binds it', async () => {
    const scene = await SecondFactorScene.start(engineTest);
    expect(await scene.one.factors.policyOf('u_anon')).toMatchObject({ policy: 'off' });
    await scene.database.write(async (tx) => {
      const method = await tx
        .selectFrom('auth_method')
        .selectAll()
        .where('id', '=', testIds.authMethod)
        .executeTakeFirstOrThrow();
      const account = await tx
        .selectFrom('account')
        .selectAll()
        .where('id', '=', testIds.plain.account)
        .executeTakeFirstOrThrow();
      await tx
        .insertInto('auth_method')
        .values({ ...method, id: 'ampw_strict', name: 'strict', two_factor: 'required' })
        .execute();
      await tx
        .insertInto('account')
        .values({ ...account, id: 'acctpw_strict', auth_method_id: 'ampw_strict' })
        .execute();
    });
    expect(await scene.one.factors.policyOf(testIds.plain.user)).toMatchObject({ policy: 'required' });
    expect(await scene.one.factors.policyOf(testIds.admin.user)).toMatchObject({ policy: 'optional' });
  });

  test('every change and every wrong code is in the audit, with no secret in it', async () => {
    const scene = await SecondFactorScene.start(engineTest);
    const lines: object[] = [];
    const write = (line: object): void => void lines.push(line);
    const log: Logger = { ...silentLogger, info: write, warn: write };
    const audited = await secondFactorParts(scene.database, scene.clock, log);
    const { secret, recovery } = await scene.enroll({}, 'plain', audited);
    await scene.verify(scene.wrongCode(secret), audited);
    await audited.factors.renewRecoveryCodes(scene.proof(recovery[0]));
    await audited.factors.disable(scene.proof(scene.code(secret)));
    const { user: userId } = testIds.plain;
    await scene.reset(userId, audited);
    const checked = {
      audit: 'password checked',
      isRight: true,
      accountId: testIds.plain.account,
      by: userId,
    };
    expect(lines).toMatchObject([
      checked,
      { audit: 'second factor enrollment begun', userId, by: userId },
      { audit: 'second factor enrolled', userId },
      { audit: 'second factor failed', userId },
      checked,
      { audit: 'second factor recovery codes renewed', userId },
      checked,
      { audit: 'second factor disabled', userId },
      { audit: 'second factor reset', userId, by: testIds.admin.user },
    ]);
    for (const text of [secret, password, ...recovery]) expect(JSON.stringify(lines)).not.toContain(text);
  });

  test('it is gone with its user, and of a disabled one no code is used up', async () => {
    const scene = await SecondFactorScene.start(engineTest);
    const { secret } = await scene.enroll();
    await scene.database.write((tx) => setUserDisabled(tx, testIds.plain.user, 1));
    const code = scene.code(secret);
    await expect(scene.login(password, code)).rejects.toMatchObject({ code: 'unauthenticated' });
    await scene.database.write((tx) => setUserDisabled(tx, testIds.plain.user, null));
    expect(await scene.login(password, code)).toMatchObject({ secondFactor: true });
    await scene.database.write((tx) =>
      tx.deleteFrom('iam_user').where('id', '=', testIds.plain.user).execute(),
    );
    const left = await scene.database.reader.selectFrom('user_recovery_code').selectAll().execute();
    expect(left).toEqual([]);
  });
});
