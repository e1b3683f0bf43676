/** SQL of what lies in scopes and goes with them: the ids that lists then report as removed. */
import { sql } from 'kysely';
import type { Connection, Database } from '../../store/database.ts';

/** Something that goes with a scope: its resource type as in grants, and the statement that finds the ids within `scopes`. */
interface Contents {
  readonly type: string;
  readonly table: string;
  /** Column with the scope, or with the parent that is itself in `parent`. */
  readonly column: string;
  readonly parent?: string;
}

/** Every table whose rows go with a scope. A resource that lives in scopes is a row here. */
const contents: readonly Contents[] = [
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
];

/** What goes with a scope. */
export interface ScopeContents {
  /** The scope and those below it. */
  readonly scopeIds: readonly string[];
  /** Ids by resource type; the scopes are among them. */
  readonly idsOf: ReadonlyMap<string, readonly string[]>;
}

/**
 * Holds a scope and those below it, and finds everything in them. Nothing can be added to held scopes.
 * Undefined when there is no such scope.
 */
export async function holdContents(
  tx: Connection,
  engine: Database['engine'],
  scopeId: string,
): Promise<ScopeContents | undefined> {
  const lock = engine === 'postgres' ? sql`for update` : sql``;
  const held = await sql<{ id: string }>`
    select id from scope where id = ${scopeId} or parent_id = ${scopeId} order by id ${lock}`.execute(tx);
  const scopeIds = held.rows.map((row) => row.id);
  if (!scopeIds.includes(scopeId)) return undefined;
  const idsOf = new Map<string, readonly string[]>();
  for (const each of contents) idsOf.set(each.type, await idsWithin(tx, each, scopeIds));
  idsOf.set('auth-token', await tokenIdsWithin(tx, scopeIds));
  return { scopeIds, idsOf };
}

async function idsWithin(
  tx: Connection,
  { table, column, parent }: Contents,
  scopeIds: readonly string[],
): Promise<readonly string[]> {
  const within =
    parent === undefined
      ? sql`${sql.join(scopeIds)}`
      : sql`select id from ${sql.table(parent)} where scope_id in (${sql.join(scopeIds)})`;
  const found = await sql<{ id: string }>`
    select id from ${sql.table(table)} where ${sql.ref(column)} in (${within}) order by id`.execute(tx);
  return found.rows.map((row) => row.id);
}

/** Tokens of the scopes, of users in them, and of accounts and auth methods in them. */
async function tokenIdsWithin(tx: Connection, scopeIds: readonly string[]): Promise<readonly string[]> {
  const scopes = sql.join(scopeIds);
  const found = await sql<{ id: string }>`
    select id from auth_token where scope_id in (${scopes})
    union select id from auth_token where user_id in (select id from iam_user where scope_id in (${scopes}))
    union select id from auth_token where account_id in (select id from account where scope_id in (${scopes}))
    union select id from auth_token
      where auth_method_id in (select id from auth_method where scope_id in (${scopes}))`.execute(tx);
  return found.rows.map((row) => row.id);
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
