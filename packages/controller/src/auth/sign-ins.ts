/** The parts that check who signs in, put together: passwords, second factors, and changes of the auth methods that ask for them. */
import type { Clock, Logger } from '@stile/runtime';
import type { KeyService } from '../keys/key-service.ts';
import type { Database } from '../store/database.ts';
import { AuthMethodService } from './auth-method-service.ts';
import { passwordAuthMethod } from './password/password-auth-method.ts';
import { PasswordService } from './password/password-service.ts';
import { SecondFactorCodes } from './second-factor/second-factor-codes.ts';
import { SecondFactorService } from './second-factor/second-factor-service.ts';

/** What they stand on; they own none of these. */
export interface SignInOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Logger;
  readonly keys: KeyService;
  /** Hashes at a time; undefined = the default of password-hasher.ts. */
  readonly workers: number | undefined;
}

/** The use cases. */
export interface SignIns {
  readonly passwords: PasswordService;
  readonly secondFactors: SecondFactorService;
  /** Creates and changes auth methods and accounts. */
  readonly authMethodChanges: AuthMethodService;
}

/** Makes them; passwords and second factors share one checker of codes, hence one count of wrong ones. */
export function makeSignIns({ workers, ...ground }: SignInOptions): SignIns {
  const codes = new SecondFactorCodes(ground);
  const passwords = new PasswordService({ ...ground, codes, ...(workers === undefined ? {} : { workers }) });
  return {
    passwords,
    secondFactors: new SecondFactorService({ ...ground, codes, passwords }),
    authMethodChanges: new AuthMethodService({
      ...ground,
      type: passwordAuthMethod((password) => passwords.hash(password)),
    }),
  };
}
