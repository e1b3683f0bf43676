/** How many rows a list has, counted no further than a bound: lists show the number as an estimate (http-api.md §1.10). */
import { sql, type RawBuilder, type SqlBool } from 'kysely';
import type { Connection } from '../database.ts';
import { isLivingSession, onlyIds, type PagedTable } from '../page.ts';
import type { ListPermission } from './permitted-rows.ts';

/** Which rows of a table are counted. */
export type CountedRows = {
  readonly table: PagedTable;
  /** Only these of them. */
  readonly ids?: readonly string[] | undefined;
} & (
  | {
      /** Rows of the permitted scopes; with `ownerId` also the caller's own. */
      readonly permissions: ReadonlyMap<string, ListPermission>;
      readonly ownerId?: string;
      /** Sessions and auth tokens only: leave out those whose end is written. */
      readonly livingOnly?: boolean;
    }
  | {
      /** A column that names the parent, and the parents. */
      readonly column:
        'scope_id' | 'parent_id' | 'auth_method_id' | 'host_catalog_id' | 'credential_store_id';
      readonly values: readonly string[];
    }
);

/** Scopes, or single ids, in one condition: beyond that the estimate is of the first ones. */
const mostValues = 500;

function anyOf(column: string, values: readonly string[]): RawBuilder<SqlBool> {
  return sql<SqlBool>`${sql.ref(column)} in (${sql.join(values.slice(0, mostValues))})`;
}

function conditionOf(rows: CountedRows): RawBuilder<SqlBool> | undefined {
  if ('column' in rows) return rows.values.length === 0 ? undefined : anyOf(rows.column, rows.values);
  const entries = [...rows.permissions];
  const whole = entries.filter(([, each]) => each.all).map(([scopeId]) => scopeId);
  const own = entries.filter(([, each]) => !each.all && each.own === true).map(([scopeId]) => scopeId);
  const parts: RawBuilder<SqlBool>[] = [];
  if (whole.length > 0) parts.push(anyOf('scope_id', whole));
  if (own.length > 0 && rows.ownerId !== undefined) {
    parts.push(sql<SqlBool>`(user_id = ${rows.ownerId} and ${anyOf('scope_id', own)})`);
  }
  parts.push(...singleRows(rows.permissions, rows.ownerId));
  return parts.length === 0 ? undefined : sql<SqlBool>`(${sql.join(parts, sql` or `)})`;
}

/** Single rows, each counted in its own scope: an id that is permitted in one is none in another. */
function singleRows(
  permissions: ReadonlyMap<string, ListPermission>,
  ownerId: string | undefined,
): RawBuilder<SqlBool>[] {
  const parts: RawBuilder<SqlBool>[] = [];
  let left = mostValues;
  for (const [scopeId, { all, ids, ownIds = [] }] of permissions) {
    if (all || left <= 0) continue;
    if (ids.length > 0) parts.push(sql<SqlBool>`(scope_id = ${scopeId} and ${anyOf('id', ids)})`);
    if (ownIds.length > 0 && ownerId !== undefined) {
      parts.push(sql<SqlBool>`(scope_id = ${scopeId} and user_id = ${ownerId} and ${anyOf('id', ownIds)})`);
    }
    left -= ids.length + ownIds.length;
  }
  return parts;
}

/** The number of rows, at most `limit`. Costs an index range of so many entries, whatever the size of the table. */
export async function estimateRows(db: Connection, rows: CountedRows, limit: number): Promise<number> {
  const condition = conditionOf(rows);
  if (condition === undefined) return 0;
  const isOnlyLiving = 'livingOnly' in rows && rows.livingOnly === true;
  const isLiving = isOnlyLiving
    ? sql` and ${rows.table === 'auth_token' ? sql<SqlBool>`revoked_at is null` : isLivingSession}`
    : sql``;
  const isNamed = rows.ids === undefined ? sql`` : sql` and ${onlyIds(rows.table, rows.ids)}`;
  const counted = await sql<{ rows: number | string }>`
    select count(*) as rows from (
      select 1 from ${sql.table(rows.table)} where ${condition}${isLiving}${isNamed} limit ${limit}
    ) as first_rows`.execute(db);
  return Number(counted.rows[0]?.rows ?? 0);
}
