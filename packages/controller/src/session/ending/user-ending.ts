/**
 * What ends with a user: deleting or disabling one, and taking an account from it, ends the auth tokens that prove it and the
 * sessions made with them, in one transaction (session-protocol.md §5.7, tokens.md §4.1).
 */
import { quoted, StileError } from '@stile/protocol';
import type { SessionEndReason } from '@stile/protocol';
import { silentLogger, type Clock, type Logger } from '@stile/runtime';
import { listAuthTokenIdsOfUser, type EndedToken } from '../../auth/token/auth-token-repository.ts';
import { auditEnded, auditToken } from '../../auth/token/token-audit.ts';
import {
  idsRefused,
  membershipChange,
  type MembershipAction,
  type MembershipWords,
} from '../../iam/membership.ts';
import * as accounts from '../../iam/user/user-account-repository.ts';
import { requirePerson, type UserDetail } from '../../iam/user/user-service.ts';
import { deleteUser, readUser, setUserDisabled } from '../../iam/user-repository.ts';
import type { Connection, Database } from '../../store/database.ts';
import { record } from '../../store/deleted-resource-repository.ts';
import type { IamUserTable } from '../../store/schema.ts';
import { bumpVersion, holdVersion } from '../../store/versioned-update.ts';
import { beginEndingAndTell } from '../session-ending.ts';
import { provenTypes } from './account-ending.ts';
import { endTokensOf, nothingEnded, type EndedTokens } from './auth-token-ending.ts';
import { notFound, wrongVersion } from '../../store/store-error.ts';
import type { SessionSelector } from '../session-repository.ts';

const accountWords: MembershipWords = {
  field: 'account_ids',
  isThere: (id) => `Account ${quoted(id)} is already associated with this user.`,
  isNotThere: (id) => `Account ${quoted(id)} is not associated with this user.`,
};

/** Which user is changed, as it was seen, and by whom. */
export interface UserChange {
  readonly id: string;
  readonly version: number;
  /** Id of the user who changes it. */
  readonly by: string;
}

/** A user who is disabled, and what ended with that. */
export interface DisabledUser {
  readonly detail: UserDetail;
  readonly ended: EndedTokens;
}

/** Changes of users that end tokens and sessions. */
export class UserEnding {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #log: Logger;

  constructor(options: { readonly database: Database; readonly clock: Clock; readonly log?: Logger }) {
    this.#database = options.database;
    this.#clock = options.clock;
    this.#log = options.log ?? silentLogger;
  }

  /** Deletes a user; its accounts stay, unbound. @throws {StileError} notFound, failedPrecondition (built in) */
  async delete(id: string, by: string): Promise<void> {
    requirePerson(id);
    const count = await this.#database.write(async (tx) => {
      const nowUs = this.#clock.nowUs();
      const tokenIds = await listAuthTokenIdsOfUser(tx, id);
      if (!(await deleteUser(tx, id))) throw notFound();
      await record(tx, 'user', [id], nowUs);
      await record(tx, 'auth-token', tokenIds, nowUs);
      await this.#database.events.publish(tx, { type: 'auth-tokens-changed', subjectId: id });
      await this.#end(tx, { column: 'user_id', values: [id] }, { reason: 'user deleted', by, nowUs });
      await this.#database.events.publish(tx, { type: 'rights-changed', subjectId: id });
      return tokenIds.length;
    });
    if (count > 0) auditToken(this.#log, 'deleted', { userId: id, by, reason: 'user deleted', count });
  }

  /**
   * Disables a user: none of its tokens is good again, and nobody can log in as it. Disabling twice changes nothing.
   * @throws {StileError} notFound (no such user with that version), failedPrecondition (built in, or oneself)
   */
  async disable({ id, version, by }: UserChange): Promise<DisabledUser> {
    requirePerson(id);
    if (id === by) throw new StileError('failedPrecondition', 'A user cannot disable itself.');
    const done = await this.#database.write(async (tx) => {
      const user = await this.#hold(tx, id, version);
      const ended = user.disabled_at === null ? await this.#disable(tx, { id, version, by }) : nothingEnded;
      return { detail: await detailOf(tx, id), ended };
    });
    auditEnded(this.#log, done.ended.tokens, by);
    return done;
  }

  async #disable(tx: Connection, { id, version, by }: UserChange): Promise<EndedTokens> {
    const nowUs = this.#clock.nowUs();
    await setUserDisabled(tx, id, nowUs);
    await this.#bump(tx, { id, version, nowUs });
    const ending = { reason: 'user disabled', sessionReason: 'user disabled', by, nowUs } as const;
    const ended = await endTokensOf(tx, this.#database, { userId: id }, ending);
    // Also those whose tokens had ended by themselves.
    const others = await this.#end(tx, { column: 'user_id', values: [id] }, ending);
    return { ...ended, sessionIds: [...ended.sessionIds, ...others] };
  }

  /** Enables a user again; it must log in anew. @throws {StileError} notFound (no such user with that version), failedPrecondition */
  async enable({ id, version }: UserChange): Promise<UserDetail> {
    requirePerson(id);
    return this.#database.write(async (tx) => {
      const nowUs = this.#clock.nowUs();
      const user = await this.#hold(tx, id, version);
      if (user.disabled_at !== null) {
        await setUserDisabled(tx, id, null);
        await this.#bump(tx, { id, version, nowUs });
      }
      return detailOf(tx, id);
    });
  }

  /**
   * Gives accounts to a user, takes them away, or replaces all. What was proven by an account that is taken away ends.
   * @throws {StileError} notFound (no such user with that version), invalidArgument naming `account_ids`, failedPrecondition
   * (an account is another user's, or the user is built in)
   */
  async changeAccounts(
    action: MembershipAction,
    { id, version, by }: UserChange,
    accountIds: readonly string[],
  ): Promise<UserDetail> {
    requirePerson(id);
    return this.#audited(by, async (tx, ended) => {
      const nowUs = this.#clock.nowUs();
      const user = await this.#hold(tx, id, version);
      const present = (await accounts.listAccountsOf(tx, id)).map((account) => account.id);
      const { added, removed } = membershipChange(action, present, accountIds, accountWords);
      if (added.length + removed.length > 0) {
        await this.#bump(tx, { id, version, nowUs });
        await bindFree(tx, user, added);
        await accounts.unbindAccounts(tx, id, removed);
        for (const accountId of removed)
          ended.push(...(await this.#endAccount(tx, accountId, { by, nowUs })));
      }
      return detailOf(tx, id);
    });
  }

  /** A unit of work that ends tokens, which are recorded when it is committed. */
  async #audited<T>(by: string, work: (tx: Connection, ended: EndedToken[]) => Promise<T>): Promise<T> {
    const { tokens, result } = await this.#database.write(async (tx) => {
      // Made anew when the unit is run again.
      const ended: EndedToken[] = [];
      return { result: await work(tx, ended), tokens: ended };
    });
    auditEnded(this.#log, tokens, by);
    return result;
  }

  async #hold(tx: Connection, id: string, version: number): Promise<IamUserTable> {
    const user = await holdVersion(tx, this.#database.engine, 'iam_user', { id, version });
    if (user === undefined) throw wrongVersion('User', id);
    return user;
  }

  async #bump(
    tx: Connection,
    row: { readonly id: string; readonly version: number; readonly nowUs: number },
  ): Promise<void> {
    if (!(await bumpVersion(tx, 'iam_user', row))) throw wrongVersion('User', row.id);
    await this.#database.events.publish(tx, { type: 'rights-changed', subjectId: row.id });
  }

  async #endAccount(
    tx: Connection,
    accountId: string,
    cause: { readonly by: string; readonly nowUs: number },
  ): Promise<readonly EndedToken[]> {
    const owner = { accountId, types: provenTypes };
    const ended = await endTokensOf(tx, this.#database, owner, { reason: 'account removed', ...cause });
    return ended.tokens;
  }

  async #end(
    tx: Connection,
    selector: SessionSelector,
    cause: { readonly reason: SessionEndReason; readonly by: string; readonly nowUs: number },
  ): Promise<string[]> {
    return beginEndingAndTell(tx, this.#database, selector, cause);
  }
}

async function detailOf(tx: Connection, id: string): Promise<UserDetail> {
  return { user: await readUser(tx, id), accounts: await accounts.listAccountsOf(tx, id) };
}

/**
 * Only accounts of the user's own scope are taken (CVE-2022-36130).
 * @throws {StileError} invalidArgument (no such account there), failedPrecondition (another user's)
 */
async function bindFree(
  tx: Connection,
  user: Pick<IamUserTable, 'id' | 'scope_id'>,
  accountIds: readonly string[],
): Promise<void> {
  const owners = await accounts.listOwners(tx, user.scope_id, accountIds);
  const unknown = accountIds.find((id) => !owners.has(id));
  if (unknown !== undefined) {
    throw idsRefused(
      accountWords.field,
      `Account ${quoted(unknown)} does not exist in the scope of this user.`,
    );
  }
  const bound = new Set(await accounts.bindAccounts(tx, user.id, accountIds));
  const taken = accountIds.find((id) => !bound.has(id));
  if (taken !== undefined) {
    throw new StileError('failedPrecondition', `${taken} account is already associated with another user`);
  }
}
