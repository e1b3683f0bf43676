import { Secret } from '@stile/runtime';
import { expect, test } from 'vitest';
import { describeBothEngines } from '../../../../../test/support/engines.ts';
import { testIds } from '../../../../../test/support/identities.ts';
import {
  scenePassword as password,
  SecondFactorScene,
} from '../../../../../test/support/second-factor-scene.ts';
import { AuthTokenService } from '../token/auth-token-service.ts';

describeBothEngines('a login with a second factor', (engineTest) => {
  const refused = { code: 'unauthenticated', message: 'Unable to authenticate.' };

  test('case 57: a password alone names what is missing; empty and foreign codes do not, and codes behind the password work', async () => {
    const scene = await SecondFactorScene.start(engineTest);
    const { secret, recovery } = await scene.enroll();
    const admins = await scene.enroll({}, 'admin');
    await expect(scene.login(password)).rejects.toMatchObject({
      ...refused,
      details: { requestFields: [{ name: 'attributes.otp', description: 'A second factor is required.' }] },
    });
    for (const code of ['', scene.code(admins.secret)]) {
      const error = await scene.login(password, code).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject(refused);
      expect(error).not.toHaveProperty('details.requestFields');
    }
    const loggedIn = { userId: testIds.plain.user, secondFactor: true, mustEnroll: false };
    expect(await scene.login(`${password}${scene.code(secret)}`)).toMatchObject(loggedIn);
    expect(await scene.login(`${password}${recovery[0]}`)).toMatchObject(loggedIn);
    expect(await scene.login(`${password}${recovery[1]?.replaceAll('-', '').toLowerCase()}`)).toMatchObject(
      loggedIn,
    );
    expect(await scene.login(password, recovery[2])).toMatchObject(loggedIn);
    scene.clock.advance(60_000);
    expect(await scene.login(password, scene.code(secret))).toMatchObject(loggedIn);
    await expect(scene.login(`${password}${recovery[0]}`)).rejects.toMatchObject(refused);
  });

  test.each([
    ['a blank', ' '],
    ['the word null', 'null'],
    ['full-width digits', '１２３４５６'],
    ['a blank before it', ' 123456'],
    ['a code twice', '123456123456'],
    ['five digits', '12345'],
    ['a mebibyte', 'x'.repeat(1 << 20)],
    ['a NUL', '\0'],
  ])('%s is a wrong code', async (_name, code) => {
    const scene = await SecondFactorScene.start(engineTest);
    await scene.enroll();
    const error = await scene.login(password, code).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject(refused);
    expect(error).not.toHaveProperty('details.requestFields');
  });

  test('a password that ends like a code is a password', async () => {
    const scene = await SecondFactorScene.start(engineTest);
    const odd = 'horse123456';
    const oddest = 'horseABCDEFGHIJKLMN234567';
    for (const text of [odd, oddest]) {
      const hash = await scene.one.passwords.hash(new Secret(text));
      await scene.database.write((tx) =>
        tx
          .updateTable('account')
          .set({ password_hash: hash })
          .where('id', '=', testIds.plain.account)
          .execute(),
      );
      expect(await scene.login(text)).toMatchObject({ secondFactor: false });
      expect(await scene.login(text, '123456')).toMatchObject({ secondFactor: false });
      await expect(scene.login(`${text}000000`)).rejects.toMatchObject(refused);
      const { code: _code, ...proof } = scene.proof('', text);
      const secret = (await scene.one.factors.enroll(proof)).secret.reveal();
      const recovery = await scene.confirm(scene.code(secret));
      scene.clock.advance(120_000);
      await expect(scene.login(text)).rejects.toMatchObject({
        ...refused,
        details: { requestFields: [{ name: 'attributes.otp' }] },
      });
      expect(await scene.login(`${text}${scene.code(secret)}`)).toMatchObject({ secondFactor: true });
      expect(await scene.login(`${text}${recovery[0]}`)).toMatchObject({ secondFactor: true });
      await scene.reset();
    }
  });

  test('where it is required, who has none must enroll first; where it is off, nobody is asked', async () => {
    const scene = await SecondFactorScene.start(engineTest);
    await scene.setPolicy({ policy: 'required' });
    expect(await scene.login(password)).toMatchObject({ secondFactor: false, mustEnroll: true });
    const { secret } = await scene.enroll();
    await expect(scene.login(password)).rejects.toMatchObject(refused);
    expect(await scene.login(password, scene.code(secret))).toMatchObject({
      secondFactor: true,
      mustEnroll: false,
    });
    await scene.setPolicy({ policy: 'off' });
    expect(await scene.login(password)).toMatchObject({ secondFactor: false, mustEnroll: false });
  });

  test('whose code was right just before the factor was reset makes no token', async () => {
    const scene = await SecondFactorScene.start(engineTest);
    const tokens = new AuthTokenService({
      database: scene.database,
      clock: scene.clock,
      keys: scene.one.keys,
    });
    const { secret } = await scene.enroll();
    const { secondFactor, mustEnroll, ...who } = await scene.login(password, scene.code(secret));
    const request = { ...who, authMethodId: testIds.authMethod, hasSecondFactor: secondFactor, mustEnroll };
    expect((await tokens.issue(request)).row).toMatchObject({ second_factor: 1, must_enroll: 0 });
    await scene.reset();
    await expect(tokens.issue(request)).rejects.toMatchObject(refused);
    expect((await tokens.issue({ ...request, hasSecondFactor: false })).row).toMatchObject({
      second_factor: 0,
    });
    await tokens.close();
  });
});
