/**
 * Which rows of a list a caller may see, as one SQL condition: whole scopes, single ids within a scope, or the caller's own
 * rows. The ACL decides (iam/acl.ts); the database filters, so that pages stay full and cheap.
 */
import { sql, type RawBuilder, type SqlBool } from 'kysely';
import type { Schema } from '../schema.ts';

/** What a caller may list in one scope: every row to which one of these applies (as iam/acl.ts gives it). */
export interface ListPermission {
  /** Every row of the scope. */
  readonly all: boolean;
  /** These rows. */
  readonly ids: readonly string[];
  /** The caller's own rows; for tables with a `user_id`. */
  readonly own?: boolean;
  /** These rows where they are the caller's own. */
  readonly ownIds?: readonly string[];
}

/** Scope id to what may be listed there. A scope that is absent shows nothing. */
export type ListPermissions = ReadonlyMap<string, ListPermission>;

/** A condition over `scope_id` and `id`, of `table` where several are joined, for tables whose rows have no owner. */
export function permittedRows(permissions: ListPermissions, table?: keyof Schema): RawBuilder<SqlBool> {
  const [scopeColumn, idColumn] = ['scope_id', 'id'].map((name) =>
    sql.ref(table === undefined ? name : `${table}.${name}`),
  );
  const whole: string[] = [];
  const parts: RawBuilder<SqlBool>[] = [];
  for (const [scopeId, permission] of permissions) {
    if (permission.all) whole.push(scopeId);
    else if (permission.ids.length > 0) {
      parts.push(
        sql<SqlBool>`(${scopeColumn} = ${scopeId} and ${idColumn} in (${sql.join(permission.ids)}))`,
      );
    }
  }
  if (whole.length > 0) parts.push(sql<SqlBool>`${scopeColumn} in (${sql.join(whole)})`);
  return parts.length === 0 ? sql<SqlBool>`1 = 0` : sql<SqlBool>`(${sql.join(parts, sql` or `)})`;
}
