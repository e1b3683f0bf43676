/** How many rows a list has, counted no further than a bound: lists show the number as an estimate (http-api.md §1.10). */
import { sql, type RawBuilder, type SqlBool } from 'kysely';
import type { Connection } from '../database.ts';
import { isLivingSession, type PagedTable } from '../page.ts';
import type { ListPermission } from './permitted-rows.ts';

/** Which rows of a table are counted. */
export type CountedRows =
  | {
      readonly table: PagedTable;
      /** Rows of the permitted scopes; with `ownerId` also the caller's own. */
      readonly permissions: ReadonlyMap<string, ListPermission>;
      readonly ownerId?: string;
      /** Sessions and auth tokens only: leave out those whose end is written. */
      readonly livingOnly?: boolean;
    }
  | {
      readonly table: PagedTable;
      /** A column that names the parent, and the parents. */
      readonly column:
        'scope_id' | 'parent_id' | 'auth_method_id' | 'host_catalog_id' | 'credential_store_id';
      readonly values: readonly string[];
    };

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
  const ids = entries.flatMap(([, each]) => (each.all ? [] : each.ids));
  const parts: RawBuilder<SqlBool>[] = [];
  if (whole.length > 0) parts.push(anyOf('scope_id', whole));
  if (own.length > 0 && rows.ownerId !== undefined) {
    parts.push(sql<SqlBool>`(user_id = ${rows.ownerId} and ${anyOf('scope_id', own)})`);
  }
  if (ids.length > 0) parts.push(anyOf('id', ids));
  return parts.length === 0 ? undefined : sql<SqlBool>`(${sql.join(parts, sql` or `)})`;
}

/** The number of rows, at most `limit`. Costs an index range of so many entries, whatever the size of the table. */
export async function estimateRows(db: Connection, rows: CountedRows, limit: number): Promise<number> {
  const condition = conditionOf(rows);
  if (condition === undefined) return 0;
  const isOnlyLiving = 'livingOnly' in rows && rows.livingOnly === true;
  const isLiving = isOnlyLiving
    ? sql` and ${rows.table === 'auth_token' ? sql<SqlBool>`revoked_at is null` : isLivingSession}`
    : sql``;
  const counted = await sql<{ rows: number | string }>`
    select count(*) as rows from (
      select 1 from ${sql.table(rows.table)} where ${condition}${isLiving} limit ${limit}
    ) as first_rows`.execute(db);
  return Number(counted.rows[0]?.rows ?? 0);
}
