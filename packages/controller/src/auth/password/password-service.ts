/**
 * Logging in with a login name and a password, and changing the password (http-api.md §2.3, §2.4). Whoever is refused at a login
 * learns nothing of why.
 */
import { StileError } from '@stile/protocol';
import type { Clock, Secret } from '@stile/runtime';
import { createUser, deleteUser } from '../../iam/user-repository.ts';
import type { Connection, Database } from '../../store/database.ts';
import { wrongVersion } from '../../store/store-error.ts';
import {
  bindAccount,
  lookupLoginAccount,
  lookupPasswordAccount,
  updateAccountRow,
  type AccountRow,
  type LoginAccount,
  type PasswordAccount,
} from '../account-repository.ts';
import { LoginLimiter, type LoginLimits } from './login-limiter.ts';
import { PasswordHasher, type PasswordHasherOptions } from './password-hasher.ts';
import { checkPassword, invalid, isLoginName, maxPasswordBytes } from './password-rules.ts';

/** What the service stands on. */
export interface PasswordServiceOptions extends PasswordHasherOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly limits?: LoginLimits;
}

/** One attempt to log in. */
export interface LoginRequest {
  readonly authMethodId: string;
  /** As given: neither trimmed nor made lower case. */
  readonly loginName: string;
  readonly password: Secret;
  /** Address of the client, without port. */
  readonly address: string;
}

/** Who has logged in. */
export interface LoggedIn {
  readonly accountId: string;
  readonly userId: string;
  /** Scope of the user. */
  readonly scopeId: string;
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

  constructor(options: PasswordServiceOptions) {
    this.#database = options.database;
    this.#clock = options.clock;
    this.#hasher = new PasswordHasher(options);
    this.#limiter = new LoginLimiter(options.clock, options.limits);
  }

  /**
   * Checks the password and finds the user of the account, making one at the first login by a primary auth method.
   * @throws {StileError} unauthenticated `Unable to authenticate.`; tooManyRequests; notFound when the account has no user and
   * its auth method is not primary (http-api.md §2.3)
   */
  async login(request: LoginRequest): Promise<LoggedIn> {
    const attempt = this.#limiter.begin(
      request.address,
      `${request.authMethodId} ${request.loginName.slice(0, 200)}`,
    );
    let account: LoginAccount | undefined;
    try {
      account = await this.#verified(request);
    } catch (error) {
      // No password was checked, so none was guessed.
      attempt.refund();
      throw error;
    }
    if (account === undefined) throw unableToAuthenticate();
    const loggedIn = await this.#userOf(account, request);
    attempt.refund();
    return loggedIn;
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
      throw invalid('new_password', 'New password equal to current password.');
    }
    const attempt = this.#limiter.begin(request.address, `change-password ${accountId}`);
    let isRight = false;
    try {
      const isPossible = Buffer.byteLength(current.reveal()) <= maxPasswordBytes;
      isRight = await this.#hasher.verify(current, isPossible ? account.passwordHash : null);
    } catch (error) {
      // No password was checked, so none was guessed.
      attempt.refund();
      throw error;
    }
    if (!isRight) throw new StileError('permissionDenied', 'Failed to change password.');
    attempt.refund();
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

  /** The account whose password it is. Without an account, or with one that has no password, the same work is done. */
  async #verified(request: LoginRequest): Promise<LoginAccount | undefined> {
    // A name that no account can have must not reach the database (PostgreSQL refuses some); it is looked for in vain all the same.
    const loginName = isLoginName(request.loginName) ? request.loginName : '';
    const account = await lookupLoginAccount(this.#database.reader, request.authMethodId, loginName);
    const password = request.password.reveal();
    const isPossible = password !== '' && Buffer.byteLength(password) <= maxPasswordBytes;
    const isRight = await this.#hasher.verify(request.password, isPossible ? account?.passwordHash : null);
    return isRight ? account : undefined;
  }

  async #userOf(account: LoginAccount, request: LoginRequest): Promise<LoggedIn> {
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
  async #newUser(tx: Connection, account: LoginAccount): Promise<LoggedIn | undefined> {
    const user = await createUser(tx, { scopeId: account.scopeId, nowUs: this.#clock.nowUs() });
    if (await bindAccount(tx, { accountId: account.id, userId: user.id })) {
      return { accountId: account.id, userId: user.id, scopeId: user.scope_id };
    }
    await deleteUser(tx, user.id);
    return undefined;
  }
}

/** The user of the account, undefined when it has none. @throws {StileError} unauthenticated when the user is disabled */
function boundUser(account: LoginAccount): LoggedIn | undefined {
  if (account.userId === null || account.userScopeId === null) return undefined;
  if (account.userDisabledAt !== null) throw unableToAuthenticate();
  return { accountId: account.id, userId: account.userId, scopeId: account.userScopeId };
}
