/** SQL of the binding between users and accounts: an account is one user's at most. */
import { chunksOf } from '../../store/chunks.ts';
import type { Connection } from '../../store/database.ts';

/** An account as its user shows it. */
export interface BoundAccount {
  readonly id: string;
  /** Scope of the account. */
  readonly scopeId: string;
}

/** Accounts of a user, sorted by id. */
export function listAccountsOf(db: Connection, userId: string): Promise<BoundAccount[]> {
  return db
    .selectFrom('account')
    .select(['id', 'scope_id as scopeId'])
    .where('user_id', '=', userId)
    .orderBy('id')
    .execute();
}

/** Those of the ids that are accounts of the scope, with the user of each; null for an account without one. */
export async function listOwners(
  db: Connection,
  scopeId: string,
  accountIds: readonly string[],
): Promise<ReadonlyMap<string, string | null>> {
  const found = new Map<string, string | null>();
  for (const chunk of chunksOf(accountIds)) {
    const rows = await db
      .selectFrom('account')
      .select(['id', 'user_id'])
      .where('scope_id', '=', scopeId)
      .where('id', 'in', chunk)
      .execute();
    for (const row of rows) found.set(row.id, row.user_id);
  }
  return found;
}

/** Binds those of the accounts that have no user; gives the ids of those that it bound. An account's own version stays. */
export async function bindAccounts(
  tx: Connection,
  userId: string,
  accountIds: readonly string[],
): Promise<string[]> {
  const bound: string[] = [];
  for (const chunk of chunksOf(accountIds)) {
    const rows = await tx
      .updateTable('account')
      .set({ user_id: userId })
      .where('id', 'in', chunk)
      .where('user_id', 'is', null)
      .returning('id')
      .execute();
    for (const row of rows) bound.push(row.id);
  }
  return bound;
}

/** Takes accounts from their user. */
export async function unbindAccounts(
  tx: Connection,
  userId: string,
  accountIds: readonly string[],
): Promise<void> {
  for (const chunk of chunksOf(accountIds)) {
    await tx
      .updateTable('account')
      .set({ user_id: null })
      .where('id', 'in', chunk)
      .where('user_id', '=', userId)
      .execute();
  }
}
