/** Rows that name others which are not there, found by SQL alone: what a cascade must not leave behind. */
import { sql } from 'kysely';
import type { Connection } from '../../packages/controller/src/store/database.ts';

/** Column that names a row, and the tables in one of which that row must be. */
const references: readonly (readonly [table: string, column: string, ...parents: string[]])[] = [
  ['scope', 'parent_id', 'scope'],
  ['scope', 'primary_auth_method_id', 'auth_method'],
  ['iam_user', 'scope_id', 'scope'],
  ['iam_group', 'scope_id', 'scope'],
  ['iam_role', 'scope_id', 'scope'],
  ['iam_group_member', 'group_id', 'iam_group'],
  ['iam_group_member', 'member_id', 'iam_user'],
  ['iam_role_grant', 'role_id', 'iam_role'],
  ['iam_role_grant_scope', 'role_id', 'iam_role'],
  ['iam_role_principal', 'role_id', 'iam_role'],
  ['iam_role_principal', 'principal_id', 'iam_user', 'iam_group'],
  ['auth_method', 'scope_id', 'scope'],
  ['account', 'scope_id', 'scope'],
  ['account', 'auth_method_id', 'auth_method'],
  ['account', 'user_id', 'iam_user'],
  ['auth_token', 'scope_id', 'scope'],
  ['auth_token', 'user_id', 'iam_user'],
  ['auth_token', 'account_id', 'account'],
  ['auth_token', 'auth_method_id', 'auth_method'],
  ['host_catalog', 'scope_id', 'scope'],
  ['host_set', 'host_catalog_id', 'host_catalog'],
  ['host', 'host_catalog_id', 'host_catalog'],
  ['host_set_host', 'host_set_id', 'host_set'],
  ['host_set_host', 'host_id', 'host'],
  ['target', 'scope_id', 'scope'],
  ['target_host_source', 'target_id', 'target'],
  ['target_host_source', 'host_set_id', 'host_set'],
  ['credential_store', 'scope_id', 'scope'],
  ['credential', 'credential_store_id', 'credential_store'],
  ['target_credential_source', 'target_id', 'target'],
  ['target_credential_source', 'credential_id', 'credential'],
  ['alias', 'scope_id', 'scope'],
  ['alias', 'destination_id', 'target'],
  ['alias', 'host_id', 'host'],
  ['session_connection', 'session_id', 'session'],
];

/** One line for each kind of orphan: `table.column: count`. Also sessions that run on what is gone. */
export async function listOrphans(db: Connection): Promise<string[]> {
  const found: string[] = [];
  for (const [table, column, ...parents] of references) {
    const isThere = parents.map(
      (parent) =>
        sql`exists (select 1 from ${sql.table(parent)} as parent where parent.id = child.${sql.ref(column)})`,
    );
    const rows = await sql<{ orphans: number | string }>`
      select count(*) as orphans from ${sql.table(table)} as child
      where child.${sql.ref(column)} is not null and not (${sql.join(isThere, sql` or `)})`.execute(db);
    const count = Number(rows.rows[0]?.orphans);
    if (count > 0) found.push(`${table}.${column}: ${count}`);
  }
  const scopes = await sql<{ orphans: number | string }>`
    select count(*) as orphans from iam_role_grant_scope
    where grant_scope not in ('this', 'children', 'descendants')
      and not exists (select 1 from scope where scope.id = grant_scope)`.execute(db);
  if (Number(scopes.rows[0]?.orphans) > 0) found.push('iam_role_grant_scope.grant_scope');
  const sessions = await sql<{ orphans: number | string }>`
    select count(*) as orphans from session where status in ('pending', 'active') and (
      not exists (select 1 from target where target.id = session.target_id)
      or not exists (select 1 from iam_user where iam_user.id = session.user_id)
      or not exists (select 1 from auth_token where auth_token.id = session.auth_token_id))`.execute(db);
  if (Number(sessions.rows[0]?.orphans) > 0) found.push('running sessions on what is gone');
  return found;
}
