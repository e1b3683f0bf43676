/** SQL of what lies in scopes and goes with them: the ids that lists then report as removed. */
import { sql } from 'kysely';
import type { Connection, Database } from '../../store/database.ts';

/** Something that goes with a scope: its resource type as in grants, and where its rows are. */
export interface Contents {
  readonly type: string;
  readonly table: string;
  /** Column with the scope, or with a row of `parent`, which has the scope. */
  readonly column: string;
  readonly parent?: string;
}

/** Every table whose rows go with a scope. A resource that lives in scopes is a row here; a test looks for others. */
export const scopeContents: readonly Contents[] = [
  { type: 'scope', table: 'scope', column: 'id' },
  { type: 'user', table: 'iam_user', column: 'scope_id' },
  { type: 'group', table: 'iam_group', column: 'scope_id' },
  { type: 'role', table: 'iam_role', column: 'scope_id' },
  { type: 'auth-method', table: 'auth_method', column: 'scope_id' },
  { type: 'account', table: 'account', column: 'auth_method_id', parent: 'auth_method' },
  { type: 'host-catalog', table: 'host_catalog', column: 'scope_id' },
  { type: 'host-set', table: 'host_set', column: 'host_catalog_id', parent: 'host_catalog' },
  { type: 'host', table: 'host', column: 'host_catalog_id', parent: 'host_catalog' },
  { type: 'target', table: 'target', column: 'scope_id' },
  { type: 'credential-store', table: 'credential_store', column: 'scope_id' },
  { type: 'credential', table: 'credential', column: 'credential_store_id', parent: 'credential_store' },
];

/** Lets one statement of this unit take so long: cascades over millions of rows. SQLite bounds whole units only. */
export async function allowStatementsOf(
  tx: Connection,
  engine: Database['engine'],
  timeoutMs: number,
): Promise<void> {
  if (engine === 'sqlite') return;
  await sql`set local statement_timeout = ${sql.lit(timeoutMs)}`.execute(tx);
}

/**
 * Holds a scope and those below it: nothing can be added to them until the end of the unit. Their ids, none when there is no such
 * scope.
 */
export async function holdScopeTree(
  tx: Connection,
  engine: Database['engine'],
  scopeId: string,
): Promise<readonly string[]> {
  const lock = engine === 'postgres' ? sql`for update` : sql``;
  const held = await sql<{ id: string }>`
    select id from scope where id = ${scopeId} or parent_id = ${scopeId} order by id ${lock}`.execute(tx);
  const scopeIds = held.rows.map((row) => row.id);
  return scopeIds.includes(scopeId) ? scopeIds : [];
}

/** Notes everything in the scopes as deleted, the scopes too. One statement a type, however many rows there are. */
export async function recordContents(
  tx: Connection,
  scopeIds: readonly string[],
  nowUs: number,
): Promise<void> {
  for (const each of scopeContents) await recordRows(tx, each, scopeIds, nowUs);
}

async function recordRows(
  tx: Connection,
  { type, table, column, parent }: Contents,
  scopeIds: readonly string[],
  nowUs: number,
): Promise<void> {
  const within =
    parent === undefined
      ? sql`${sql.join(scopeIds)}`
      : sql`select id from ${sql.table(parent)} where scope_id in (${sql.join(scopeIds)})`;
  await sql`
    insert into deleted_resource (id, type, deleted_at)
    select id, cast(${type} as text), cast(${nowUs} as bigint) from ${sql.table(table)}
    where ${sql.ref(column)} in (${within})
    on conflict (id) do update set deleted_at = excluded.deleted_at`.execute(tx);
}

/** Who and what in the scopes holds something outside of them. */
export interface ScopePeople {
  readonly userIds: readonly string[];
  readonly groupIds: readonly string[];
  /** Tokens of the scopes, of users in them, and of accounts and auth methods in them. */
  readonly tokenIds: readonly string[];
}

/** Users, groups and auth tokens that go with the scopes. */
export async function listPeople(tx: Connection, scopeIds: readonly string[]): Promise<ScopePeople> {
  const users = await tx.selectFrom('iam_user').select('id').where('scope_id', 'in', scopeIds).execute();
  const groups = await tx.selectFrom('iam_group').select('id').where('scope_id', 'in', scopeIds).execute();
  const scopes = sql.join(scopeIds);
  const tokens = await sql<{ id: string }>`
    select id from auth_token where scope_id in (${scopes})
    union select id from auth_token where user_id in (select id from iam_user where scope_id in (${scopes}))
    union select id from auth_token where account_id in (select id from account where scope_id in (${scopes}))
    union select id from auth_token
      where auth_method_id in (select id from auth_method where scope_id in (${scopes}))`.execute(tx);
  return {
    userIds: users.map((row) => row.id),
    groupIds: groups.map((row) => row.id),
    tokenIds: tokens.rows.map((row) => row.id),
  };
}

/** Deletes a scope with everything in it (foreign keys cascade); false when there is none. */
export async function deleteScopeRow(tx: Connection, scopeId: string): Promise<boolean> {
  const gone = await tx.deleteFrom('scope').where('id', '=', scopeId).returning('id').execute();
  return gone.length > 0;
}

/** Takes the destination from aliases of targets that go; aliases stay, with a new version (http-api.md §2.12). */
export async function clearAliasesWithin(
  tx: Connection,
  scopeIds: readonly string[],
  nowUs: number,
): Promise<void> {
  await tx
    .updateTable('alias')
    .set({ destination_id: null, host_id: null, version: sql`version + 1`, updated_at: nowUs })
    .where('destination_id', 'in', (targets) =>
      targets.selectFrom('target').select('target.id').where('target.scope_id', 'in', scopeIds),
    )
    .execute();
}
