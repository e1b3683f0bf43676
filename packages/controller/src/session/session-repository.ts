/**
 * SQL of sessions. Every transition is one conditional statement. On PostgreSQL, where a statement that waited for a row does
 * not look again at other tables, whoever ends connections or sessions takes the session's row first (`lockSessions`).
 */
import { sql } from 'kysely';
import type { Expression, SqlBool } from 'kysely';
import type { SessionEndReason } from '@stile/protocol';
import { chunkSize, chunksOf } from '../store/chunks.ts';
import type { Connection, Database } from '../store/database.ts';
import { isLivingSession, isOpenConnection } from '../store/page.ts';
import { PreparedQuery } from '../store/prepared-query.ts';
import type { SessionTable } from '../store/schema.ts';
import { hasVersion } from '../store/versioned-update.ts';
import type { SessionRow } from './session.ts';

/** Columns of a SessionRow. */
export const sessionColumns = [
  'session.id',
  'session.scope_id',
  'session.target_id',
  'session.user_id',
  'session.auth_token_id',
  'session.host_set_id',
  'session.host_id',
  'session.type',
  'session.endpoint',
  'session.status',
  'session.connection_limit',
  'session.connections_used',
  'session.lease_seconds',
  'session.worker_filter',
  'session.certificate',
  'session.expires_at',
  'session.active_at',
  'session.canceling_at',
  'session.terminated_at',
  'session.end_reason',
  'session.ended_by',
  'session.version',
  'session.created_at',
  'session.updated_at',
] as const;

/** The session, or undefined. */
export function lookupSession(db: Connection, id: string): Promise<SessionRow | undefined> {
  return db.selectFrom('session').select(sessionColumns).where('id', '=', id).executeTakeFirst();
}

/** The session with its sealed secrets, or undefined. */
export function lookupSealedSession(db: Connection, id: string): Promise<SessionTable | undefined> {
  return db.selectFrom('session').selectAll().where('id', '=', id).executeTakeFirst();
}

/** Where a session stands. */
export type SessionStanding = Pick<
  SessionRow,
  'id' | 'scope_id' | 'status' | 'end_reason' | 'expires_at' | 'lease_seconds'
>;

/** Where the sessions of these ids stand; unknown ones are absent. */
export async function listStandings(
  db: Connection,
  ids: readonly string[],
): Promise<Map<string, SessionStanding>> {
  const found = new Map<string, SessionStanding>();
  for (const chunk of chunksOf(ids)) {
    const rows = await db
      .selectFrom('session')
      .select(['id', 'scope_id', 'status', 'end_reason', 'expires_at', 'lease_seconds'])
      .where('id', 'in', chunk)
      .execute();
    for (const row of rows) found.set(row.id, row);
  }
  return found;
}

/** pending → active with the first client's TOFU token. False when the session is not pending or has expired. */
export async function activateSession(
  tx: Connection,
  change: { readonly id: string; readonly tofuTokenSealed: Uint8Array; readonly nowUs: number },
): Promise<boolean> {
  const rows = await tx
    .updateTable('session')
    .set({
      status: 'active',
      active_at: change.nowUs,
      tofu_token_sealed: change.tofuTokenSealed,
      version: sql`version + 1`,
      updated_at: change.nowUs,
    })
    .where('id', '=', change.id)
    .where('status', '=', 'pending')
    .where('expires_at', '>', change.nowUs)
    .returning('id')
    .execute();
  return rows.length > 0;
}

/** Runs at every new connection. */
const connectionOfLimit = new PreparedQuery((db, input: { id: string; nowUs: number }) =>
  db
    .updateTable('session')
    .set({ connections_used: sql`connections_used + 1` })
    .where('id', '=', input.id)
    .where('status', '=', 'active')
    .where('expires_at', '>', input.nowUs)
    .where((where) =>
      where.or([
        where('connection_limit', '=', -1),
        where('connections_used', '<', where.ref('connection_limit')),
      ]),
    )
    .returning(['connections_used', 'connection_limit']),
);

/** Takes one connection of the limit: design.md §4. Undefined when the session is not active, expired or at its limit. */
export function takeConnection(
  tx: Connection,
  id: string,
  nowUs: number,
): Promise<Pick<SessionTable, 'connections_used' | 'connection_limit'> | undefined> {
  return connectionOfLimit.first(tx, { id, nowUs });
}

/** Why, when and by whom sessions begin to end. */
export interface EndingCause {
  readonly reason: SessionEndReason;
  /** User id, worker id or `system`; `owner` = the session's own user. */
  readonly by: string | { readonly owner: true };
  readonly nowUs: number;
}

/** Which sessions. */
export type SessionSelector =
  | { readonly id: string; readonly version?: number }
  | { readonly ids: readonly string[] }
  | {
      readonly column: 'auth_token_id' | 'user_id' | 'target_id' | 'host_id' | 'host_set_id' | 'scope_id';
      readonly values: readonly string[];
    }
  | { readonly addressOfTarget: string };

function selected(selector: SessionSelector): Expression<SqlBool> {
  if ('id' in selector) {
    const version = selector.version === undefined ? sql`` : sql` and ${hasVersion(selector.version)}`;
    return sql<SqlBool>`id = ${selector.id}${version}`;
  }
  if ('ids' in selector) return sql<SqlBool>`id in (${sql.join(selector.ids)})`;
  if ('addressOfTarget' in selector) {
    return sql<SqlBool>`target_id = ${selector.addressOfTarget} and host_id is null`;
  }
  return sql<SqlBool>`${sql.ref(selector.column)} in (${sql.join(selector.values)})`;
}

/** pending or active → canceling, for every session selected; gives the ids of those that moved. */
export async function beginEnding(
  tx: Connection,
  selector: SessionSelector,
  cause: EndingCause,
): Promise<string[]> {
  if ('values' in selector && selector.values.length === 0) return [];
  if ('ids' in selector && selector.ids.length === 0) return [];
  const rows = await tx
    .updateTable('session')
    .set({
      status: 'canceling',
      canceling_at: cause.nowUs,
      end_reason: cause.reason,
      ended_by: typeof cause.by === 'string' ? cause.by : sql<string>`user_id`,
      version: sql`version + 1`,
      updated_at: cause.nowUs,
    })
    .where(selected(selector))
    .where(isLivingSession)
    .where('status', 'in', ['pending', 'active'])
    .returning('id')
    .execute();
  return rows.map((row) => row.id);
}

/**
 * → terminated, for those of the sessions that are due: canceling, expired or at their limit, and without an open connection.
 * Gives the ids of those that moved. What made them end first is their reason.
 */
export async function terminateDue(tx: Connection, ids: readonly string[], nowUs: number): Promise<string[]> {
  const ended: string[] = [];
  for (const chunk of chunksOf(ids)) {
    const rows = await tx
      .updateTable('session')
      .set({
        status: 'terminated',
        terminated_at: nowUs,
        end_reason: sql<string>`coalesce(end_reason, case when expires_at <= ${nowUs} then 'expired' else 'connection limit' end)`,
        ended_by: sql<string>`coalesce(ended_by, 'system')`,
        version: sql`version + 1`,
        updated_at: nowUs,
      })
      .where('id', 'in', chunk)
      .where(isLivingSession)
      .where((where) =>
        where.or([
          where('status', '=', 'canceling'),
          where('expires_at', '<=', nowUs),
          where.and([
            where('status', '=', 'active'),
            where('connection_limit', '<>', -1),
            where('connections_used', '>=', where.ref('connection_limit')),
          ]),
        ]),
      )
      .where(hasNoOpenConnection)
      .returning('id')
      .execute();
    for (const row of rows) ended.push(row.id);
  }
  return ended;
}

const hasNoOpenConnection: Expression<SqlBool> = sql<SqlBool>`not exists (
  select 1 from session_connection where session_connection.session_id = session.id and ${isOpenConnection})`;

/** Ids of living sessions that are to terminate now: expired or canceling, nothing open. At most `chunkSize` of each. */
export async function listDueSessions(db: Connection, nowUs: number): Promise<string[]> {
  const query = db.selectFrom('session').select('id').where(hasNoOpenConnection).limit(chunkSize);
  const expired = await query.where(isLivingSession).where('expires_at', '<=', nowUs).execute();
  // The literal word lets SQLite use the partial index.
  const canceling = await query.where(sql<SqlBool>`session.status = 'canceling'`).execute();
  return [...new Set([...expired, ...canceling].map((row) => row.id))];
}

/** Reasons of tokens whose sessions go on: a session has its own end (tokens.md §0 row 17). */
const naturalEnds: readonly string[] = ['idle', 'expired', 'lifetime lowered', 'consumed'];

/** Ids of living sessions whose auth token was revoked since that time; deleted tokens end theirs by themselves. */
export async function listSessionsOfRevokedTokens(db: Connection, sinceUs: number): Promise<string[]> {
  const rows = await db
    .selectFrom('auth_token')
    .innerJoin('session', 'session.auth_token_id', 'auth_token.id')
    .select('session.id')
    .where(sql<SqlBool>`auth_token.revoked_at is not null`)
    .where('auth_token.revoked_at', '>', sinceUs)
    .where('auth_token.revoked_reason', 'not in', naturalEnds)
    .where(isLivingSession)
    .where('session.status', '<>', 'canceling')
    .limit(chunkSize)
    .execute();
  return rows.map((row) => row.id);
}

/** When the next living session expires, epoch microseconds; undefined when none will. */
export async function nextExpiry(db: Connection, nowUs: number): Promise<number | undefined> {
  const row = await db
    .selectFrom('session')
    .select('expires_at')
    .where(isLivingSession)
    .where('expires_at', '>', nowUs)
    .orderBy('expires_at')
    .limit(1)
    .executeTakeFirst();
  return row?.expires_at;
}

/** Ids of sessions that ended before that time. At most `chunkSize`. */
export async function listEndedBefore(db: Connection, beforeUs: number): Promise<string[]> {
  const rows = await db
    .selectFrom('session')
    .select('id')
    .where(sql<SqlBool>`session.status = 'terminated'`)
    .where('terminated_at', '<', beforeUs)
    .orderBy('terminated_at')
    .limit(chunkSize)
    .execute();
  return rows.map((row) => row.id);
}

/** Deletes ended sessions with their connections; gives the ids that were there. */
export async function deleteEnded(tx: Connection, ids: readonly string[]): Promise<string[]> {
  const rows = await tx
    .deleteFrom('session')
    .where('id', 'in', ids)
    .where('status', '=', 'terminated')
    .returning('id')
    .execute();
  return rows.map((row) => row.id);
}

/**
 * Holds the rows of the sessions until the end of the unit, in order of id, so that ends of connections and of their session
 * come one after the other. SQLite has one writer and needs nothing.
 */
export async function lockSessions(
  tx: Connection,
  engine: Database['engine'],
  ids: readonly string[],
): Promise<void> {
  if (engine === 'sqlite') return;
  for (const chunk of chunksOf([...ids].sort())) {
    await tx.selectFrom('session').select('id').where('id', 'in', chunk).orderBy('id').forUpdate().execute();
  }
}

/** What the right to a new connection rests on, beside the session's own state. */
export interface ConnectionSubject {
  readonly status: SessionTable['status'];
  readonly workerFilter: string | null;
  readonly targetId: string;
  readonly targetScopeId: string | null;
  readonly parentScopeId: string | null;
  readonly userId: string;
  readonly accountId: string | null;
  /** User and auth token exist, neither is disabled or revoked, and a login's account is the user's still. */
  readonly isCallerGood: boolean;
  /** Scopes and allow list of the auth token as they are now, JSON; null = unrestricted. */
  readonly tokenScopes: string | null;
  readonly allowList: string | null;
}

/** Runs at every new connection. */
const connectionSubject = new PreparedQuery((db, input: { id: string }) =>
  db
    .selectFrom('session')
    .leftJoin('target', 'target.id', 'session.target_id')
    .leftJoin('scope', 'scope.id', 'target.scope_id')
    .leftJoin('iam_user', 'iam_user.id', 'session.user_id')
    .leftJoin('auth_token', 'auth_token.id', 'session.auth_token_id')
    .leftJoin('account', 'account.id', 'auth_token.account_id')
    .select([
      'session.status',
      'session.worker_filter',
      'session.target_id',
      'session.user_id',
      'target.scope_id as target_scope_id',
      'scope.parent_id',
      'iam_user.id as found_user_id',
      'iam_user.disabled_at',
      'auth_token.id as found_token_id',
      'auth_token.type as token_type',
      'auth_token.revoked_at',
      'auth_token.revoked_reason',
      'auth_token.token_scopes',
      'auth_token.allow_list',
      'auth_token.account_id',
      'account.user_id as account_user_id',
    ])
    .where('session.id', '=', input.id),
);

/** Session, target, user and auth token of a session in one statement; undefined when there is no such session. */
export async function lookupConnectionSubject(
  db: Connection,
  id: string,
): Promise<ConnectionSubject | undefined> {
  const row = await connectionSubject.first(db, { id });
  if (row === undefined) return undefined;
  return {
    status: row.status,
    workerFilter: row.worker_filter,
    targetId: row.target_id,
    targetScopeId: row.target_scope_id,
    parentScopeId: row.parent_id,
    userId: row.user_id,
    accountId: row.account_id,
    isCallerGood:
      row.found_user_id !== null &&
      row.disabled_at === null &&
      row.found_token_id !== null &&
      (row.revoked_at === null || naturalEnds.includes(row.revoked_reason ?? '')) &&
      (row.token_type !== 'login' || row.account_id === null || row.account_user_id === row.user_id),
    tokenScopes: row.token_scopes,
    allowList: row.allow_list,
  };
}
