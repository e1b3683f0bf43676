/**
 * What ends with an account or an auth method: the auth tokens that were proven by it, and their sessions. Named API tokens stand on their
 * user and stay (tokens.md §1.1).
 */
import { silentLogger, type Clock, type Logger } from '@stile/runtime';
import { deleteAccountRows, lockAccounts, lookupAccount } from '../../auth/account-repository.ts';
import { deleteAuthMethodRow, lockAuthMethod } from '../../auth/auth-method-repository.ts';
import { countApiTokens, type TokenOwner } from '../../auth/token/auth-token-repository.ts';
import { auditEnded } from '../../auth/token/token-audit.ts';
import type { AuthTokenSettings } from '../../auth/token/auth-token-settings.ts';
import type { AuthTokenType } from '../../auth/token/auth-token.ts';
import type { Connection, Database } from '../../store/database.ts';
import { record } from '../../store/deleted-resource-repository.ts';
import { notFound } from '../../store/store-error.ts';
import { endTokensOf, nothingEnded, type EndedTokens } from './auth-token-ending.ts';

/** Kinds that end with what proved them. */
export const provenTypes: readonly AuthTokenType[] = ['login', 'web', 'one-time'];

/** What came of another password. */
export interface PasswordChange<T> {
  readonly result: T;
  readonly ended: EndedTokens;
  /** API tokens of the account's user, which go on. */
  readonly apiTokensKept: number;
}

/** Deletes accounts and auth methods, and what another password ends. `by` is the id of the user who did it. */
export class AccountEnding {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #settings: AuthTokenSettings;
  readonly #log: Logger;

  constructor(options: {
    readonly database: Database;
    readonly clock: Clock;
    readonly settings: AuthTokenSettings;
    readonly log?: Logger;
  }) {
    this.#database = options.database;
    this.#clock = options.clock;
    this.#settings = options.settings;
    this.#log = options.log ?? silentLogger;
  }

  /** Deletes an account; its user stays. @throws {StileError} notFound */
  async deleteAccount(id: string, by: string): Promise<void> {
    const { tokens } = await this.#database.write(async (tx) => {
      const nowUs = this.#clock.nowUs();
      // Held first: a token that is issued now would be proven by an account that is gone.
      if (!(await lockAccounts(tx, this.#database.engine, { id }))) throw notFound();
      const ended = await this.#end(tx, { accountId: id }, { by, nowUs });
      await record(tx, 'account', await deleteAccountRows(tx, { id }), nowUs);
      return ended;
    });
    auditEnded(this.#log, tokens, by);
  }

  /**
   * Deletes an auth method with its accounts; a scope loses its primary method, the users stay.
   * @throws {StileError} notFound
   */
  async deleteAuthMethod(id: string, by: string): Promise<void> {
    const { tokens } = await this.#database.write(async (tx) => {
      const nowUs = this.#clock.nowUs();
      if (!(await lockAuthMethod(tx, this.#database.engine, id))) throw notFound();
      // In the order in which the deletion of a single account takes its rows, or the two could wait for each other.
      await lockAccounts(tx, this.#database.engine, { authMethodId: id });
      const ended = await this.#end(tx, { authMethodId: id }, { by, nowUs });
      await record(tx, 'account', await deleteAccountRows(tx, { authMethodId: id }), nowUs);
      await deleteAuthMethodRow(tx, id, nowUs);
      await record(tx, 'auth-method', [id], nowUs);
      return ended;
    });
    auditEnded(this.#log, tokens, by);
  }

  /**
   * Another password for an account: in the transaction that `store` writes it in, the other sign-ins of the account end, all but the one
   * that changes it. API tokens stay, and are counted.
   */
  async changePassword<T>(
    accountId: string,
    by: { readonly userId: string; readonly authTokenId?: string | undefined },
    store: (also: (tx: Connection) => Promise<void>) => Promise<T>,
  ): Promise<PasswordChange<T>> {
    let ended = nothingEnded;
    let apiTokensKept = 0;
    const result = await store(async (tx) => {
      if (!this.#settings.revokeOnPasswordChange) return;
      const nowUs = this.#clock.nowUs();
      const owner = { accountId, types: provenTypes, exceptId: by.authTokenId };
      ended = await endTokensOf(tx, this.#database, owner, {
        reason: 'password changed',
        by: by.userId,
        nowUs,
      });
      const account = await lookupAccount(tx, accountId);
      const around = { settings: this.#settings, nowUs };
      if (account?.user_id != null) apiTokensKept = await countApiTokens(tx, account.user_id, around);
    });
    auditEnded(this.#log, ended.tokens, by.userId);
    return { result, ended, apiTokensKept };
  }

  #end(
    tx: Connection,
    owner: TokenOwner,
    cause: { readonly by: string; readonly nowUs: number },
  ): Promise<EndedTokens> {
    const ending = { reason: 'account deleted', sessionReason: 'account deleted', ...cause } as const;
    return endTokensOf(tx, this.#database, { ...owner, types: provenTypes }, ending);
  }
}
