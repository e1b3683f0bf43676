/**
 * The one statement that adds a session. It stands on its own target, host and auth token still being there: whoever deletes
 * one of them ends its sessions in the same transaction, and a session added a moment later would escape that end.
 */
import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';
import type { Connection, Database } from '../store/database.ts';
import { PreparedQuery } from '../store/prepared-query.ts';
import type { SessionTable } from '../store/schema.ts';

const columns: Readonly<Record<keyof SessionTable, true>> = {
  id: true,
  scope_id: true,
  target_id: true,
  user_id: true,
  auth_token_id: true,
  host_set_id: true,
  host_id: true,
  type: true,
  endpoint: true,
  status: true,
  connection_limit: true,
  connections_used: true,
  lease_seconds: true,
  worker_filter: true,
  certificate: true,
  private_key_sealed: true,
  tofu_token_sealed: true,
  expires_at: true,
  active_at: true,
  canceling_at: true,
  terminated_at: true,
  end_reason: true,
  ended_by: true,
  version: true,
  created_at: true,
  updated_at: true,
};
const columnNames = Object.keys(columns) as (keyof SessionTable)[];

/**
 * `lock` stands behind each read of a row: it makes the statement wait for a change of it that is under way. A token is revoked by an
 * update, which a key share would not wait for; the user comes first, as where a user's tokens are revoked.
 */
function insertion(
  lock: (strength: 'share' | 'key share', table: string) => RawBuilder<unknown>,
): PreparedQuery<SessionTable, { id: string }> {
  return new PreparedQuery((db, input) => {
    const statement = sql<{ id: string }>`
      with
        present_target as (
          select target.id from target
          where target.id = ${input.target_id}
            and (target.address is not null or cast(${input.host_id} as text) is not null)
          ${lock('share', 'target')}),
        present_caller as (
          select auth_token.id from auth_token
          join iam_user on iam_user.id = auth_token.user_id
          where auth_token.id = ${input.auth_token_id} and auth_token.revoked_at is null
            and iam_user.disabled_at is null
          ${lock('share', 'iam_user')} ${lock('share', 'auth_token')}),
        present_host as (
          select host.id from host where host.id = ${input.host_id} ${lock('key share', 'host')}),
        present_host_set as (
          select host_set.id from host_set where host_set.id = ${input.host_set_id}
          ${lock('key share', 'host_set')})
      insert into session (${sql.join(columnNames.map((name) => sql.ref(name)))})
      select ${sql.join(columnNames.map((name) => input[name]))}
      where exists (select 1 from present_target) and exists (select 1 from present_caller)
        and (cast(${input.host_id} as text) is null or exists (select 1 from present_host))
        and (cast(${input.host_set_id} as text) is null or exists (select 1 from present_host_set))
      returning id`;
    return { compile: () => statement.compile(db) };
  });
}

/** SQLite has one writer: nothing is under way. */
const insertions: Readonly<Record<Database['engine'], PreparedQuery<SessionTable, { id: string }>>> = {
  sqlite: insertion(() => sql``),
  postgres: insertion((strength, table) => sql`for ${sql.raw(strength)} of ${sql.table(table)}`),
};

/**
 * Adds a session. False when the target is gone, or its address where there is no host; when the auth token has ended or its
 * user is disabled; when the host or host set is gone.
 */
export async function insertSession(
  tx: Connection,
  engine: Database['engine'],
  session: SessionTable,
): Promise<boolean> {
  return (await insertions[engine].first(tx, session)) !== undefined;
}

/** Notes that a user was given a session in a month (`YYYY-MM`, UTC). Idempotent. */
export async function noteActiveUser(tx: Connection, month: string, userId: string): Promise<void> {
  await tx
    .insertInto('monthly_active_user')
    .values({ month, user_id: userId })
    .onConflict((conflict) => conflict.columns(['month', 'user_id']).doNothing())
    .execute();
}

/** How many users were given a session in each month from `first` to before `end`; months without any are absent. */
export async function countActiveUsers(
  db: Connection,
  first: string,
  end: string,
): Promise<ReadonlyMap<string, number>> {
  const rows = await db
    .selectFrom('monthly_active_user')
    .select((select) => ['month', select.fn.countAll().as('users')])
    .where('month', '>=', first)
    .where('month', '<', end)
    .groupBy('month')
    .execute();
  return new Map(rows.map(({ month, users }) => [month, Number(users)]));
}
