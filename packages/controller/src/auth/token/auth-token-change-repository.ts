/** SQL that makes, changes and ends auth tokens; each change is one conditional statement. */
import { sql } from 'kysely';
import type { Connection, Database } from '../../store/database.ts';
import type { AuthTokenTable, Microseconds } from '../../store/schema.ts';
import { hasVersion } from '../../store/versioned-update.ts';
import { hasType, isGood } from './auth-token-repository.ts';
import type { RevokedReason } from './auth-token.ts';
import type { AuthTokenSettings } from './auth-token-settings.ts';

/** What an addition stands on, beside its row. */
export interface TokenAddition {
  readonly engine: Database['engine'];
  readonly row: AuthTokenTable;
  readonly settings: AuthTokenSettings;
  readonly nowUs: Microseconds;
  /** Version that the account must still have; absent where no password proved the token. */
  readonly accountVersion?: number | undefined;
  /** Version that the minting token must still have, and be good; absent where no token minted it, or the exchange consumed it. */
  readonly parentVersion?: number | undefined;
  /** Most good API tokens of the user. */
  readonly limit?: number | undefined;
}

/**
 * Adds a token, unless its user was disabled, its account is the user's no longer or may have another password, the second factor it
 * vouches for is gone, the token that mints it has ended or changed, or the user has as many API tokens as it may; false then. Waits for such a change that is under way: whoever makes it ends the tokens that it
 * finds, and one that comes later must not be good again one day. With a limit the user's row is held, so that two additions count one
 * after the other.
 * @throws {StileError} notFound when its auth method is gone; invalidArgument (unique violation) when the name is taken
 */
export async function addAuthToken(tx: Connection, addition: TokenAddition): Promise<boolean> {
  const { engine, row, accountVersion, parentVersion, limit, settings, nowUs } = addition;
  const isPostgres = engine === 'postgres';
  const share = isPostgres ? sql`for share` : sql``;
  if (limit !== undefined && isPostgres) {
    await sql`select id from iam_user where id = ${row.user_id} for no key update`.execute(tx);
  }
  const mustHaveAccount = row.type === 'login' && row.account_id !== null;
  // A password that was right before another one was set proves nothing after it: what it proved was ended then.
  const isOfVersion = accountVersion === undefined ? sql`` : sql`and version = ${accountVersion}`;
  // A code that was right before the second factor was reset proves nothing after it. One that is handed on was looked at long ago.
  const mustHaveFactor = row.type === 'login' && row.second_factor === 1 && row.parent_auth_token_id === null;
  const isParentGood = sql`exists (select 1 from present_parent)`;
  const isBelowLimit = sql`(
    select count(*) from auth_token where user_id = ${row.user_id} and ${hasType(['api'])} and ${isGood(settings, nowUs)}
  ) < ${limit ?? 0}`;
  const entries = Object.entries(row);
  const added = await sql<{ id: string }>`
    with
      present_user as (
        select id from iam_user where id = ${row.user_id} and disabled_at is null ${share}),
      present_account as (
        select id from account where id = ${row.account_id} and user_id = ${row.user_id} ${isOfVersion} ${share}),
      present_factor as (
        select id from user_second_factor
        where id = ${row.user_id} and secret_sealed is not null ${share}),
      present_parent as (
        select id from auth_token
        where id = ${row.parent_auth_token_id} and revoked_at is null and version = ${parentVersion ?? 0} ${share})
    insert into auth_token (${sql.join(entries.map(([name]) => sql.ref(name)))})
    select ${sql.join(entries.map(([, value]) => value))}
    where exists (select 1 from present_user)
      ${mustHaveAccount ? sql`and exists (select 1 from present_account)` : sql``}
      ${mustHaveFactor ? sql`and exists (select 1 from present_factor)` : sql``}
      ${parentVersion === undefined ? sql`` : sql`and ${isParentGood}`}
      ${limit === undefined ? sql`` : sql`and ${isBelowLimit}`}
    returning id`.execute(tx);
  return added.rows.length > 0;
}

/** Where and by what a token was used. */
export interface TokenUse {
  readonly id: string;
  readonly usedAtUs: Microseconds;
  readonly origin: string;
  readonly userAgent: string | null;
}

/** Writes a last use, unless a later one is written. Times of the row's own change stay: use is no change. */
export async function updateLastUsed(tx: Connection, use: TokenUse): Promise<void> {
  await tx
    .updateTable('auth_token')
    .set({ last_used_at: use.usedAtUs, last_origin: use.origin, last_user_agent: use.userAgent })
    .where('id', '=', use.id)
    .where('last_used_at', '<', use.usedAtUs)
    .execute();
}

/** Why, when and by whom tokens end. */
export interface TokenEnd {
  readonly reason: RevokedReason;
  readonly nowUs: Microseconds;
  /** Null: by themselves. */
  readonly by?: string | null;
}

/** Ends tokens for good, keeping the rows; those that have ended keep their first reason. Gives the ids that it ended. */
export async function revokeAuthTokens(
  tx: Connection,
  ids: readonly string[],
  end: TokenEnd,
): Promise<string[]> {
  if (ids.length === 0) return [];
  const rows = await tx
    .updateTable('auth_token')
    .set({
      revoked_at: end.nowUs,
      revoked_reason: end.reason,
      revoked_by_user_id: end.by ?? null,
      // One whose time was up before anybody looked ended then.
      ends_at: sql`case when ends_at < ${end.nowUs} then ends_at else ${end.nowUs} end`,
      version: sql`version + 1`,
      updated_at: end.nowUs,
    })
    .where('id', 'in', ids)
    .where('revoked_at', 'is', null)
    .returning('id')
    .execute();
  return rows.map((row) => row.id);
}

/**
 * Consumes a one-time token, or, where it is good for several exchanges, holds it until the end of the unit. False when another exchange
 * was first, or it has ended.
 */
export async function consumeAuthToken(
  tx: Connection,
  engine: Database['engine'],
  token: { readonly id: string; readonly singleUse: boolean },
  nowUs: Microseconds,
): Promise<boolean> {
  if (token.singleUse) {
    return (await revokeAuthTokens(tx, [token.id], { reason: 'consumed', nowUs })).length > 0;
  }
  const held = tx
    .selectFrom('auth_token')
    .select('id')
    .where('id', '=', token.id)
    .where('revoked_at', 'is', null);
  const row = await (engine === 'postgres' ? held.forShare() : held).executeTakeFirst();
  return row !== undefined;
}

/** Ids of the tokens that end with one of these, whether they have ended or not. */
export async function listDependentTokenIds(tx: Connection, ids: readonly string[]): Promise<string[]> {
  if (ids.length === 0) return [];
  const rows = await tx
    .selectFrom('auth_token')
    .select('id')
    .where('parent_auth_token_id', 'in', ids)
    .where('ends_with_parent', '=', 1)
    .execute();
  return rows.map((row) => row.id);
}

/** New values of a token that its owner may change. Absent = stays. */
export type TokenChanges = Partial<
  Pick<AuthTokenTable, 'name' | 'description' | 'token_scopes' | 'allow_list' | 'expires_at' | 'ends_at'>
>;

/** Changes a good token of this version; false when there is none. */
export async function changeAuthToken(
  tx: Connection,
  which: { readonly id: string; readonly version: number },
  changes: TokenChanges | Pick<AuthTokenTable, 'secret_mac' | 'secret_key_version' | 'second_factor'>,
  nowUs: Microseconds,
): Promise<boolean> {
  const rows = await tx
    .updateTable('auth_token')
    .set({ ...changes, version: sql`version + 1`, updated_at: nowUs })
    .where('id', '=', which.id)
    .where(hasVersion(which.version))
    .where('revoked_at', 'is', null)
    .returning('id')
    .execute();
  return rows.length > 0;
}

/**
 * Whether a token has not ended and still has a version; held until the end of the unit, so that who ends or changes it comes before, and
 * this finds nothing, or after.
 */
export async function holdAuthToken(
  tx: Connection,
  engine: Database['engine'],
  token: { readonly id: string; readonly version: number },
): Promise<boolean> {
  const held = tx
    .selectFrom('auth_token')
    .select('id')
    .where('id', '=', token.id)
    .where(hasVersion(token.version))
    .where('revoked_at', 'is', null);
  const row = await (engine === 'postgres' ? held.forShare() : held).executeTakeFirst();
  return row !== undefined;
}

/** Deletes rows of tokens; gives the ids that were there. Their sessions are ended by the use case in `session/`, in the same `tx`. */
export async function deleteAuthTokens(tx: Connection, ids: readonly string[]): Promise<string[]> {
  if (ids.length === 0) return [];
  const rows = await tx.deleteFrom('auth_token').where('id', 'in', ids).returning('id').execute();
  return rows.map((row) => row.id);
}

/** Notes that a code was checked by a token, which is good for everything then; `userId` must be its owner. */
export async function markSecondFactor(
  tx: Connection,
  token: { readonly id: string; readonly userId: string; readonly nowUs: Microseconds },
): Promise<void> {
  await tx
    .updateTable('auth_token')
    .set({ second_factor: 1, must_enroll: 0, updated_at: token.nowUs })
    .where('id', '=', token.id)
    .where('user_id', '=', token.userId)
    .where('revoked_at', 'is', null)
    .execute();
}
