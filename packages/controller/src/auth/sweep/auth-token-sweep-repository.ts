/** SQL of tokens whose time is up: those to be marked as ended, and those to be deleted (tokens.md §1.5, §1.8). */
import { sql, type RawBuilder, type SqlBool } from 'kysely';
import type { Connection } from '../../store/database.ts';
import type { AuthTokenType, Microseconds } from '../../store/schema.ts';
import { dueEnd, longestLifeSeconds, type NaturalEnd } from '../token/auth-token.ts';
import { hasType } from '../token/auth-token-repository.ts';
import type { AuthTokenSettings } from '../token/auth-token-settings.ts';

const kinds: readonly AuthTokenType[] = ['login', 'web', 'api', 'one-time'];

/** Tokens that have ended for one reason without that it is written. */
export interface DueTokens {
  readonly reason: NaturalEnd;
  readonly ids: readonly string[];
}

async function liveIds(db: Connection, condition: RawBuilder<SqlBool>, limit: number): Promise<string[]> {
  const rows = await db
    .selectFrom('auth_token')
    .select('id')
    .where(sql<SqlBool>`revoked_at is null`)
    .where(condition)
    .limit(limit)
    .execute();
  return rows.map((row) => row.id);
}

/** What ends tokens, in the order in which it is looked for. Each is a range of an index of living tokens. */
function dueConditions(
  settings: AuthTokenSettings,
  nowUs: Microseconds,
): { readonly reason: NaturalEnd; readonly condition: RawBuilder<SqlBool> }[] {
  const before = (seconds: number): Microseconds => nowUs - seconds * 1_000_000;
  const conditions: ReturnType<typeof dueConditions> = [
    { reason: 'expired', condition: sql<SqlBool>`expires_at <= ${nowUs}` },
  ];
  for (const type of kinds) {
    const condition = sql<SqlBool>`type = ${type} and created_at <= ${before(longestLifeSeconds(type, settings))}
      and expires_at > ${nowUs}`;
    conditions.push({ reason: 'lifetime lowered', condition });
  }
  const { disableSessionExpiryRefresh: isFixed, timeToStaleSeconds } = settings;
  if (!isFixed && timeToStaleSeconds > 0) {
    const condition = sql<SqlBool>`type = 'login' and last_used_at <= ${before(timeToStaleSeconds)}`;
    conditions.push({ reason: 'idle', condition });
  }
  const ownLimit = sql<SqlBool>`time_to_stale_seconds > 0
    and (last_used_at + time_to_stale_seconds * 1000000) <= ${nowUs}${isFixed ? sql` and type <> 'login'` : sql``}`;
  conditions.push({ reason: 'idle', condition: ownLimit });
  return conditions;
}

/**
 * The first tokens of one reason, at most `limit`; undefined when none is due. One reason is looked for when nothing is left of those
 * before: otherwise its range would lead again and again over what they have not marked yet.
 */
export async function nextDueTokens(
  db: Connection,
  settings: AuthTokenSettings,
  nowUs: Microseconds,
  limit: number,
): Promise<DueTokens | undefined> {
  for (const { reason, condition } of dueConditions(settings, nowUs)) {
    const ids = await liveIds(db, condition, limit);
    if (ids.length > 0) return { reason, ids };
  }
  return undefined;
}

/**
 * Deletes tokens that ended before a time, the oldest first: not those that a session which has not terminated points to, nor those with
 * which a living token would end. Gives their ids.
 */
export async function deleteEndedTokens(
  tx: Connection,
  endedBeforeUs: Microseconds,
  limit: number,
): Promise<string[]> {
  const deleted = await sql<{ id: string }>`
    delete from auth_token where id in (
      select id from auth_token where ends_at < ${endedBeforeUs}
        and not exists (
          select 1 from session where session.auth_token_id = auth_token.id and session.status <> 'terminated')
        and not exists (
          select 1 from auth_token as child
          where child.parent_auth_token_id = auth_token.id and child.ends_with_parent = 1 and child.revoked_at is null)
      order by ends_at, id limit ${limit})
    returning id`.execute(tx);
  return deleted.rows.map((row) => row.id);
}

/** The first of a user's living API tokens whose time is up, by reason. */
export async function listDueTokensOfUser(
  db: Connection,
  userId: string,
  around: { readonly settings: AuthTokenSettings; readonly nowUs: Microseconds },
): Promise<DueTokens[]> {
  const rows = await db
    .selectFrom('auth_token')
    .select([
      'id',
      'type',
      'revoked_at',
      'revoked_reason',
      'expires_at',
      'last_used_at',
      'time_to_stale_seconds',
      'created_at',
    ])
    .where('user_id', '=', userId)
    .where(hasType(['api']))
    .where(sql<SqlBool>`revoked_at is null`)
    .execute();
  const due = new Map<NaturalEnd, string[]>();
  for (const row of rows) {
    const reason = dueEnd(row, around.settings, around.nowUs);
    if (reason !== undefined) due.set(reason, [...(due.get(reason) ?? []), row.id]);
  }
  return [...due].map(([reason, ids]) => ({ reason, ids }));
}
