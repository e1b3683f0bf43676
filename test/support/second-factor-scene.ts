/** Two controllers on one database, and users with passwords, for tests of the second factor. */
import { Secret } from '@stile/runtime';
import { PasswordHasher } from '../../packages/controller/src/auth/password/password-hasher.ts';
import type { LoggedIn } from '../../packages/controller/src/auth/password/password-service.ts';
import type {
  FullProof,
  SecondFactorState,
} from '../../packages/controller/src/auth/second-factor/second-factor-service.ts';
import {
  changedPolicyColumns,
  type PolicyChanges,
} from '../../packages/controller/src/auth/second-factor/second-factor.ts';
import type { Database } from '../../packages/controller/src/store/database.ts';
import type { EngineTest } from './engines.ts';
import { makeIdentities, testIds } from './identities.ts';
import { ManualClock } from './manual-clock.ts';
import {
  appCode,
  secondFactorParts,
  wrongAppCode,
  type AppSettings,
  type SecondFactorParts,
} from './second-factor.ts';

/** The password of both users. */
export const scenePassword = 'correct horse';

type Who = 'plain' | 'admin';

/** Two controllers on one database; what does not say whose it is means the user `plain`. */
export class SecondFactorScene {
  readonly database: Database;
  readonly clock: ManualClock;
  readonly one: SecondFactorParts;
  readonly other: SecondFactorParts;

  constructor(
    database: Database,
    clock: ManualClock,
    controllers: readonly [SecondFactorParts, SecondFactorParts],
  ) {
    this.database = database;
    this.clock = clock;
    [this.one, this.other] = controllers;
  }

  /** Makes it on an engine. */
  static async start({ open }: EngineTest): Promise<SecondFactorScene> {
    const database = await open();
    await makeIdentities(
      database,
      await new PasswordHasher({ memoryKiB: 512 }).hash(new Secret(scenePassword)),
    );
    const clock = new ManualClock();
    return new SecondFactorScene(database, clock, [
      await secondFactorParts(database, clock),
      await secondFactorParts(database, clock),
    ]);
  }

  /** Password and code of a user; the password may be another one. */
  proof(code = '', given: string = scenePassword, who: Who = 'plain'): FullProof {
    const { user: userId, account: accountId } = testIds[who];
    return { userId, accountId, password: new Secret(given), code: new Secret(code), address: '10.0.0.1' };
  }

  /** Begins an enrollment; gives the secret in base32. */
  async begin(who: Who = 'plain', at: SecondFactorParts = this.one): Promise<string> {
    const { code: _code, ...proof } = this.proof('', scenePassword, who);
    return (await at.factors.enroll(proof)).secret.reveal();
  }

  /** The code that an app shows so many steps from now. */
  code(secret: string, settings: AppSettings = {}, steps = 0): string {
    const { intervalSeconds = 30 } = settings;
    return appCode(secret, this.clock.nowUs() + steps * intervalSeconds * 1_000_000, settings);
  }

  /** A code that is none around now. */
  wrongCode(secret: string): string {
    return wrongAppCode(secret, this.clock.nowUs());
  }

  /** Enrolls; the time of the first code is over after it. */
  async enroll(
    settings: AppSettings = {},
    who: Who = 'plain',
    at: SecondFactorParts = this.one,
  ): Promise<{ readonly secret: string; readonly recovery: readonly string[] }> {
    const secret = await this.begin(who, at);
    const given = this.proof(this.code(secret, settings), scenePassword, who);
    const codes = await at.factors.confirm({ ...given, authTokenId: undefined });
    this.clock.advance(120_000);
    return { secret, recovery: codes.map((code) => code.reveal()) };
  }

  /** Puts the pending secret in force with a code. */
  async confirm(code: string, at: SecondFactorParts = this.one): Promise<readonly string[]> {
    const given = { ...this.proof(code), authTokenId: undefined };
    return (await at.factors.confirm(given)).map((each) => each.reveal());
  }

  /** Takes the second factor away, as the administrator. */
  async reset(userId: string = testIds.plain.user, at: SecondFactorParts = this.one): Promise<void> {
    await at.factors.reset({ userId, by: testIds.admin.user }, (remove) => this.database.write(remove));
  }

  /** Changes what the auth method demands. */
  async setPolicy(changes: PolicyChanges): Promise<void> {
    await this.database.write((tx) =>
      tx
        .updateTable('auth_method')
        .set(changedPolicyColumns(changes))
        .where('id', '=', testIds.authMethod)
        .execute(),
    );
  }

  /** Whether a code is right; it is used up. */
  verify(code: string, at: SecondFactorParts = this.one): Promise<boolean> {
    return at.factors.verify({ userId: testIds.plain.user, code: new Secret(code) });
  }

  /** Logs in with a text as the password, and a code beside it. */
  login(text: string, otp?: string, at: SecondFactorParts = this.one): Promise<LoggedIn> {
    return at.passwords.login({
      authMethodId: testIds.authMethod,
      loginName: 'plain',
      password: new Secret(text),
      otp: otp === undefined ? undefined : new Secret(otp),
      address: '10.0.0.1',
    });
  }

  /** Where the user stands. */
  state(): Promise<SecondFactorState> {
    return this.one.factors.read(testIds.plain.user);
  }
}
