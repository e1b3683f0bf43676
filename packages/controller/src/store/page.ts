/** Pages of a list: newest first by creation or change, each page beginning where the one before ended (http-api.md §1.10). */
import { sql, type SelectQueryBuilder, type SqlBool, type Expression } from 'kysely';
import type { Microseconds, Schema } from './schema.ts';

/** Tables that are listed by page. */
export type PagedTable = {
  [Name in keyof Schema]: Schema[Name] extends {
    id: string;
    created_at: Microseconds;
    updated_at: Microseconds;
  }
    ? Name
    : never;
}[keyof Schema];

/** Which page. */
export interface PageRequest {
  /** Most rows wanted. Ask for one more than is shown to learn whether a page follows. */
  readonly limit: number;
  /** `created` = order (created_at desc, id desc); `updated` = (updated_at desc, id desc). */
  readonly phase: 'created' | 'updated';
  /** Time, by the phase's order, and id of the last row of the page before. */
  readonly after?: { readonly at: Microseconds; readonly id: string };
  /** Only rows changed at this time or later. */
  readonly updatedSince?: Microseconds;
  /** Only these rows; empty = none. */
  readonly ids?: readonly string[] | undefined;
}

/**
 * Adds order, position and limit to a list query. `table` is the table, or its alias, whose rows are listed; where the
 * query has an equality on the parent column of the table's list index, a page costs the same however many rows there are.
 */
export function pageOf<Tables, Selected, Row>(
  query: SelectQueryBuilder<Tables, Selected & keyof Tables, Row>,
  table: PagedTable,
  page: PageRequest,
): SelectQueryBuilder<Tables, Selected & keyof Tables, Row> {
  const at = sql.ref<number>(`${table}.${page.phase}_at`);
  const id = sql.ref<string>(`${table}.id`);
  let paged = query.orderBy(at, 'desc').orderBy(id, 'desc').limit(page.limit);
  if (page.after !== undefined) {
    const isAfter: Expression<SqlBool> = sql`(${at}, ${id}) < (${page.after.at}, ${page.after.id})`;
    paged = paged.where(isAfter);
  }
  if (page.updatedSince !== undefined) {
    paged = paged.where(sql<SqlBool>`${sql.ref(`${table}.updated_at`)} >= ${page.updatedSince}`);
  }
  if (page.ids !== undefined) paged = paged.where(onlyIds(table, page.ids));
  return paged;
}

/** A condition over the ids of a table, which may be none at all. */
export function onlyIds(table: PagedTable, ids: readonly string[]): Expression<SqlBool> {
  return ids.length === 0
    ? sql<SqlBool>`1 = 0`
    : sql<SqlBool>`${sql.ref(`${table}.id`)} in (${sql.join(ids)})`;
}

/**
 * Sessions that have not ended, in the words of the partial indexes: with a bound parameter instead of the literal
 * SQLite would not use them.
 */
export const isLivingSession: Expression<SqlBool> = sql<SqlBool>`session.status <> 'terminated'`;

/** Connections that are not closed, in the words of the partial indexes. */
export const isOpenConnection: Expression<SqlBool> = sql<SqlBool>`session_connection.status <> 'closed'`;
