/** SQL of auth tokens. */
import { sql } from 'kysely';
import type { Connection, Database } from '../store/database.ts';
import { record } from '../store/deleted-resource-repository.ts';
import { pageOf, type PageRequest } from '../store/page.ts';
import { PreparedQuery } from '../store/prepared-query.ts';
import type { AuthTokenTable, Microseconds } from '../store/schema.ts';
import type { AuthTokenRow } from './auth-token.ts';

/** What a request reads of its token: what proves it, when it ends, and whether its owner may use it. */
export type PresentedToken = Omit<AuthTokenTable, 'scope_id' | 'type' | 'updated_at'> & {
  readonly user_scope_id: string;
  readonly disabled_at: Microseconds | null;
  /** User of the token's account; null when it has none. */
  readonly account_user_id: string | null;
};

const columns = [
  'id',
  'scope_id',
  'user_id',
  'account_id',
  'auth_method_id',
  'type',
  'expires_at',
  'last_used_at',
  'time_to_stale_seconds',
  'revoked_at',
  'revoked_reason',
  'created_at',
  'updated_at',
] as const;

/** Ids of the tokens that have not ended and are proven by the key of a version. */
export async function listAuthTokenIdsOfKey(db: Connection, keyVersion: number): Promise<string[]> {
  const rows = await db
    .selectFrom('auth_token')
    .select('id')
    .where('secret_key_version', '=', keyVersion)
    .where('revoked_at', 'is', null)
    .execute();
  return rows.map((row) => row.id);
}

/**
 * Adds a token, unless its user was disabled or its account is the user's no longer; false then. Waits for such a change that is under
 * way: whoever makes it ends the tokens that it finds, and one that comes later must not be good again one day.
 * @throws {StileError} notFound when its auth method is gone
 */
export async function addAuthToken(
  tx: Connection,
  engine: Database['engine'],
  row: AuthTokenTable,
): Promise<boolean> {
  const lock = engine === 'postgres' ? sql`for share` : sql``;
  const entries = Object.entries(row);
  const added = await sql<{ id: string }>`
    with
      present_user as (
        select id from iam_user where id = ${row.user_id} and disabled_at is null ${lock}),
      present_account as (
        select id from account where id = ${row.account_id} and user_id = ${row.user_id} ${lock})
    insert into auth_token (${sql.join(entries.map(([name]) => sql.ref(name)))})
    select ${sql.join(entries.map(([, value]) => value))}
    where exists (select 1 from present_user)
      and (cast(${row.account_id} as text) is null or exists (select 1 from present_account))
    returning id`.execute(tx);
  return added.rows.length > 0;
}

/** Runs at every request. */
const presentedToken = new PreparedQuery((db, input: { id: string }) =>
  db
    .selectFrom('auth_token')
    .innerJoin('iam_user', 'iam_user.id', 'auth_token.user_id')
    .leftJoin('account', 'account.id', 'auth_token.account_id')
    .select([
      'auth_token.id',
      'auth_token.user_id',
      'auth_token.account_id',
      'auth_token.auth_method_id',
      'auth_token.secret_mac',
      'auth_token.secret_key_version',
      'auth_token.expires_at',
      'auth_token.last_used_at',
      'auth_token.time_to_stale_seconds',
      'auth_token.revoked_at',
      'auth_token.revoked_reason',
      'auth_token.created_at',
      'iam_user.scope_id as user_scope_id',
      'iam_user.disabled_at',
      'account.user_id as account_user_id',
    ])
    .where('auth_token.id', '=', input.id),
);

/** The token with its owner, by one indexed read; undefined when there is none. */
export function lookupPresentedToken(db: Connection, id: string): Promise<PresentedToken | undefined> {
  return presentedToken.first(db, { id });
}

/** The token, or undefined; one that has ended is there until it is deleted. */
export function lookupAuthToken(db: Connection, id: string): Promise<AuthTokenRow | undefined> {
  return db.selectFrom('auth_token').select(columns).where('id', '=', id).executeTakeFirst();
}

/** Which tokens are listed. */
export interface AuthTokenListRequest {
  readonly scopeIds: readonly string[];
  /** Only those of this user. */
  readonly userId?: string | undefined;
  readonly page: PageRequest;
  readonly nowUs: Microseconds;
}

/** A page of the tokens that have not ended. */
export function listAuthTokens(db: Connection, request: AuthTokenListRequest): Promise<AuthTokenRow[]> {
  let query = db
    .selectFrom('auth_token')
    .select(columns)
    .where('scope_id', 'in', request.scopeIds)
    .where('revoked_at', 'is', null)
    .where('expires_at', '>', request.nowUs);
  if (request.userId !== undefined) query = query.where('user_id', '=', request.userId);
  const idleSince = sql<number>`${request.nowUs} - time_to_stale_seconds * cast(1000000 as bigint)`;
  query = query.where((eb) =>
    eb.or([eb('time_to_stale_seconds', '=', 0), eb('last_used_at', '>', idleSince)]),
  );
  return pageOf(query, 'auth_token', request.page).execute();
}

/** Writes a last use, unless a later one is written. Times of the row's own change stay: use is no change. */
export async function updateLastUsed(tx: Connection, id: string, usedAtUs: Microseconds): Promise<void> {
  await tx
    .updateTable('auth_token')
    .set({ last_used_at: usedAtUs })
    .where('id', '=', id)
    .where('last_used_at', '<', usedAtUs)
    .execute();
}

/** Ends tokens for good, keeping the rows; those that have ended keep their first reason. Gives the ids that it ended. */
export async function revokeAuthTokens(
  tx: Connection,
  ids: readonly string[],
  end: { readonly reason: string; readonly nowUs: Microseconds },
): Promise<string[]> {
  if (ids.length === 0) return [];
  const rows = await tx
    .updateTable('auth_token')
    .set({ revoked_at: end.nowUs, revoked_reason: end.reason, updated_at: end.nowUs })
    .where('id', 'in', ids)
    .where('revoked_at', 'is', null)
    .returning('id')
    .execute();
  return rows.map((row) => row.id);
}

/**
 * Deletes a token; false when there is none. Its sessions are ended by the use case in `session/`, in the same `tx`.
 */
export async function endAuthToken(tx: Connection, id: string, nowUs: Microseconds): Promise<boolean> {
  const result = await tx.deleteFrom('auth_token').where('id', '=', id).executeTakeFirst();
  if (result.numDeletedRows === 0n) return false;
  await record(tx, 'auth-token', [id], nowUs);
  return true;
}

/** Ids of the tokens of a user or of an account, for the use cases that end them. */
export async function listAuthTokenIdsOf(
  db: Connection,
  owner: { readonly userId: string } | { readonly accountId: string },
): Promise<string[]> {
  const query = db.selectFrom('auth_token').select('id');
  const rows = await (
    'userId' in owner
      ? query.where('user_id', '=', owner.userId)
      : query.where('account_id', '=', owner.accountId)
  ).execute();
  return rows.map((row) => row.id);
}

/**
 * Deletes the tokens of an account or of an auth method; gives their ids. Their sessions are ended by the use case in `session/`, in
 * the same `tx`, which holds the owner so that no token comes after.
 */
export async function endAuthTokensOf(
  tx: Connection,
  owner: { readonly accountId: string } | { readonly authMethodId: string },
  nowUs: Microseconds,
): Promise<string[]> {
  const query = tx.deleteFrom('auth_token').returning('id');
  const rows = await (
    'accountId' in owner
      ? query.where('account_id', '=', owner.accountId)
      : query.where('auth_method_id', '=', owner.authMethodId)
  ).execute();
  const ids = rows.map((row) => row.id);
  await record(tx, 'auth-token', ids, nowUs);
  return ids;
}
