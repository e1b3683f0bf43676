/**
 * What proves a login: the password, and the code that the auth method asks for (tokens.md §5.1). A code stands in the request, or behind
 * the password, where clients that know of no codes put it. How much work is done is decided by the texts given and never by the account:
 * whoever is refused learns nothing from the time, and no login costs more than two hashes.
 */
import { Secret } from '@stile/runtime';
import type { Database } from '../../store/database.ts';
import { lookupLoginAccount, type LoginAccount } from '../account-repository.ts';
import type { SecondFactorCodes } from '../second-factor/second-factor-codes.ts';
import {
  mayHoldCode,
  splitOtp,
  splitRecoveryCode,
  type SplitPassword,
} from '../second-factor/second-factor.ts';
import type { PasswordHasher } from './password-hasher.ts';
import { isLoginName, maxPasswordBytes } from './password-rules.ts';

/** One attempt to log in. */
export interface LoginRequest {
  readonly authMethodId: string;
  /** As given: neither trimmed nor made lower case. */
  readonly loginName: string;
  readonly password: Secret;
  /** A code given beside the password; an empty one is a wrong code. Absent: it may stand behind the password. */
  readonly otp?: Secret | undefined;
  /** Address of the client, without port. */
  readonly address: string;
}

/** How an attempt ended. `code missing`: the password is right, and a code is needed that was not given. */
export type LoginOutcome =
  | { readonly kind: 'refused' }
  | { readonly kind: 'code missing' }
  | { readonly kind: 'proven'; readonly account: LoginAccount; readonly secondFactor: boolean };

const refused: LoginOutcome = { kind: 'refused' };
const codeMissing: LoginOutcome = { kind: 'code missing' };

/** What codes are used up with. */
export type LoginCodes = Pick<SecondFactorCodes, 'spendAtLogin' | 'isCurrent'>;

/** Checks logins; owns nothing. */
export class LoginCheck {
  readonly #database: Database;
  readonly #hasher: Pick<PasswordHasher, 'verify'>;
  readonly #codes: LoginCodes;

  constructor(options: {
    readonly database: Database;
    readonly hasher: Pick<PasswordHasher, 'verify'>;
    readonly codes: LoginCodes;
  }) {
    this.#database = options.database;
    this.#hasher = options.hasher;
    this.#codes = options.codes;
  }

  /** @throws {StileError} tooManyRequests (hashes waiting, or too many wrong codes of a user whose password was right); unavailable */
  async check(request: LoginRequest): Promise<LoginOutcome> {
    // A name that no account can have must not reach the database (PostgreSQL refuses some); it is looked for in vain all the same.
    const loginName = isLoginName(request.loginName) ? request.loginName : '';
    const account = await lookupLoginAccount(this.#database.reader, request.authMethodId, loginName);
    const password = request.password.reveal();
    if (request.otp !== undefined) return this.#beside(account, password, request.otp);
    return mayHoldCode(password) ? this.#behind(account, password) : this.#alone(account, password);
  }

  /** The code stands beside the password: one hash. */
  async #beside(account: LoginAccount | undefined, password: string, code: Secret): Promise<LoginOutcome> {
    const isRight = await this.#isPassword(account, password);
    if (isRight && account !== undefined && !asksForCode(account)) return proven(account);
    const userId = isRight ? (account?.userId ?? undefined) : undefined;
    const isSpent = await this.#codes.spendAtLogin({ userId, code, window: account?.otpWindow ?? 0 });
    return isSpent && account !== undefined ? proven(account, 'with code') : refused;
  }

  /** No code: one hash. */
  async #alone(account: LoginAccount | undefined, password: string): Promise<LoginOutcome> {
    if (!(await this.#isPassword(account, password)) || account === undefined) return refused;
    return asksForCode(account) ? codeMissing : proven(account);
  }

  /** The password may have a code behind it: two hashes whenever it is refused, whoever's it is. */
  async #behind(account: LoginAccount | undefined, password: string): Promise<LoginOutcome> {
    const split =
      account !== undefined && asksForCode(account) ? await this.#split(account, password) : undefined;
    if (split === undefined || account === undefined) {
      const outcome = await this.#alone(account, password);
      if (outcome.kind === 'refused') await this.#isPassword(undefined, password);
      return outcome;
    }
    if (!(await this.#isPassword(account, split.password))) return this.#alone(account, password);
    // The second hash hides how long the code takes, and whether there is one to look at.
    const [isSpent] = await Promise.all([
      this.#codes.spendAtLogin({
        userId: account.userId ?? undefined,
        code: new Secret(split.code),
        window: account.otpWindow,
      }),
      this.#isPassword(undefined, password),
    ]);
    return isSpent ? proven(account, 'with code') : refused;
  }

  /** How the text is read where two readings are possible: a recovery code may end in digits, and a one-time code only if it is one now. */
  async #split(account: LoginAccount, text: string): Promise<SplitPassword | undefined> {
    const otp = splitOtp(text, account.enrolledDigits ?? 0);
    const recovery = splitRecoveryCode(text);
    if (otp === undefined || recovery === undefined) return otp ?? recovery;
    const isNow = await this.#codes.isCurrent(account.userId ?? '', otp.code, account.otpWindow);
    return isNow ? otp : recovery;
  }

  /** Whether it is the password of the account. Without an account, or with one that has no password, the same work is done. */
  #isPassword(account: LoginAccount | undefined, password: string): Promise<boolean> {
    const isPossible = password !== '' && Buffer.byteLength(password) <= maxPasswordBytes;
    return this.#hasher.verify(new Secret(password), isPossible ? account?.passwordHash : null);
  }
}

/** Whether a login needs a code. A disabled user is refused for another reason, and its codes are left alone. */
function asksForCode({ twoFactor, enrolledDigits, userDisabledAt }: LoginAccount): boolean {
  return twoFactor !== 'off' && enrolledDigits !== null && userDisabledAt === null;
}

function proven(account: LoginAccount, how: 'with code' | 'without' = 'without'): LoginOutcome {
  return { kind: 'proven', account, secondFactor: how === 'with code' };
}
