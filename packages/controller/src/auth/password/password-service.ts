/**
 * Logging in with a login name and a password, and changing the password (http-api.md §2.3, §2.4). Whoever is refused at a login
 * learns nothing of why.
 */
import { invalidField, StileError } from '@stile/protocol';
import { type Clock, type Logger, type Secret, silentLogger } from '@stile/runtime';
import { createUser, deleteUser } from '../../iam/user-repository.ts';
import type { Connection, Database } from '../../store/database.ts';
import { notFound, wrongVersion } from '../../store/store-error.ts';
import {
  bindAccount,
  lookupLoginAccount,
  lookupPasswordAccount,
  updateAccountRow,
  type AccountRow,
  type LoginAccount,
  type PasswordAccount,
} from '../account-repository.ts';
import { secondFactorRequired } from '../second-factor/second-factor.ts';
import { LoginCheck, type LoginCodes, type LoginOutcome, type LoginRequest } from './login-check.ts';
import { LoginLimiter, type LoginLimits } from './login-limiter.ts';
import { PasswordHasher, type PasswordHasherOptions } from './password-hasher.ts';
import { checkPassword, maxPasswordBytes } from './password-rules.ts';

export type { LoginRequest } from './login-check.ts';

/** What the service stands on. */
export interface PasswordServiceOptions extends PasswordHasherOptions {
  readonly database: Database;
  readonly clock: Clock;
  /** Checks the codes of who has a second factor. */
  readonly codes: LoginCodes;
  readonly limits?: LoginLimits;
  readonly log?: Logger;
}

/** Who has logged in. */
export interface LoggedIn {
  readonly accountId: string;
  readonly userId: string;
  /** Scope of the user. */
  readonly scopeId: string;
  /** Version of the account whose password was checked: another one may have another password. */
  readonly accountVersion: number;
  /** A code was checked too. */
  readonly secondFactor: boolean;
  /** The auth method requires a second factor and the user has none: the token may do nothing but enroll one. */
  readonly mustEnroll: boolean;
}

/** Whether a password is an account's. */
export interface CheckPasswordRequest {
  readonly accountId: string;
  readonly password: Secret;
  /** Address of the client, without port. */
  readonly address: string;
  /** Id of the user who asks. */
  readonly by: string;
}

/** A change of a password by who knows the old one. */
export interface ChangePasswordRequest {
  readonly accountId: string;
  readonly version: number;
  readonly current: Secret;
  readonly next: Secret;
  /** Address of the client, without port. */
  readonly address: string;
}

/** Who an account belongs to. */
type LoggedInUser = Pick<LoggedIn, 'accountId' | 'userId' | 'scopeId'>;

/** What guesses of a password are counted under: login and check alike. */
function guessKey({ authMethodId, loginName }: Pick<LoginRequest, 'authMethodId' | 'loginName'>): string {
  return `${authMethodId} ${loginName.slice(0, 200)}`;
}

function unableToAuthenticate(): StileError {
  return new StileError('unauthenticated', 'Unable to authenticate.');
}

/** What is written in the transaction that stores a password: the use case's, which ends sign-ins. */
export type AlsoWritten = (tx: Connection) => Promise<void>;

const nothingElse: AlsoWritten = () => Promise.resolve();

/** Checks passwords. */
export class PasswordService {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #hasher: PasswordHasher;
  readonly #limiter: LoginLimiter;
  readonly #check: LoginCheck;
  readonly #log: Logger;

  constructor(options: PasswordServiceOptions) {
    this.#database = options.database;
    this.#clock = options.clock;
    this.#hasher = new PasswordHasher(options);
    this.#limiter = new LoginLimiter(options.clock, options.limits);
    this.#log = options.log ?? silentLogger;
    this.#check = new LoginCheck({ ...options, hasher: this.#hasher });
  }

  /**
   * Checks the password, and the code of who has a second factor, and finds the user of the account, making one at the first login by a
   * primary auth method.
   * @throws {StileError} unauthenticated `Unable to authenticate.`, naming `attributes.otp` when only the code is missing; tooManyRequests;
   * notFound when the account has no user and its auth method is not primary (http-api.md §2.3)
   */
  async login(request: LoginRequest): Promise<LoggedIn> {
    const attempt = this.#limiter.begin(request.address, guessKey(request));
    let outcome: LoginOutcome;
    try {
      outcome = await this.#check.check(request);
    } catch (error) {
      // No password was checked, or it was right: none was guessed.
      attempt.refund();
      throw error;
    }
    if (outcome.kind === 'refused') throw unableToAuthenticate();
    if (outcome.kind === 'code missing') {
      attempt.refund();
      throw secondFactorRequired();
    }
    const { account, secondFactor } = outcome;
    const user = await this.#userOf(account, request);
    attempt.refund();
    const mustEnroll = account.twoFactor === 'required' && account.enrolledDigits === null;
    return { ...user, accountVersion: account.version, secondFactor, mustEnroll };
  }

  /**
   * Whether it is the password of the account; guesses count as those at the login.
   * @throws {StileError} notFound; tooManyRequests
   */
  async checkPassword({ accountId, password, address, by }: CheckPasswordRequest): Promise<boolean> {
    const account = await lookupPasswordAccount(this.#database.reader, accountId);
    if (account === undefined) throw notFound();
    const isRight = await this.#isRight(account, password, { address, key: guessKey(account) });
    this.#log.info({ audit: 'password checked', accountId, by, address, isRight }, 'audit');
    return isRight;
  }

  /** PHC string of a new password. @throws {StileError} tooManyRequests */
  hash(password: Secret): Promise<string> {
    return this.#hasher.hash(password);
  }

  /**
   * Gives an account another password, or none (`undefined`): then nobody can log in with it.
   * @throws {StileError} notFound (no such account with that version); invalidArgument (`password`); tooManyRequests
   */
  async setPassword(
    accountId: string,
    version: number,
    password: Secret | undefined,
    also: AlsoWritten = nothingElse,
  ): Promise<AccountRow> {
    const account = await this.#passwordAccount(accountId, version);
    if (password !== undefined) checkPassword(password.reveal(), account.minPasswordLength);
    return this.#store({ id: accountId, version, also }, password);
  }

  /**
   * Changes the password when the current one is right; guesses are limited as at the login.
   * @throws {StileError} permissionDenied `Failed to change password.`; notFound (no such account with that version);
   * invalidArgument (`new_password`); tooManyRequests
   */
  async changePassword(request: ChangePasswordRequest, also: AlsoWritten = nothingElse): Promise<AccountRow> {
    const { accountId, version, current, next } = request;
    const account = await this.#passwordAccount(accountId, version);
    checkPassword(next.reveal(), account.minPasswordLength, 'new_password');
    if (next.reveal() === current.reveal()) {
      throw invalidField('new_password', 'New password equal to current password.');
    }
    const guess = { address: request.address, key: `change-password ${accountId}` };
    const isRight = await this.#isRight(account, current, guess);
    if (!isRight) throw new StileError('permissionDenied', 'Failed to change password.');
    return this.#store({ id: accountId, version, also }, next);
  }

  /** @throws {StileError} notFound */
  async #passwordAccount(id: string, version: number): Promise<PasswordAccount> {
    const account = await lookupPasswordAccount(this.#database.reader, id);
    if (account?.version !== version) throw wrongVersion('Account', id);
    return account;
  }

  async #store(
    { id, version, also }: { readonly id: string; readonly version: number; readonly also: AlsoWritten },
    password: Secret | undefined,
  ): Promise<AccountRow> {
    const passwordHash = password === undefined ? null : await this.#hasher.hash(password);
    const nowUs = this.#clock.nowUs();
    const changes = { password_hash: passwordHash };
    return this.#database.write(async (tx) => {
      const row = await updateAccountRow(tx, { id, version, changes, nowUs });
      if (row === undefined) throw wrongVersion('Account', id);
      await also(tx);
      return row;
    });
  }

  /** Whether it is the password; a wrong one is counted under `key`. @throws {StileError} tooManyRequests */
  async #isRight(
    account: PasswordAccount,
    password: Secret,
    { address, key }: { readonly address: string; readonly key: string },
  ): Promise<boolean> {
    const attempt = this.#limiter.begin(address, key);
    let isRight = false;
    try {
      const isPossible = Buffer.byteLength(password.reveal()) <= maxPasswordBytes;
      isRight = await this.#hasher.verify(password, isPossible ? account.passwordHash : null);
    } catch (error) {
      // No password was checked, so none was guessed.
      attempt.refund();
      throw error;
    }
    if (isRight) attempt.refund();
    return isRight;
  }

  async #userOf(account: LoginAccount, request: LoginRequest): Promise<LoggedInUser> {
    const bound = boundUser(account);
    if (bound !== undefined) return bound;
    if (account.primaryAuthMethodId !== request.authMethodId) {
      throw new StileError('notFound', 'Unable to find requested resource.');
    }
    const created = await this.#database.write((tx) => this.#newUser(tx, account));
    if (created !== undefined) return created;
    // Another first login of the same account came before this one.
    const again = await lookupLoginAccount(this.#database.reader, request.authMethodId, request.loginName);
    const other = again === undefined ? undefined : boundUser(again);
    if (other === undefined) throw unableToAuthenticate();
    return other;
  }

  /** A new user bound to the account; undefined when the account has got one meanwhile, or is gone. */
  async #newUser(tx: Connection, account: LoginAccount): Promise<LoggedInUser | undefined> {
    const user = await createUser(tx, { scopeId: account.scopeId, nowUs: this.#clock.nowUs() });
    if (await bindAccount(tx, { accountId: account.id, userId: user.id })) {
      return { accountId: account.id, userId: user.id, scopeId: user.scope_id };
    }
    await deleteUser(tx, user.id);
    return undefined;
  }
}

/** The user of the account, undefined when it has none. @throws {StileError} unauthenticated when the user is disabled */
function boundUser(account: LoginAccount): LoggedInUser | undefined {
  if (account.userId === null || account.userScopeId === null) return undefined;
  if (account.userDisabledAt !== null) throw unableToAuthenticate();
  return { accountId: account.id, userId: account.userId, scopeId: account.userScopeId };
}
